"""`iterator()`: rows as they come, with nothing kept."""

import itertools

import pytest

from autoprefetch import auto
from tests.databases import count_queries
from tests.library.models import Book, Branch
from tests.proxy.comparing import assert_same

pytestmark = pytest.mark.usefixtures("library")


@pytest.mark.parametrize(
    ("options", "cold"), [({}, 2), ({"chunk_size": 5}, 3), ({"chunk_size": 1000}, 2)], ids=["none", "5", "1000"]
)
def test_to_one_relations_are_joined_while_rows_stream(options, cold):
    """A join needs no prefetch, so it works with and without a chunk size; the rows of a chunk are peers."""
    assert_same(lambda wrap: [str(book) for book in wrap(Book.objects.all()).iterator(**options)], cold=cold, warm=1)


@pytest.mark.parametrize(("chunk_size", "warm"), [(5, 5), (16, 2), (1000, 2)])
def test_sets_are_prefetched_chunk_by_chunk(chunk_size, warm):
    """With a chunk size to-many relations take one query a chunk."""

    def view(wrap):
        books = wrap(Book.objects.all()).iterator(chunk_size=chunk_size)
        return [sorted(tag.name for tag in book.tags.all()) for book in books]

    assert_same(view, cold=warm, warm=warm)


def test_what_one_chunk_did_not_use_is_not_loaded_for_the_next():
    """Loaded ahead in vain once, it is batched when it is touched after all."""

    def view(used):
        books = auto(Book.objects.all(), name="chunks").iterator(chunk_size=4)
        return [sorted(tag.name for tag in book.tags.all()) for number, book in enumerate(books) if used(number)]

    expected = view(lambda number: True)
    assert view(lambda number: True) == expected
    with count_queries() as unused:
        assert view(lambda number: False) == []
    assert len(unused) == 1 + 1
    with count_queries() as late:
        assert view(lambda number: number >= 8) == expected[8:]
    assert len(late) == 1 + 1 + 2
    with count_queries() as partly:
        assert view(lambda number: number % 4 == 1) == expected[1::4]
    assert len(partly) == 1 + 4


@pytest.mark.parametrize(
    "lines",
    [
        lambda rows: [sorted(tag.name for tag in book.tags.all()) for book in rows(Book.objects.all())],
        lambda rows: [branch.street.name for branch in rows(Branch.objects.all())],
    ],
    ids=["to-many", "unordered"],
)
def test_without_a_chunk_size_nothing_is_prefetched(lines):
    """Django refuses a prefetch without a chunk size; the first touch is answered for the rows of its window."""
    assert_same(lambda wrap: lines(lambda queryset: wrap(queryset).iterator()), cold=2, warm=2)


def test_each_iterator_asks_again():
    """`iterator()` neither fills nor reads the result cache."""

    def view(wrap):
        books = wrap(Book.objects.all())
        return [[book.title for book in books.iterator()] for _ in range(2)], books._result_cache

    assert_same(view)


def test_it_is_lazy_and_can_be_left():
    """Nothing runs before the first row, and whoever stops early pays for what was read."""
    with count_queries() as log:
        rows = auto(Book.objects.all()).iterator(chunk_size=2)
        assert len(log) == 0
        assert [book.title for book in itertools.islice(rows, 3)] == ["Book 00", "Book 01", "Book 02"]
        rows.close()
    assert len(log) == 1, log
    assert_same(lambda wrap: str(next(wrap(Book.objects.all()).iterator())), warm=1)


@pytest.mark.parametrize(
    "start",
    [
        lambda books: books.iterator(chunk_size=0),
        lambda books: books.iterator(chunk_size=-1),
        lambda books: books.prefetch_related("tags").iterator(),
        lambda books: list(books.values_list("title", flat=True).iterator()),
        lambda books: list(books.none().iterator()),
    ],
)
def test_refusals_and_values_are_djangos(start):
    """A wrong chunk size, and a prefetch of the caller's own without one, are refused at once as in Django."""

    def view(wrap):
        found = start(wrap(Book.objects.all()))
        return found if isinstance(found, list) else "not refused"

    assert_same(view, may_raise=True)


def test_the_callers_prefetch_is_kept():
    """What the caller prefetches is neither loaded twice nor lost."""

    def view(wrap):
        books = wrap(Book.objects.prefetch_related("tags")).iterator(chunk_size=8)
        return [(sorted(tag.name for tag in book.tags.all()), book.author.name) for book in books]

    assert_same(view, cold=4, warm=3)
