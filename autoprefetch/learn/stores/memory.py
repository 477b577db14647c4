"""The default store: the memory of the process, bounded, least recently used out first."""

from __future__ import annotations

from collections import OrderedDict
from contextlib import suppress
from threading import Lock

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
        self._merging = Lock()

    def load(self, key: str) -> History | None:
        """Return what is known of a call site, and count that as a use of it."""
        history = self._histories.get(key)
        if history is not None:
            with suppress(KeyError):  # another thread has just forgotten it
                self._histories.move_to_end(key)
        return history

    def merge(self, key: str, delta: History) -> None:
        """Add counts to a history, and forget the one that was used least recently if there are too many."""
        with self._merging:
            known = self._histories.get(key)
            self._histories[key] = known.merged_with(delta) if known else delta
            self._histories.move_to_end(key)
            while len(self._histories) > self.limit:
                self._histories.popitem(last=False)

    def delete(self, key: str) -> None:
        """Forget one call site."""
        self._histories.pop(key, None)

    def items(self) -> list[tuple[str, History]]:
        """Return all that is known."""
        return list(self._histories.items())

    def clear(self) -> None:
        """Forget everything."""
        self._histories.clear()
