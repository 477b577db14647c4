"""`first`, `last`, `earliest` and `latest`."""

import pytest

from tests.library.models import Book, Branch, Loan
from tests.proxy.comparing import assert_same

pytestmark = pytest.mark.usefixtures("library")


@pytest.mark.parametrize(
    "pick",
    [
        lambda books: books.first(),
        lambda books: books.last(),
        lambda books: books.reverse().first(),
        lambda books: books.order_by("-title", "pk").first(),
        lambda books: books.order_by("-title", "pk").last(),
        lambda books: books.earliest("pk"),
        lambda books: books.latest("pk"),
        lambda books: books.earliest("published", "pk"),
        lambda books: books.latest("-published", "-pk"),
        lambda books: books.filter(pages__gt=200).first(),
    ],
)
def test_the_row_at_an_end_is_the_same_and_joined(pick):
    """Where the ordering is total the row comes with its relations in one query."""
    assert_same(lambda wrap: str(pick(wrap(Book.objects.all()))), warm=1)


@pytest.mark.parametrize("pick", ["first", "last"])
def test_without_an_ordering_django_orders_by_the_key(pick):
    """`first()` of an unordered model is ordered by its key, which is total."""
    assert_same(lambda wrap: getattr(wrap(Branch.objects.all()), pick)().street.name, warm=1)


@pytest.mark.parametrize(
    "pick",
    [
        lambda books: books.order_by("published").first(),
        lambda books: books.order_by("published").last(),
        lambda books: books.earliest("published"),
        lambda books: books.latest("published"),
    ],
)
def test_a_row_among_ties_is_the_row_that_django_picks(pick):
    """Among ties the database picks; `auto()` must not make it pick another row, nor cost a query more."""
    assert_same(lambda wrap: str(pick(wrap(Book.objects.all()))))


def test_the_callers_own_join_is_kept():
    """The manager joins the copy; what is below it is loaded as before."""
    assert_same(lambda wrap: wrap(Loan.objects.order_by("pk")).first().copy.book.author.name, warm=1)


@pytest.mark.parametrize(
    "pick",
    [
        lambda books: books.none().first(),
        lambda books: books.filter(pages__lt=0).last(),
        lambda books: books.filter(pages__lt=0).latest("pk"),
        lambda books: books.none().earliest("pk"),
        lambda books: books.earliest(),
        lambda books: books.latest("nonsense"),
        lambda books: books[:3].last(),
        lambda books: books[:3].first(),
        lambda books: books[:3].latest("pk"),
        lambda books: books.values("title").first(),
        lambda books: books.values_list("title", flat=True).last(),
    ],
)
def test_the_ends_of_nothing_and_the_errors_are_djangos(pick):
    """None, or the error of Django with its words."""
    assert_same(lambda wrap: pick(wrap(Book.objects.all())), may_raise=True)
