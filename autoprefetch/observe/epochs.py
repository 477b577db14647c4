"""Epochs: when each table was last written to, by which a value that was loaded before is known to be stale.

Writes are numbered. A value remembers the number of the last write before it was asked for, and is stale when one of
its tables was written to since.

Each request has epochs of its own, so that requests in other threads do not expire what it has loaded. They are put in
place where the server calls Django, above everything that may start a task: child tasks, `sync_to_async` and
`asyncio.to_thread` inherit the object, and a write in one of them is seen by all (a context variable that a child of
`asyncio.gather` sets would be invisible to its parent). Outside of requests, in commands, workers, tests and threads
that inherit no context, all share one: a write there expires what any request has loaded, and theirs what was loaded
there.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from contextvars import ContextVar
from math import isnan, nan
from threading import RLock
from typing import Any


class _Writes:
    """The numbers of the last writes: to each table, to everything at once, and of any kind."""

    __slots__ = ("any", "everything", "tables")

    def __init__(self) -> None:
        self.tables: dict[str, float] = {}
        self.everything: float = 0
        self.any: float = 0

    def note(self, number: float, tables: Iterable[str], everything: bool) -> None:
        """Take note of a write; called under the lock."""
        for table in tables:
            self.tables[table] = number
        if everything:
            self.everything = number
        self.any = number

    def latest(self, tables: frozenset[str] | None) -> float:
        """Return the number of the last write that may have reached one of some tables; None stands for all."""
        if tables is None:
            return self.any
        found, numbers = self.everything, self.tables
        for table in tables:
            number = numbers.get(table, 0)
            if number > found:
                found = number
        return found


class Epochs:
    """When each table was last written to, as seen from one request, or from outside of all requests."""

    __slots__ = ("_noted", "_seen")

    def __init__(self, noted: tuple[_Writes, ...], seen: tuple[_Writes, ...]) -> None:
        self._noted = noted
        self._seen = seen

    def move(self, tables: Iterable[str], everything: bool) -> None:
        """Take note of a write to tables, or to everything."""
        global _last  # noqa: PLW0603  (one number for the process, which every answer compares first)
        with _lock:
            if isnan(_last):
                return
            number = _last + 1
            for writes in self._noted:
                writes.note(number, tables, everything)
            _last = number  # after the notes: who sees this number sees them too

    def latest(self, tables: frozenset[str] | None) -> float:
        """Return the number of the last write that may have reached one of some tables; None stands for all tables."""
        return max(writes.latest(tables) for writes in self._seen)


_last: float = 0  # not a number once a write could not be noted, so that no value ever compares as equally new
_lock = RLock()  # reentrant: the garbage collector may close a cursor, and so write, in the midst of `move`
_anywhere, _outside = _Writes(), _Writes()
_OUTSIDE = Epochs(noted=(_anywhere, _outside), seen=(_anywhere,))
_here: ContextVar[Epochs] = ContextVar("autoprefetch_epochs", default=_OUTSIDE)


def now() -> float:
    """Return the number of the last write in this process."""
    return _last


def give_up() -> None:
    """Let every value be stale, those to come among them: a write could not be noted."""
    global _last  # noqa: PLW0603
    _last = nan


def are_given_up() -> bool:
    """Tell whether every value is stale, so that to load more than is asked for would be in vain."""
    return isnan(_last)


def resume() -> None:
    """Number the writes again; whatever was read before counts as written since."""
    global _last  # noqa: PLW0603
    with _lock:
        if isnan(_last):
            number = _anywhere.any + 1
            for noted in (_anywhere, _outside):
                noted.note(number, (), True)
            _last = number


def here() -> Epochs:
    """Return the epochs of this request, or those outside of all."""
    return _here.get()


def agree(one: Epochs, other: Epochs) -> bool:
    """Tell whether a write in either is seen in both: not so for two requests."""
    return one is other or one is _OUTSIDE or other is _OUTSIDE


def begin() -> None:
    """Give this context epochs of its own: a request begins."""
    own = _Writes()
    _here.set(Epochs(noted=(_anywhere, own), seen=(_outside, own)))


class Freshness:
    """Tells whether what was read from some tables still holds.

    Args:
        tables: None when they cannot all be named.
        since: the number of the last write before they were read; by default, they are read now.
        origin: where uses are counted instead, because it is the same that was read.

    Attributes:
        uses: how often something of it was handed out where plain Django would have asked the database.
    """

    __slots__ = ("_asked_at", "_epochs", "_fresh_at", "_once_used", "_origin", "_tables", "_untouched_at", "uses")

    is_given = False

    def __init__(
        self, tables: frozenset[str] | None, since: float | None = None, origin: Freshness | None = None
    ) -> None:
        self._tables = tables
        self._once_used: Freshness | None = None
        self._origin = origin
        self.uses = 0
        self.begin(now() if since is None else since)

    def begin(self, since: float) -> None:
        """Begin anew: what was read is no older than a write."""
        self._epochs = here()
        self._asked_at = self._fresh_at = self._untouched_at = since

    @property
    def tables(self) -> frozenset[str]:
        """The tables, as far as they are named."""
        return self._tables or frozenset()

    def are_stale(self) -> bool:
        """Tell whether one of the tables was written to, or would have been without our knowing: in another request."""
        last = _last
        if last == self._fresh_at:
            return False
        # Spelled with what holds, because nothing holds for what is not a number.
        is_fresh = (
            not isnan(last) and agree(self._epochs, here()) and self._epochs.latest(self._tables) <= self._fresh_at
        )
        if is_fresh:
            self._fresh_at = last
        return not is_fresh

    def saw_a_write(self) -> bool:
        """Tell whether anything was written to since they were read."""
        last = _last
        if last == self._untouched_at:
            return False
        is_untouched = not isnan(last) and self._epochs.latest(None) <= self._asked_at
        if is_untouched:
            self._untouched_at = last
        return not is_untouched

    def hands_out(self) -> bool:
        """Take note that something of it is used, and tell whether nothing was written to since it was read."""
        self.uses += 1
        return _last == self._untouched_at or (agree(self._epochs, here()) and not self.saw_a_write())

    def used(self) -> Freshness:
        """Return what tells of it from now on, when any write makes it stale."""
        if self._once_used is None or self._once_used.are_stale():
            self._once_used = Freshness(None, origin=self._origin or self)
        return self._once_used

    def count_use(self) -> None:
        """Take note that a set of it is used, for the first time or again."""
        (self._origin or self).uses += 1

    def __reduce__(self) -> tuple[Any, ...]:
        return type(None), ()  # whoever copies or pickles what it belongs to has no use for it


def _renew_lock() -> None:
    global _lock  # noqa: PLW0603  (another thread may have held it when the process forked)
    _lock = RLock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_renew_lock)
