"""The cache of an instance whose related rows wait until they are used, or until they are stale."""

from __future__ import annotations

import copy
import pickle

import pytest

from autoprefetch.observe import epochs
from autoprefetch.observe.epochs import Freshness
from autoprefetch.orm.caches import WaitingCache, keep_waiting, peek
from tests.library.models import Book

FIRST, SECOND, OTHER = Book(title="first"), Book(title="second"), Book(title="other")
FRESH, STALE = Freshness(frozenset({"a_table"})), Freshness(frozenset({"another_table"}))


@pytest.fixture(autouse=True)
def _stale() -> None:
    STALE.begin(epochs.now())
    FRESH.begin(epochs.now())
    epochs.here().move({"another_table"}, False)


@pytest.fixture
def cache() -> WaitingCache:
    found = WaitingCache(
        {"fresh": FIRST, "stale": SECOND, "null": None}, {"fresh": FRESH, "stale": STALE, "null": FRESH}
    )
    found["set"] = 3
    return found


def test_what_waits_is_there(cache):
    """By each way of looking at one value."""
    assert "fresh" in cache
    assert cache["fresh"] is FIRST
    assert cache.get("null", 5) is None
    assert cache.setdefault("set", 5) == 3
    assert cache.pop("fresh") is FIRST
    assert "fresh" not in cache


@pytest.mark.parametrize("ask", [lambda c: c["stale"], lambda c: c.pop("stale"), lambda c: c.__delitem__("stale")])
def test_what_is_stale_is_missing(cache, ask):
    """As if it had never been loaded."""
    with pytest.raises(KeyError):
        ask(cache)
    assert "stale" not in cache
    assert cache.get("stale", 5) == 5
    assert cache.pop("stale", 6) == 6
    assert cache.setdefault("stale", 7) == 7


def test_what_was_used_stays(cache):
    """A write after the first use does not take it away."""
    assert cache["fresh"] is FIRST
    epochs.here().move({"a_table"}, False)
    assert cache["fresh"] is FIRST
    assert cache.get("null", 5) == 5


def test_looking_whether_it_is_there_is_no_use(cache):
    assert "fresh" in cache
    epochs.here().move({"a_table"}, False)
    assert "fresh" not in cache


def test_what_is_set_or_deleted_waits_no_longer(cache):
    """An instance whose foreign key was set anew keeps what was set."""
    cache["fresh"] = 8
    assert cache["fresh"] == 8
    del cache["fresh"]
    assert "fresh" not in cache
    cache.clear()
    assert dict(cache) == {}


@pytest.mark.parametrize("whole", [dict, lambda c: {**c}, lambda c: dict(c.items()), lambda c: {n: c[n] for n in c},
                                   lambda c: dict(zip(c.keys(), c.values(), strict=True))])  # fmt: skip
def test_the_dict_as_a_whole_has_all_that_is_not_stale(cache, whole):
    assert whole(cache) == {"fresh": FIRST, "null": None, "set": 3}
    assert len(cache) == 3


def test_copies_have_what_was_used(cache):
    """They are plain dicts, as those of rows that plain Django has loaded."""
    assert cache["fresh"] is FIRST
    for copied in (cache.copy(), copy.copy(cache), copy.deepcopy(cache), pickle.loads(pickle.dumps(cache))):
        assert type(copied) is dict
        assert copied.keys() == {"fresh", "set"}
        assert copied["fresh"].title == "first"


def test_rows_may_come_more_than_once():
    """Several parents share a prefetched row; what it was given in between waits as well."""
    book = Book(title="x")
    book._state.fields_cache = {"author": OTHER, "mine": 2}
    keep_waiting([book, book], {"author": FRESH})
    book._state.fields_cache["publisher"] = 3
    keep_waiting([book, book], {"publisher": STALE})
    assert peek(book, "author") is OTHER
    assert dict(book._state.fields_cache) == {"author": OTHER, "mine": 2}


def test_rows_without_a_value_keep_their_dict():
    book = Book(title="x")
    book._state.fields_cache = plain = {"mine": 2}
    keep_waiting([book], {"author": FRESH})
    assert book._state.fields_cache is plain
