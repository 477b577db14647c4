"""The memory store: bounded, least recently used out first, and safe between threads."""

from __future__ import annotations

import threading

import pytest

from autoprefetch.learn.profiles import Profile, Usage
from autoprefetch.learn.stores import Store
from autoprefetch.learn.stores.memory import MemoryStore

ONE = Profile(evaluations=1, rows=10, usages={("author",): Usage(1, 10, 10)})


def keys(store: Store) -> list[str]:
    return [key for key, _ in store.items()]


def filled(limit: int, *names: str) -> MemoryStore:
    store = MemoryStore(limit)
    for name in names:
        store.merge(name, ONE)
    return store


def test_an_unknown_key_is_none():
    """Nothing is known before it was learned."""
    assert MemoryStore(3).load("a") is None


def test_what_was_merged_is_loaded():
    """Deltas add up under their key."""
    store = filled(3, "a", "a", "b")
    assert store.load("a") == ONE.merged_with(ONE)
    assert store.load("b") == ONE


def test_the_least_recently_used_is_forgotten_first():
    """Both merging and loading are uses."""
    store = filled(3, "a", "b", "c")
    store.load("a")
    store.merge("b", ONE)
    store.merge("d", ONE)
    assert sorted(keys(store)) == ["a", "b", "d"]
    store.merge("e", ONE)
    assert sorted(keys(store)) == ["b", "d", "e"]


def test_loading_the_unknown_forgets_nothing():
    """A miss makes no room and takes none."""
    store = filled(2, "a", "b")
    store.load("c")
    assert sorted(keys(store)) == ["a", "b"]


def test_the_limit_holds_with_many_keys():
    """Memory is bounded, however many call sites there are."""
    store = filled(10, *(f"site {number}" for number in range(1000)))
    assert keys(store) == [f"site {number}" for number in range(990, 1000)]


def test_a_lower_limit_holds_from_the_next_merge():
    """MAX_CALL_SITES may change while the process runs."""
    store = filled(5, "a", "b", "c", "d", "e")
    store.limit = 2
    store.merge("f", ONE)
    assert keys(store) == ["e", "f"]


def test_delete_forgets_one_and_clear_forgets_all():
    """Also what is not there."""
    store = filled(3, "a", "b")
    store.delete("a")
    store.delete("nothing")
    assert keys(store) == ["b"]
    store.clear()
    assert keys(store) == []
    assert store.load("b") is None


def test_items_can_be_walked_while_the_store_changes():
    """A report is made while requests go on."""
    store = filled(3, "a", "b", "c")
    for key in keys(store):
        store.delete(key)
        store.merge(f"new {key}", ONE)
    assert sorted(keys(store)) == ["new a", "new b", "new c"]


def test_threads_lose_no_count():
    """Merging reads and writes; no other thread comes between."""
    store, start = MemoryStore(10), threading.Barrier(8)

    def work() -> None:
        start.wait(5)
        for _ in range(500):
            store.merge("a", ONE)
            store.load("a")

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    profile = store.load("a")
    assert profile is not None
    assert (profile.evaluations, profile.usages["author",].loads) == (4000, 40_000)


def test_threads_that_add_delete_load_and_clear_do_not_stumble():
    """No KeyError, no RuntimeError of a dict that changed, and the limit holds."""
    store, start, faults = MemoryStore(5), threading.Barrier(6), []

    def work(number: int) -> None:
        start.wait(5)
        try:
            for step in range(2000):
                name = f"site {(step * (number + 3)) % 11}"
                store.merge(name, ONE)
                store.load(f"site {step % 11}")
                if step % 5 == 0:
                    store.delete(name)
                if step % 97 == 0:
                    store.clear()
                store.items()
        except Exception as fault:
            faults.append(fault)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert faults == []
    assert len(keys(store)) <= 5


@pytest.mark.parametrize("name", ["load", "merge", "delete", "items", "clear"])
def test_the_store_has_the_methods_of_the_protocol(name):
    """Other stores will be asked for the same five."""
    assert callable(getattr(MemoryStore, name))
    assert callable(getattr(Store, name))
