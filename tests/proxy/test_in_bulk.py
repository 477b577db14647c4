"""`in_bulk()`."""

import pytest

from tests.library.models import Book, Imprint
from tests.proxy.comparing import assert_same

pytestmark = pytest.mark.usefixtures("library")


def test_some_keys():
    """The dict has the same keys in the same order, and warm its rows bring their relations."""
    keys = list(Book.objects.values_list("pk", flat=True)[3:9])

    def view(wrap):
        found = wrap(Book.objects.all()).in_bulk(keys)
        return {key: str(book) for key, book in found.items()}

    assert_same(view, warm=1)


def test_all_rows():
    """Without keys all rows come."""
    assert_same(lambda wrap: {key: str(book) for key, book in wrap(Book.objects.all()).in_bulk().items()}, warm=1)


def test_another_unique_field():
    """`field_name` names the keys."""

    def view(wrap):
        found = wrap(Imprint.objects.all()).in_bulk(["KIDS", "NOIR"], field_name="code")
        return {code: imprint.publisher.name for code, imprint in found.items()}

    assert_same(view, warm=1)


@pytest.mark.parametrize(
    "ask",
    [
        lambda books: books.in_bulk([]),
        lambda books: books.in_bulk([-1, -2]),
        lambda books: books[:3].in_bulk([1]),
        lambda books: books.in_bulk(["A"], field_name="title"),
        lambda books: books.values("title").in_bulk(),
        lambda books: books.in_bulk(7),
    ],
)
def test_nothing_found_and_errors_are_djangos(ask):
    """Empty dicts and refusals are those of Django."""
    assert_same(lambda wrap: ask(wrap(Book.objects.all())), may_raise=True)
