"""Memory: peers do not keep each other alive, nothing outlives the result set, pickles do not grow."""

import copy
import gc
import pickle
from collections.abc import Callable
from typing import Any
from weakref import ref

import pytest

import autoprefetch
from autoprefetch import auto
from autoprefetch.observe.peers import PeerGroup
from tests.library.models import Author, Book

pytestmark = pytest.mark.usefixtures("library")

USES: dict[str, Callable[[Any], Any]] = {
    "set": lambda a: list(a.books.all()),
    "slice": lambda a: list(a.books.order_by("-pk")[:2]),
    "count": lambda a: a.books.count(),
    "foreign key": lambda a: a.mentor,
    "reverse one-to-one": lambda a: hasattr(a, "profile"),
    "many-to-many": lambda a: [list(b.tags.all()) for b in a.books.all()],
    "back to the parent": lambda a: [b.author for b in a.books.all()],
}


def groups() -> int:
    gc.collect()
    return sum(type(found) is PeerGroup for found in gc.get_objects())


@pytest.mark.parametrize("use", USES)
def test_nothing_stays_when_the_rows_are_gone(use: str, database: str) -> None:
    before = groups()
    for _ in range(3):
        rows = list(auto(Author.objects.all()))
        for row in rows:
            USES[use](row)
        died = [ref(row) for row in rows]
        del rows, row
        gc.collect()
        assert not [reference for reference in died if reference() is not None]
        assert groups() == before


@pytest.mark.parametrize("use", USES)
def test_one_live_row_keeps_no_other_alive(use: str, database: str) -> None:
    for _ in range(2):
        rows = list(auto(Author.objects.order_by("-pk")))
        USES[use](rows[0])
        kept, others = rows[5], [ref(row) for row in (*rows[:5], *rows[6:])]
        del rows
        gc.collect()
        alive = [found.name for reference in others if (found := reference()) is not None]
        assert not [name for name in alive if kept.mentor is None or name != kept.mentor.name]


def test_rows_are_freed_without_the_garbage_collector(database: str) -> None:
    """No cycle through the peers: a row dies with its last reference, as in plain Django."""
    rows = list(auto(Author.objects.all()))
    for row in rows:
        row.books.count(), list(row.books.order_by("pk")[:1])
    died = [ref(row) for row in rows]
    gc.collect()
    gc.disable()
    try:
        del rows, row
        assert not [reference for reference in died if reference() is not None]
    finally:
        gc.enable()


def test_related_rows_do_not_keep_their_parents(database: str) -> None:
    """A book kept from a slice keeps its own author (plain Django sets it) and no other."""
    authors = list(auto(Author.objects.all()))
    slices = [list(author.books.order_by("pk")[:1]) for author in authors]
    (book,) = slices.pop(0)
    del slices
    others = [ref(author) for author in authors[1:]]
    del authors
    gc.collect()
    assert book.author.name == "Ada"
    assert not [reference for reference in others if reference() is not None]


@pytest.mark.parametrize("use", ["slice", "count", "foreign key", "reverse one-to-one"])
def test_pickles_are_those_of_plain_django(use: str, database: str) -> None:
    def pickled() -> bytes:
        rows = list(auto(Author.objects.all()))
        for row in rows:
            USES[use](row)
        for row in rows:
            row._state.fields_cache.clear()
        return pickle.dumps(rows)

    sizes = []
    for mode in ("off", "auto", "auto"):
        with autoprefetch.override(MODE=mode, AHEAD=False):
            sizes.append(len(pickled()))
    assert max(sizes) - sizes[0] < 8  # the name of the fetch mode on Django 6.1, once


def test_pickles_of_derived_querysets_load_and_run(database: str) -> None:
    author = next(iter(auto(Author.objects.all())))
    waiting, done = author.books.order_by("-pk")[:2], author.books.order_by("-pk")[:2]
    assert len(done) == 2
    assert list(pickle.loads(pickle.dumps(waiting))) == list(done)
    assert list(pickle.loads(pickle.dumps(done))) == list(done)
    again = pickle.loads(pickle.dumps(author))
    assert list(again.books.order_by("-pk")[:2]) == list(done)
    assert list(copy.deepcopy(waiting)) == list(done)
    assert list(copy.copy(author).books.order_by("-pk")[:2]) == list(done)


def test_a_derived_queryset_outlives_its_parent(database: str) -> None:
    """The queryset holds the parent's key, not the parent."""
    authors = list(auto(Author.objects.all()))
    querysets = [author.books.order_by("-pk")[:1] for author in authors]
    expected = [list(Book.objects.filter(author=author).order_by("-pk")[:1]) for author in authors]
    counts = [author.books.filter(pages__gt=0) for author in authors]
    del authors
    gc.collect()
    assert [list(queryset) for queryset in querysets] == expected
    assert [queryset.count() for queryset in counts] == [
        Book.objects.filter(author_id=number).count()
        for number in Author.objects.order_by("pk").values_list("pk", flat=True)
    ]
