"""Indexing and slicing."""

import pytest

from autoprefetch import auto
from tests.databases import count_queries
from tests.library.models import Book, Branch
from tests.proxy.comparing import assert_same

pytestmark = pytest.mark.usefixtures("library")


@pytest.mark.parametrize("index", [0, 3, 15])
def test_an_index_gives_the_same_row_with_what_it_loads(index):
    """`books[3]` is the same row, and warm its relation comes along."""
    assert_same(lambda wrap: str(wrap(Book.objects.all())[index]), warm=1)


@pytest.mark.parametrize(
    "part",
    [slice(5), slice(2, 7), slice(10, None), slice(None), slice(14, 40), slice(1, 9, 3), slice(None, None, 4)],
    ids=str,
)
def test_a_slice_gives_the_same_rows_of_the_same_type(part):
    """A slice is a queryset, or a list when it has a step, of the same rows, and warm it takes one query."""
    assert_same(lambda wrap: [(rows := wrap(Book.objects.all())[part]).__class__, [str(b) for b in rows]], warm=1)


@pytest.mark.parametrize("part", [slice(0), slice(4, 4), slice(100, 200)], ids=str)
def test_an_empty_slice_stays_empty(part):
    """A slice of nothing gives nothing, in as many queries as Django needs for it."""
    assert_same(lambda wrap: [str(book) for book in wrap(Book.objects.all())[part]])


def test_a_slice_of_a_slice_counts_from_the_first():
    """Slices nest."""
    assert_same(lambda wrap: [str(book) for book in wrap(Book.objects.all())[2:12][3:6]], warm=1)


def test_a_page_of_ties_holds_the_same_rows():
    """Where the ordering has ties nothing is joined, so that a page holds its very rows."""
    assert_same(
        lambda wrap: [
            (branch.name, branch.street.name) for branch in wrap(Branch.objects.order_by("street__city"))[:3]
        ],
        warm=2,
    )


@pytest.mark.parametrize("key", [-1, slice(-3, None), slice(0, -1), "title", None, 1.5, 99, (1, 2)], ids=repr)
def test_a_wrong_index_raises_what_django_raises(key):
    """The error of a wrong index has Django's type and words."""
    assert_same(lambda wrap: wrap(Book.objects.all())[key], may_raise=True)


@pytest.mark.parametrize("method", ["filter", "exclude", "order_by", "distinct", "reverse", "update", "delete", "last"])
def test_what_a_slice_refuses_it_still_refuses(method):
    """A slice cannot be filtered, ordered or written to, and says so as in Django."""
    arguments = {"filter": {"pages": 1}, "exclude": {"pages": 1}, "update": {"pages": 1}}
    assert_same(lambda wrap: getattr(wrap(Book.objects.all())[:3], method)(**arguments.get(method, {})), may_raise=True)


def test_indexes_of_loaded_rows_ask_nothing():
    """Once the rows are loaded, indexes and slices are answered from them, and a slice is then a list."""
    books = auto(Book.objects.all())
    rows = list(books)
    with count_queries() as log:
        assert books[3] is rows[3]
        assert books[2:5] == rows[2:5]
        assert type(books[2:5]) is list
        assert books[::5] == rows[::5]
    assert len(log) == 0, log
