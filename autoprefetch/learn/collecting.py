"""Collecting: bring what recordings show to the store."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from typing import Any, Protocol

from autoprefetch.learn.histories import History
from autoprefetch.learn.profiles import Profile
from autoprefetch.learn.stores import Store

WAITING = 16
"""Evaluations that only count, which wait for one another to be merged (evaluations); less than an era."""


class HasNews(Protocol):
    """What can hand over counts for the profile of a call site."""

    @property
    def key(self) -> str:
        """The key of the call site."""

    @property
    def era(self) -> int:
        """The era in which the counts belong."""

    def take_counts(self) -> Mapping[str, int] | None:
        """Hand over what is new, once, if it is nothing but sums of a profile, by their names; else None."""

    def take(self) -> Profile:
        """Hand over what is new, once."""


class Collector:
    """Holds recordings with news until they are merged; adding one is a single atomic append, without a lock.

    Args:
        store: where the counts go.
        failed: called with the key of a call site and the error when its counts cannot be merged.
    """

    def __init__(self, store: Store, failed: Callable[[str, Exception], None]) -> None:
        self.store = store
        self._failed = failed
        self._news: deque[HasNews] = deque()
        self._counts: deque[tuple[str, int, Mapping[str, int]]] = deque()

    def add(self, recording: HasNews) -> None:
        """Take note that a recording has news."""
        self._news.append(recording)

    def merge(self) -> frozenset[str]:
        """Merge all news into the store, and return the keys of the call sites concerned."""
        return self._merge_news() | self._merge_counts()

    def merge_what_matters(self) -> None:
        """Merge all news, unless it only counts: such waits for more of it, since many cost as much to merge as one."""
        if self._merge_news() or len(self._counts) >= WAITING:
            self._merge_counts()

    def _merge_news(self) -> frozenset[str]:
        keys: set[str] = set()
        while True:
            try:
                recording = self._news.popleft()
            except IndexError:
                return frozenset(keys)
            try:
                counts = recording.take_counts()
                if counts is not None:
                    self._counts.append((recording.key, recording.era, counts))
                    continue
                self._merge(recording.key, recording.era, recording.take())
                keys.add(recording.key)
            except Exception as error:
                self._failed(recording.key, error)

    def _merge_counts(self) -> frozenset[str]:
        sums: dict[tuple[str, int], dict[str, Any]] = {}
        while True:
            try:
                key, era, counts = self._counts.popleft()
            except IndexError:
                break
            known = sums.setdefault((key, era), {})
            for name, count in counts.items():
                known[name] = known.get(name, 0) + count
        keys: set[str] = set()
        for (key, era), summed in sums.items():
            try:
                self._merge(key, era, Profile(**summed))
                keys.add(key)
            except Exception as error:
                self._failed(key, error)
        return frozenset(keys)

    def _merge(self, key: str, era: int, profile: Profile) -> None:
        self.store.merge(key, History.of(profile, era))
