"""The cache store: Django's cache framework, so that live workers share what they learn; on Redis in production.

Who merges holds a lock, which is an entry of the cache that only one can add, and that expires: a worker that is killed
while it holds it keeps the others waiting for some seconds, and no longer. Reading takes no lock.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from hashlib import sha256
from random import uniform
from typing import Any
from uuid import uuid4

from django.core.cache import caches

from autoprefetch.learn.encoding import Reading, encoded
from autoprefetch.learn.histories import UNKNOWN, History
from autoprefetch.learn.stores import tell_nobody

DAY = 86_400
KEPT = 30 * DAY
"""How long a call site is kept after it was last seen (seconds)."""

LOCKED = 10
"""How long a lock holds at the most (seconds); to merge takes some milliseconds."""

PATIENCE = 12.0
"""How long a merge waits for its turn (seconds), at least as long as the lock of a worker that was killed."""

_PREFIX = "autoprefetch:1"
_FORGOTTEN = json.dumps(encoded(UNKNOWN))
_LOCK, _INDEX = f"{_PREFIX}:lock", f"{_PREFIX}:index"


class CacheStore:
    """Keeps what is known in a cache.

    Args:
        alias: the cache, by its name in `CACHES`.
        timeout: how long a call site is kept after it was last seen (seconds); what people ignore is kept for good.
    """

    def __init__(self, alias: str = "default", timeout: int = KEPT) -> None:
        self.alias = alias
        self.timeout = timeout
        self.tell = tell_nobody
        self.may_lose = True
        self.whole: Callable[[], Mapping[str, History]] = dict
        self._reading = Reading(self._left_out)
        self._has_index = False

    @staticmethod
    def fault_of(alias: object = "default", timeout: object = KEPT) -> str:
        """Say what is wrong with the options, as a sentence; "" when nothing is."""
        if alias not in set(caches):
            return f"CACHES has no {alias!r}. "
        is_seconds = isinstance(timeout, int) and not isinstance(timeout, bool) and timeout > 0
        return "" if is_seconds else "TIMEOUT must be a whole number of seconds, 1 or more. "

    @property
    def _cache(self) -> Any:
        return caches[self.alias]

    def load(self, key: str) -> History | None:
        """Return the history of a call site."""
        return self._history(key, self._cache.get(_entry(key)))

    def items(self) -> list[tuple[str, History]]:
        """Return all that is known; what has expired is left out."""
        keys = self._index()
        self._has_index |= bool(keys)
        self._reading.only(keys)
        found = self._cache.get_many([_entry(key) for key in keys])
        read = ((key, self._history(key, found.get(_entry(key)))) for key in keys)
        return [(key, history) for key, history in read if history]

    def merge(self, key: str, delta: History) -> None:
        """Add counts to the history of a call site."""
        self.merge_many({key: delta})

    def merge_many(self, deltas: Mapping[str, History]) -> None:
        """Add counts to the histories of several call sites.

        Raises:
            TimeoutError: others held the lock all the time.
        """
        with self._locked():
            if self.is_emptied():
                deltas = self.whole() or deltas  # who comes first brings back what all of them knew
            found = self._cache.get_many([_entry(key) for key in deltas])
            merged = {key: self._merged(key, found.get(_entry(key)), delta) for key, delta in deltas.items()}
            missing = deltas.keys() - {key for key in deltas if _entry(key) in found}
            if missing:
                self._cache.set(_INDEX, json.dumps(sorted({*self._alive(), *missing})), None)
            for is_kept, timeout in ((True, None), (False, self.timeout)):
                chosen = {key: history for key, history in merged.items() if _is_kept(history) is is_kept}
                self._set({_entry(key): json.dumps(encoded(history)) for key, history in chosen.items()}, timeout)
            self._has_index = True

    def delete(self, key: str) -> None:
        """Forget one call site."""
        with self._locked():
            self._set({_entry(key): _FORGOTTEN}, self.timeout)

    def clear(self) -> None:
        """Forget everything."""
        with self._locked():
            self._set(dict.fromkeys(map(_entry, self._index()), _FORGOTTEN), self.timeout)

    def is_emptied(self) -> bool:
        """Tell whether the cache has lost what this process saw in it: its server was started again, for example."""
        return self._has_index and self._cache.get(_INDEX) is None

    def _set(self, entries: dict[str, str], timeout: int | None) -> None:
        if entries and (failed := self._cache.set_many(entries, timeout)):
            msg = f"the cache {self.alias!r} did not take {len(failed)} of {len(entries)} entries"
            raise OSError(msg)

    def _merged(self, key: str, known: object, delta: History) -> History:
        history = self._history(key, known)
        return history.merged_with(delta) if history else delta

    def _history(self, key: str, text: object) -> History | None:
        return None if text is None else self._reading.history(key, text)

    def _left_out(self, key: str, reason: str) -> None:
        self.tell(f"The cache {self.alias!r}: {key} is left out, because {reason}.")

    def _index(self) -> list[str]:
        try:
            keys = json.loads(self._cache.get(_INDEX) or "[]")
        except (TypeError, ValueError):
            keys = None
        if not isinstance(keys, list):
            self.tell(f"The cache {self.alias!r}: the list of call sites cannot be read, and is begun anew.")
            return []
        return [key for key in keys if isinstance(key, str)]

    def _alive(self) -> list[str]:
        """Return the call sites that have not expired."""
        keys = self._index()
        found = self._cache.get_many([_entry(key) for key in keys])
        return [key for key in keys if _entry(key) in found]

    @contextmanager
    def _locked(self) -> Iterator[None]:
        token, until = uuid4().hex, time.monotonic() + PATIENCE
        while not self._cache.add(_LOCK, token, LOCKED):
            if time.monotonic() > until:
                msg = f"the cache {self.alias!r} was locked for {PATIENCE:.0f} s"
                raise TimeoutError(msg)
            time.sleep(uniform(0.001, 0.01))
        try:
            yield
        finally:
            if self._cache.get(_LOCK) == token:  # else it has expired, and may be somebody else's
                self._cache.delete(_LOCK)


def _is_kept(history: History) -> bool:
    """Tell whether a call site is kept however long it is not seen: what is ignored is not learned, and not written."""
    return any(decision.ignores for decision in history.decisions.values())


def _entry(key: str) -> str:
    """Return the name of an entry; keys of call sites are longer than memcached allows, and have spaces."""
    return f"{_PREFIX}:{sha256(key.encode()).hexdigest()}"
