"""Iteration, `len`, `bool` and `in`, in all the ways that Python and people write them."""

import itertools
from collections import deque

import pytest

from autoprefetch import auto
from tests.databases import count_queries
from tests.library.models import Book, Branch
from tests.proxy.comparing import assert_same

pytestmark = pytest.mark.usefixtures("library")


def by_loop(books):
    lines = []
    for book in books:
        lines.append(book.author.name)  # noqa: PERF401
    return lines


def by_star(books):
    first, *others, last = books
    return [first.author.name, [book.author.name for book in others], last.author.name]


def by_hand(books):
    iterator = iter(books)
    return [next(iterator).author.name, *(book.author.name for book in iterator)]


def by_arguments(*books):
    return [book.author.name for book in books]


def by_yield(books):
    yield from (book.author.name for book in books)


@pytest.mark.parametrize(
    "consume",
    [
        by_loop,
        by_star,
        by_hand,
        lambda books: list(by_yield(books)),
        lambda books: [book.author.name for book in books],
        lambda books: {book.author.name: book.title for book in books},
        lambda books: sorted({book.author.name for book in books}),
        lambda books: tuple(book.author.name for book in books),
        lambda books: [book.author.name for book in list(books)],
        lambda books: [book.author.name for book in [*books]],
        lambda books: [book.author.name for book in deque(books)],
        lambda books: [book.author.name for book in reversed(books)],
        lambda books: list(map(str, books)),
        lambda books: [(number, book.author.name) for number, book in enumerate(books, start=1)],
        lambda books: [(book.author.name, after.author.name) for book, after in itertools.pairwise(books)],
        lambda books: [book.title for book in sorted(books, key=lambda book: (book.author.name, book.pk))],
        lambda books: [name for name, _ in itertools.groupby(books, lambda book: book.author.name)],
        lambda books: max(books, key=lambda book: (book.author.name, book.pk)),
        lambda books: any(book.author.name == "Finn" for book in books),
        lambda books: by_arguments(*books),
    ],
)
def test_every_way_to_iterate_gives_the_same_rows_and_joins_what_they_load(consume):
    """However a loop is written, it sees the same rows in the same order, and warm it takes one query."""
    assert_same(lambda wrap: consume(wrap(Book.objects.all())), warm=1)


def test_rows_without_an_ordering_keep_theirs_and_are_prefetched():
    """Where SQL promises no order nothing is joined: a second query loads the related rows."""
    assert_same(lambda wrap: [(branch.name, branch.street.name) for branch in wrap(Branch.objects.all())], warm=2)


def test_a_second_loop_reads_the_same_objects():
    """The result cache is the queryset's own: a second loop asks nothing and sees the same objects."""

    def view(wrap):
        books = wrap(Book.objects.all())
        first = list(books)
        return all(one is other for one, other in zip(first, books, strict=True))

    assert_same(view, warm=1)


def test_a_loop_that_stops_early_has_read_what_plain_django_reads():
    """A loop that breaks loads no more than without `auto()`."""

    def view(wrap):
        names = []
        for book in wrap(Book.objects.all()):
            names.append(book.author.name)
            if len(names) == 3:
                break
        return names

    assert_same(view, warm=1)


@pytest.mark.parametrize(
    "ask",
    [len, bool, lambda books: not books, lambda books: Book.objects.get(title="Book 03") in books],
    ids=["len", "bool", "not", "in"],
)
@pytest.mark.parametrize("title", ["Book 03", "no such book"])
def test_questions_fill_the_result_cache_as_in_django(ask, title):
    """`len`, `bool` and `in` load the rows once, and the loop after them loads nothing more."""

    def view(wrap):
        books = wrap(Book.objects.filter(title=title))
        return ask(books), [book.title for book in books]

    assert_same(view)


def test_a_loop_after_len_is_one_evaluation():
    """What `len` loaded first is warm too, when a loop below it uses a relation."""

    def view(wrap):
        books = wrap(Book.objects.all())
        return len(books), [book.author.name for book in books]

    assert_same(view, warm=1)


def test_nothing_runs_before_the_first_row_is_asked_for():
    """Wrapping and chaining are lazy, and so is an empty queryset for ever."""
    with count_queries() as log:
        auto(Book.objects.all()).filter(pages__gt=1).order_by("title")
        assert list(auto(Book.objects.none())) == []
        assert not auto(Book.objects.filter(pk__in=[]))
    assert len(log) == 0, log
