"""`assert_scales`: views whose queries grow with the rows fail, others pass."""

from __future__ import annotations

import datetime
from unittest import TestCase

import pytest

from autoprefetch import auto
from autoprefetch.testing import AutoprefetchMixin, assert_scales
from tests.library.models import Author, Book

pytestmark = pytest.mark.django_db


def make_books(count: int) -> None:
    day = datetime.date(2020, 1, 1)
    for _ in range(count):
        Book.objects.create(title="B", pages=1, published=day, author=Author.objects.create(name="A"))


def lazily() -> list[str]:
    return [book.author.name for book in Book.objects.all()]


def joined() -> list[str]:
    return [book.author.name for book in Book.objects.select_related("author")]


def automatically() -> list[str]:
    return [book.author.name for book in auto(Book.objects.all())]


def by_queries_of_its_own() -> list[str]:
    return [
        Author.objects.values_list("name", flat=True).get(pk=pk) for pk in Book.objects.values_list("author", flat=True)
    ]


@pytest.mark.parametrize("view", [joined, automatically])
def test_it_passes_where_the_queries_do_not_grow(view):
    """Loaded by hand or automatically; the first run, which is cold, does not count."""
    assert_scales(make_books, view)


def test_it_fails_where_they_grow():
    """With the numbers, the statement, the line that sends it, and the code to paste."""
    with pytest.raises(AssertionError) as raised:
        assert_scales(make_books, lazily)
    text = str(raised.value)
    line = lazily.__code__.co_firstlineno + 1
    place = f"tests/testing/test_scaling.py:{line}"
    assert text.startswith("The number of queries grows with the rows: 3 at 2 rows, 11 at 10 rows and 51 at 50 rows.")
    assert f"2 times at 2 rows, 50 at 50 from {place} lazily: SELECT" in text
    assert f"{place} lazily: author is loaded lazily 50 times an evaluation" in text
    assert '.select_related("author")' in text


def test_it_fails_for_queries_that_are_no_lazy_loads():
    """There is no code to paste; the statement is named."""
    with pytest.raises(AssertionError) as raised:
        assert_scales(make_books, by_queries_of_its_own)
    assert "50 at 50 from tests/testing/test_scaling.py" in str(raised.value)
    assert "loaded lazily" not in str(raised.value)


def test_the_factory_makes_the_rows_that_are_missing():
    """So each run sees as many rows as its size says; the view runs once more at the first."""
    asked, seen = [], []

    def factory(count: int) -> None:
        asked.append(count)
        make_books(count)

    assert_scales(factory, lambda: seen.append(Book.objects.count()), sizes=(1, 3, 4))
    assert asked == [1, 2, 1]
    assert seen == [1, 1, 3, 4]


@pytest.mark.parametrize("sizes", [(), (2,), (2, 2), (10, 2), (0, 5)])
def test_sizes_that_do_not_grow_are_refused(sizes):
    """They would prove nothing."""
    with pytest.raises(ValueError, match="Pass two sizes or more that grow"):
        assert_scales(make_books, joined, sizes=sizes)


def test_the_mixin_says_the_same():
    """For `unittest`."""

    class BooksTest(AutoprefetchMixin, TestCase):
        def test_books(self) -> None:
            self.assertScales(make_books, lazily, sizes=(2, 5))

    with pytest.raises(BooksTest.failureException, match="3 at 2 rows and 6 at 5 rows"):
        BooksTest("test_books").debug()
