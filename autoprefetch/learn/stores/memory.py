"""The default store: the memory of the process, bounded, least recently used out first."""

from __future__ import annotations

from collections import OrderedDict
from contextlib import suppress
from threading import Lock

from autoprefetch.learn.profiles import Profile


class MemoryStore:
    """Keeps profiles in this process.

    Args:
        limit: how many call sites are kept.

    Loading takes no lock: one lookup and one move in an `OrderedDict` are each atomic in CPython.
    """

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self._profiles: OrderedDict[str, Profile] = OrderedDict()
        self._merging = Lock()

    def load(self, key: str) -> Profile | None:
        """Return the profile of a call site, and count that as a use of it."""
        profile = self._profiles.get(key)
        if profile is not None:
            with suppress(KeyError):  # another thread has just forgotten it
                self._profiles.move_to_end(key)
        return profile

    def merge(self, key: str, delta: Profile) -> None:
        """Add counts to a profile, and forget the one that was used least recently if there are too many."""
        with self._merging:
            known = self._profiles.get(key)
            self._profiles[key] = known.merged_with(delta) if known else delta
            self._profiles.move_to_end(key)
            while len(self._profiles) > self.limit:
                self._profiles.popitem(last=False)

    def delete(self, key: str) -> None:
        """Forget one call site."""
        self._profiles.pop(key, None)

    def items(self) -> list[tuple[str, Profile]]:
        """Return all that is known."""
        return list(self._profiles.items())

    def clear(self) -> None:
        """Forget everything."""
        self._profiles.clear()
