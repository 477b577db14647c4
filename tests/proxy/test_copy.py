"""`copy.copy` and `copy.deepcopy`."""

import copy

import pytest

from autoprefetch import auto
from tests.databases import count_queries
from tests.library.models import Book
from tests.proxy.comparing import assert_same, assert_same_or_less

pytestmark = pytest.mark.usefixtures("library")


@pytest.mark.parametrize("duplicate", [copy.copy, copy.deepcopy])
@pytest.mark.parametrize("chain", [lambda books: books, lambda books: books.filter(pages__gt=200)[:6]])
def test_a_copy_has_the_same_rows_and_is_automatic(duplicate, chain):
    """A copy is of the same class, has the same rows, and joins what they load."""

    def view(wrap):
        books = duplicate(chain(wrap(Book.objects.all())))
        return books.__class__, [str(book) for book in books]

    assert_same(view, warm=1)


@pytest.mark.parametrize("duplicate", [copy.copy, copy.deepcopy])
def test_a_copy_of_loaded_rows_costs_what_it_costs_in_django(duplicate):
    """`copy` shares the loaded rows, `deepcopy` asks again."""

    def view(wrap):
        books = wrap(Book.objects.all())
        rows = list(books)
        duplicated = list(duplicate(books))
        return rows == duplicated, [one is other for one, other in zip(rows, duplicated, strict=True)]

    assert_same(view)


@pytest.mark.parametrize("duplicate", [copy.copy, copy.deepcopy])
def test_a_copy_goes_its_own_way(duplicate):
    """Evaluating a copy leaves the original unevaluated, and an attribute set on one is not on the other."""
    books = auto(Book.objects.all())
    other = duplicate(books)
    other.note = "mine"
    list(other)
    assert not hasattr(books, "note")
    # Django's own `copy.copy` evaluates what it copies, as pickling does.
    assert (books._result_cache is None) == (duplicate is copy.deepcopy)
    assert isinstance(other, type(Book.objects.all()))
    assert other is not books


def test_a_deep_copy_of_what_holds_it():
    """Forms and views deep-copy what holds a queryset."""
    holder = {"queryset": auto(Book.objects.all()), "again": None}
    holder["again"] = holder["queryset"]
    copied = copy.deepcopy(holder)
    assert copied["queryset"] is copied["again"]
    assert copied["queryset"] is not holder["queryset"]
    with count_queries() as log:
        assert list(copied["queryset"]) == list(Book.objects.all())
    assert len(log) == 2


@pytest.mark.parametrize("duplicate", [copy.copy, copy.deepcopy])
def test_an_instance_can_be_copied(duplicate):
    """Copies of instances load lazily as they do in Django, cold and warm."""

    def view(wrap):
        book = duplicate(list(wrap(Book.objects.all()))[3])
        return book.title, book.author.name

    plain = assert_same_or_less(view)
    assert plain.queries == 2
