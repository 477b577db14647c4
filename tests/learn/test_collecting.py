"""Collecting: what recordings show reaches the store, once, from any thread."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from autoprefetch.learn.collecting import WAITING, Collector
from autoprefetch.learn.histories import History
from autoprefetch.learn.profiles import Profile
from autoprefetch.learn.stores.memory import MemoryStore


@dataclass
class News:
    """A recording that has been evaluated a number of times since it was last taken."""

    key: str
    collector: Collector
    era: int = 0
    new: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def tell(self) -> None:
        with self.lock:
            self.new += 1
        self.collector.add(self)

    def take_counts(self) -> Mapping[str, int] | None:
        return None

    def take(self) -> Profile:
        with self.lock:
            new, self.new = self.new, 0
        return Profile(evaluations=new)


class OnlyCounts(News):
    """A recording with nothing to say but how often it was evaluated."""

    def take_counts(self) -> Mapping[str, int] | None:
        return {"evaluations": self.take().evaluations, "rows": 5}


def collector(failed: Callable[[str, Exception], None] | None = None) -> Collector:
    return Collector(MemoryStore(100), failed or _unexpected)


def _unexpected(key: str, fault: Exception) -> None:
    raise AssertionError(key) from fault


def evaluations(found: Collector, key: str) -> int:
    history = found.store.load(key)
    return history.evaluations if history else 0


def test_nothing_reaches_the_store_before_it_is_merged():
    """Adding news costs an append, and no more."""
    found = collector()
    News("a", found).tell()
    assert found.store.load("a") is None
    assert found.merge() == {"a"}
    assert evaluations(found, "a") == 1


def test_news_are_merged_once():
    """A second merge has nothing left."""
    found = collector()
    News("a", found).tell()
    News("b", found).tell()
    assert found.merge() == {"a", "b"}
    assert found.merge() == frozenset()
    assert (evaluations(found, "a"), evaluations(found, "b")) == (1, 1)


def test_news_that_cannot_be_merged_are_told_and_keep_no_other_back():
    """Who has brought them is to blame."""

    class Broken(News):
        def take(self) -> Profile:
            raise ValueError

    failed: list[tuple[str, type[Exception]]] = []
    found = collector(lambda key, fault: failed.append((key, type(fault))))
    for news in (News("a", found), Broken("b", found), News("c", found)):
        news.tell()
    assert found.merge() == {"a", "c"}
    assert failed == [("b", ValueError)]


def test_threads_that_tell_and_merge_lose_nothing():
    """Workers of one process share a collector."""
    found = collector()
    start = threading.Barrier(8)

    def work(number: int) -> None:
        news = News(f"site {number % 3}", found)
        start.wait(5)
        for _ in range(300):
            news.tell()
            if number % 2:
                found.merge()

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    found.merge()
    assert sum(evaluations(found, f"site {number}") for number in range(3)) == 8 * 300


def test_what_only_counts_waits_until_there_is_much_of_it():
    """To merge one costs as much as to merge many."""
    found = collector()
    for number in range(1, WAITING):
        OnlyCounts("a", found, new=1).tell()
        found.merge_what_matters()
        assert (number, evaluations(found, "a")) == (number, 0)
    OnlyCounts("b", found).tell()
    found.merge_what_matters()
    assert (evaluations(found, "a"), evaluations(found, "b")) == (2 * (WAITING - 1), 1)


def test_what_a_plan_may_follow_from_does_not_wait():
    """Nor does what waited for it: a plan is made from all that is known."""
    found = collector()
    OnlyCounts("a", found).tell()
    found.merge_what_matters()
    assert evaluations(found, "a") == 0
    News("b", found).tell()
    found.merge_what_matters()
    assert (evaluations(found, "a"), evaluations(found, "b")) == (1, 1)


def test_counts_are_merged_with_all_the_rest():
    """Each in its era, and once."""
    found = collector()
    OnlyCounts("a", found, era=1).tell()
    OnlyCounts("a", found, era=2).tell()
    News("b", found).tell()
    assert found.merge() == {"a", "b"}
    assert found.merge() == frozenset()
    history = found.store.load("a")
    assert history is not None
    assert (history.evaluations, history.totals.rows) == (2, 10)
    assert {era: profile.evaluations for era, profile in history.eras.items()} == {1: 1, 2: 1}


def test_counts_that_cannot_be_merged_are_told_and_keep_no_other_back():
    """Who has brought them is to blame."""

    class Broken(MemoryStore):
        def merge(self, key: str, delta: History) -> None:
            if key == "b":
                raise ValueError
            super().merge(key, delta)

    failed: list[tuple[str, type[Exception]]] = []
    found = Collector(Broken(100), lambda key, fault: failed.append((key, type(fault))))
    for key in "abc":
        OnlyCounts(key, found).tell()
    assert found.merge() == {"a", "c"}
    assert failed == [("b", ValueError)]
