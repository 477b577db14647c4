"""`assert_no_lazy_loads`: which loads it sees, what it says of them, and what it leaves as it was."""

from __future__ import annotations

import asyncio
from unittest import TestCase

import pytest
from asgiref.sync import async_to_sync, sync_to_async
from django.db.models import Count

import autoprefetch
from autoprefetch import auto, override
from autoprefetch.testing import AutoprefetchMixin, assert_no_lazy_loads
from tests.library.models import Author, Book, Comment

pytestmark = pytest.mark.usefixtures("library")


def failure_of(view) -> str:
    with pytest.raises(AssertionError) as raised, assert_no_lazy_loads():
        view()
    return str(raised.value)


def of_a_queryset_that_nobody_wrapped():
    return [book.author.name for book in Book.objects.all()]


def of_an_automatic_queryset():
    return [book.author.name for book in auto(Book.objects.all())]


def of_a_reverse_foreign_key():
    return [list(author.books.all()) for author in Author.objects.all()]


def of_a_slice():
    return [list(author.books.order_by("-published", "pk")[:2]) for author in Author.objects.all()]


def of_a_count():
    return [author.books.count() for author in Author.objects.all()]


def of_a_reverse_one_to_one():
    return [hasattr(author, "profile") for author in Author.objects.all()]


def of_a_generic_foreign_key():
    return [str(comment.subject) for comment in Comment.objects.order_by("pk")]


def of_a_stream():
    return [book.author.name for book in Book.objects.iterator()]


REPEATING = [
    (of_a_queryset_that_nobody_wrapped, "author", '.select_related("author")'),
    (of_an_automatic_queryset, "author", 'Book.objects.all().select_related("author")'),
    (of_a_reverse_foreign_key, "books", '.prefetch_related("books")'),
    (of_a_slice, "books(", 'Prefetch("books", queryset='),
    (of_a_count, "books(", '.annotate(books_count=Count("books"'),
    (of_a_reverse_one_to_one, "profile", '.select_related("profile")'),
    (of_a_generic_foreign_key, "subject[library.Author]", "subject"),
    (of_a_stream, "author", '.select_related("author")'),
]


@pytest.mark.parametrize(("view", "path", "code"), REPEATING, ids=lambda value: getattr(value, "__name__", ""))
def test_it_fails_for_what_is_loaded_row_by_row(view, path, code, database):
    """It names the line that touches the relation, the call site, and the code to paste."""
    text = failure_of(view)
    line = view.__code__.co_firstlineno + 1
    assert f"tests/testing/test_lazy_loads.py:{line} {view.__name__}: {path}" in text
    assert f"{view.__name__} (tests/testing/test_lazy_loads.py:{line}) runs" in text
    assert code in text


PASSING = {
    "what the query loads": lambda: [book.author.name for book in Book.objects.select_related("author")],
    "what the query prefetches": lambda: [
        list(author.books.all()) for author in Author.objects.prefetch_related("books")
    ],
    "what it counts": lambda: [author.n for author in Author.objects.annotate(n=Count("books"))],
    "one row": lambda: Book.objects.get(title=Book.objects.values_list("title", flat=True)[0]).author.name,
    "one of many rows": lambda: next(iter(Book.objects.all())).author.name,
    "no instances": lambda: [title for (title,) in Book.objects.values_list("title")],
}


@pytest.mark.parametrize("view", PASSING.values(), ids=PASSING)
def test_it_passes_where_nothing_is_repeated(view):
    """What the query itself loads, and what loads once, are no lazy loads row by row."""
    with assert_no_lazy_loads():
        view()


def test_what_is_meant_to_stay_lazy_is_left_out():
    """By the settings, as a relation or as a call site, and by the caller of auto()."""
    for pattern in ("library.Book.author", "tests.testing.*"):
        with override(IGNORE=[pattern]), assert_no_lazy_loads():
            of_a_queryset_that_nobody_wrapped()
    with assert_no_lazy_loads():
        assert [book.author.name for book in auto(Book.objects.all(), ignore=("author",))]


def test_it_watches_whatever_the_mode_is():
    """Also in a project that is off, or that never wrapped a queryset."""
    with override(MODE="off"):
        assert "author is loaded lazily" in failure_of(of_a_queryset_that_nobody_wrapped)


def test_it_forgets_what_it_learned():
    """And finds again what was known before: the next evaluation outside is as warm, or as cold, as without it."""
    of_an_automatic_queryset()
    before = autoprefetch.report().as_dict()
    failure_of(of_a_queryset_that_nobody_wrapped)
    failure_of(of_an_automatic_queryset)
    assert autoprefetch.report().as_dict() == before


def test_an_error_inside_is_what_is_raised():
    """The assertion does not hide it."""

    def view():
        of_a_queryset_that_nobody_wrapped()
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError), assert_no_lazy_loads():
        view()


def test_instances_that_outlive_the_block_go_on_as_in_plain_django():
    """Nobody knows their call site any more."""
    with assert_no_lazy_loads():
        books = list(Book.objects.all())
    assert [book.author_id for book in books] == [book.author.pk for book in books]
    assert [author.books.count() for author in (book.author for book in books)]


def test_async_code_is_watched():
    """The block holds for the tasks that it starts and for what they hand to threads."""

    async def view():
        with assert_no_lazy_loads():
            await asyncio.gather(sync_to_async(of_a_queryset_that_nobody_wrapped)())

    with pytest.raises(AssertionError, match="author is loaded lazily"):
        async_to_sync(view)()


def test_the_mixin_says_the_same():
    """For `unittest`."""

    class BooksTest(AutoprefetchMixin, TestCase):
        def test_books(self) -> None:
            with self.assertNoLazyLoads():
                of_a_queryset_that_nobody_wrapped()

    with pytest.raises(BooksTest.failureException, match="author is loaded lazily"):
        BooksTest("test_books").debug()
