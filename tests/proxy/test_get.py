"""`get()`: one row, or the errors that people catch."""

import pytest
from django.core.exceptions import MultipleObjectsReturned, ObjectDoesNotExist
from django.db.models import Q

from autoprefetch import auto
from tests.library.models import Author, Book, Branch, Reader
from tests.proxy.comparing import assert_same

pytestmark = pytest.mark.usefixtures("library")


@pytest.mark.parametrize(
    "get",
    [
        lambda books: books.get(title="Book 03"),
        lambda books: books.get(Q(title="Book 03") | Q(pages__lt=0)),
        lambda books: books.get(title="Book 03", tags__name="sad"),
        lambda books: books.filter(title="Book 03").get(),
        lambda books: books.order_by("published").get(title="Book 03"),
        lambda books: books[3:4].get(),
        lambda books: books.defer("summary").get(title="Book 03"),
    ],
)
def test_one_row_is_joined_whatever_the_ordering(get):
    """`get()` allows one row only, so a join is safe: its relations take no query of their own."""
    assert_same(lambda wrap: str(get(wrap(Book.objects.all()))), warm=1)


def test_one_row_of_a_model_without_ordering_is_joined_as_well():
    """The order of rows is no matter when there is one: a chain of four relations comes in one query."""
    assert_same(lambda wrap: str(wrap(Branch.objects.all()).get(name="Lyon").street.city.country.continent), warm=1)


@pytest.mark.parametrize(
    "get", [lambda readers, key: readers.get(pk=key), lambda readers, key: readers.filter(id=key).get()]
)
def test_one_row_by_its_primary_key(get):
    """A primary key of any kind finds the same row."""
    key = Reader.objects.get(name="Jan").pk
    assert_same(lambda wrap: get(wrap(Reader.objects.all()), key).branch.name, warm=1)


def test_a_set_of_one_row_is_the_same():
    """A to-many relation of a single row has nothing to save."""
    assert_same(lambda wrap: [tag.name for tag in wrap(Book.objects.all()).get(title="Book 05").tags.all()])


@pytest.mark.parametrize(
    "get",
    [
        lambda books: books.get(title="no such book"),
        lambda books: books.get(pages__gt=0),
        lambda books: books.none().get(),
        lambda books: books[:3].get(),
        lambda books: books[:3].get(title="Book 03"),
        lambda books: books.get(nonsense=1),
        lambda books: books.get(author="nobody"),
        lambda books: books.values("title").get(title="Book 03"),
        lambda books: books.values_list("title", flat=True).get(title="Book 03"),
        lambda books: books.order_by().union(books.order_by()).get(),
        lambda books: books.union(books).get(title="Book 03"),
        lambda books: books.distinct().get(title="Book 03"),
    ],
)
def test_what_get_answers_or_raises_is_djangos(get):
    """Errors keep their type and their words, cold and warm."""
    assert_same(lambda wrap: get(wrap(Book.objects.all())), may_raise=True)


def test_the_errors_are_those_of_the_model():
    """People catch `Book.DoesNotExist`; the error of the query has no other error as its context."""
    with pytest.raises(Book.DoesNotExist) as none:
        auto(Book.objects.all()).get(title="no such book")
    with pytest.raises(Book.MultipleObjectsReturned) as many:
        auto(Book.objects.all()).get()
    assert isinstance(none.value, ObjectDoesNotExist)
    assert isinstance(many.value, MultipleObjectsReturned)
    assert none.value.__context__ is many.value.__context__ is None
    assert auto(Author.objects.all()).model.DoesNotExist is Author.DoesNotExist
