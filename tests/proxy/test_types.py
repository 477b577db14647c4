"""What an automatic queryset looks like from outside: types, attributes, representations, methods."""

import collections.abc
import functools
import inspect
import json

import pytest
from django.db.models import Manager, QuerySet
from django.db.models.query import EmptyQuerySet, RawQuerySet

from autoprefetch import auto
from tests.library.models import Author, Book, BookQuerySet, Loan, Shelf
from tests.proxy.comparing import assert_same

pytestmark = pytest.mark.usefixtures("library")

LEFT_OUT = ("Reversible", "Container", "Collection", "ByteString")
#: But for those that ask for methods which a queryset does without: `in` and `reversed` work by its rows all the same.
ABSTRACT = [getattr(collections.abc, name) for name in collections.abc.__all__ if name not in LEFT_OUT]


class Counting(QuerySet):
    """A queryset of the kind that libraries write: it overrides what Django calls inside."""

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.fetches = []

    def _clone(self):
        clone = super()._clone()
        clone.fetches = self.fetches
        return clone

    def _fetch_all(self):
        self.fetches.append(self._result_cache is None)
        super()._fetch_all()

    def __iter__(self):
        return iter([row for row in super().__iter__() if row.pages > 150])


def test_it_is_an_instance_of_what_it_wraps():
    """`isinstance` holds for every class that the plain queryset is an instance of, and for no other."""
    plain, books = Book.objects.all(), auto(Book.objects.all())
    assert isinstance(books, BookQuerySet)
    assert isinstance(books, QuerySet)
    assert books.__class__ is BookQuerySet
    assert not isinstance(books, (Manager, RawQuerySet, EmptyQuerySet, list, str))
    assert isinstance(auto(Book.objects.none()), EmptyQuerySet)
    assert isinstance(auto(Author.objects.raw("SELECT * FROM library_author")), RawQuerySet)
    assert [a.__name__ for a in ABSTRACT if isinstance(books, a)] == [
        a.__name__ for a in ABSTRACT if isinstance(plain, a)
    ]


@pytest.mark.parametrize(
    "ask",
    [
        callable,
        inspect.isawaitable,
        inspect.iscoroutine,
        inspect.isgenerator,
        inspect.isclass,
        inspect.isroutine,
        inspect.getmodule,
        lambda books: books.__doc__,
        lambda books: books.__module__,
        lambda books: hasattr(books, "resolve_expression"),
        lambda books: hasattr(books, "_default_manager"),
        lambda books: hasattr(books, "nonsense"),
        lambda books: books.nonsense,
        lambda books: sorted(set(dir(books)) - {"__wrapped__"}),
        lambda books: sorted(vars(books)),
        lambda books: books.ordered,
        lambda books: books.totally_ordered,
        lambda books: books.db in ("default", "postgresql", "mariadb"),
        lambda books: books.model,
        lambda books: str(books.query),
        lambda books: books.filter.__name__,
        lambda books: str(inspect.signature(books.filter)),
        lambda books: json.dumps(books),
        lambda books: len(books),
        lambda books: books["nonsense"],
        lambda books: books.as_manager,
    ],
)
def test_it_answers_questions_about_itself_like_the_plain_queryset(ask):
    """Introspection, attributes and errors are those of what it wraps."""
    assert_same(lambda wrap: ask(wrap(Author.objects.all())), may_raise=True)


@pytest.mark.parametrize("show", [repr, str, "{!r}".format, "{}".format, "%r".__mod__, "%s".__mod__, ascii])
@pytest.mark.parametrize(
    ("queryset", "warm"),
    [(Book.objects.all, 1), (Book.objects.none, 0), (lambda: Book.objects.values_list("title")[:30], 1)],
    ids=["rows", "none", "values"],
)
def test_it_shows_its_rows(show, queryset, warm):
    """In a shell, a log or a test's failure it reads like the plain queryset: `<QuerySet [...]>`."""
    assert_same(lambda wrap: show(wrap(queryset())), warm=warm)


def test_functions_that_dispatch_on_the_type_find_the_queryset():
    """`singledispatch` and `match` see a queryset."""

    @functools.singledispatch
    def kind(value):
        return "other"

    @kind.register
    def _(value: QuerySet):
        return "queryset"

    assert kind(auto(Book.objects.all())) == "queryset"
    match auto(Book.objects.all()):
        case BookQuerySet(model=model):
            assert model is Book
        case _:
            pytest.fail("not matched as a queryset")


def test_functions_of_the_class_take_it():
    """`QuerySet.filter(books, ...)` works on it, as libraries call it."""
    assert_same(lambda wrap: [str(book) for book in QuerySet.filter(wrap(Book.objects.all()), pages__gt=200)], warm=1)


def test_attributes_can_be_set_and_deleted():
    """An attribute set on it is one of the queryset."""
    books = auto(Book.objects.all())
    books.note = "mine"
    assert books.note == vars(books)["note"] == "mine"
    del books.note
    assert not hasattr(books, "note")


def test_methods_of_a_custom_queryset_are_kept():
    """They are there, they chain, and what they return is automatic."""
    assert_same(lambda wrap: [str(book) for book in wrap(Book.objects.all()).long().tagged("rare").distinct()], warm=2)


@pytest.mark.parametrize("source", [lambda: Book.objects, lambda: Book, lambda: Book._default_manager])
def test_methods_that_a_manager_has_from_its_queryset_are_kept(source):
    """A manager or a model gives the queryset with the methods that both have."""
    assert [book.title for book in auto(source()).long()] == [book.title for book in Book.objects.long()]


def test_what_a_manager_adds_to_its_queryset_is_kept():
    """Its filters and its joins are those of its `get_queryset`."""
    assert list(auto(Shelf)) == list(auto(Shelf.objects)) == list(Shelf.objects.all())
    assert len(auto(Shelf.with_scrapped)) == len(auto(Shelf)) + 1
    assert auto(Loan).query.select_related == Loan.objects.all().query.select_related


def test_a_queryset_that_overrides_the_inside_keeps_its_ways():
    """Its own iteration, clones and attributes work on, with what they load joined."""

    def view(wrap):
        books = wrap(Counting(Book)).filter(pages__gt=100)
        return [str(book) for book in books], books.fetches, len(books)

    assert_same(view, warm=1)
