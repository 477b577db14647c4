"""Collecting: bring what recordings show to the store."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Protocol

from autoprefetch.learn.histories import History
from autoprefetch.learn.profiles import Profile
from autoprefetch.learn.stores import Store


class HasNews(Protocol):
    """What can hand over counts for the profile of a call site."""

    @property
    def key(self) -> str:
        """The key of the call site."""

    @property
    def era(self) -> int:
        """The era in which the counts belong."""

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

    def add(self, recording: HasNews) -> None:
        """Take note that a recording has news."""
        self._news.append(recording)

    def merge(self) -> frozenset[str]:
        """Merge all news into the store, and return the keys of the call sites concerned."""
        keys: set[str] = set()
        while True:
            try:
                recording = self._news.popleft()
            except IndexError:
                return frozenset(keys)
            try:
                self.store.merge(recording.key, History.of(recording.take(), recording.era))
                keys.add(recording.key)
            except Exception as error:
                self._failed(recording.key, error)
