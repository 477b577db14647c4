"""The default store: the memory of the process, bounded, least recently used out first."""

from __future__ import annotations

import os
from collections import OrderedDict
from contextlib import suppress
from threading import Lock
from weakref import WeakSet

from autoprefetch.learn.histories import History


class MemoryStore:
    """Keeps what is known in this process.

    Args:
        limit: how many call sites are kept.

    Loading takes no lock: one lookup and one move in an `OrderedDict` are each atomic in CPython.
    """

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self._histories: OrderedDict[str, History] = OrderedDict()
        self.forked()
        _memories.add(self)

    def forked(self) -> None:
        """Take a new lock: another thread may have held the old one when the process forked."""
        self._merging = Lock()

    def load(self, key: str) -> History | None:
        """Return what is known of a call site, and count that as a use of it."""
        history = self._histories.get(key)
        if history is not None:
            with suppress(KeyError):  # another thread has just forgotten it
                self._histories.move_to_end(key)
        return history

    def peek(self, key: str) -> History | None:
        """Return what is known of a call site, without counting that as a use of it."""
        return self._histories.get(key)

    def merge(self, key: str, delta: History) -> None:
        """Add counts to a history, and forget the one that was used least recently if there are too many."""
        with self._merging:
            known = self._histories.get(key)
            self._histories[key] = known.merged_with(delta) if known else delta
            self._histories.move_to_end(key)
            self._evict()

    def _evict(self) -> None:
        while len(self._histories) > self.limit:
            self._histories.popitem(last=False)

    def replace(self, key: str, history: History) -> None:
        """Know this of a call site, but for the places in the source: those of this process are kept."""
        with self._merging:
            known = self._histories.get(key)
            self._histories[key] = history.with_places_of(known) if known else history
            self._evict()

    def delete(self, key: str) -> None:
        """Forget one call site."""
        self._histories.pop(key, None)

    def items(self) -> list[tuple[str, History]]:
        """Return all that is known."""
        return list(self._histories.items())

    def known(self) -> list[str]:
        """Return the keys of the call sites that are known."""
        return list(self._histories)

    def clear(self) -> None:
        """Forget everything."""
        self._histories.clear()


_memories: WeakSet[MemoryStore] = WeakSet()


def _forked() -> None:
    for memory in list(_memories):
        memory.forked()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forked)
