"""Epochs: how often each table was written to, by which a value that was loaded before is known to be stale.

The epochs lie in one mutable object for each context. Child tasks and `sync_to_async` threads inherit it, so that a
write in one of them is seen by all; a plain context variable would not carry it back. A write in a context that never
evaluated anything automatic moves the epochs of all contexts.
"""

from __future__ import annotations

from collections.abc import Iterable
from contextvars import ContextVar


class Epochs:
    """How often each table was written to.

    Args:
        beside: other epochs that count as well.
    """

    __slots__ = ("_all", "_any", "_beside", "_tables")

    def __init__(self, beside: Epochs | None = None) -> None:
        self._tables: dict[str, int] = {}
        self._all = 0
        self._any = 0
        self._beside = beside

    def move(self, tables: Iterable[str], everything: bool) -> None:
        """Take note of a write to tables, or to everything."""
        self._any += 1
        self._all += everything
        for table in tables:
            self._tables[table] = self._tables.get(table, 0) + 1

    def at(self, tables: frozenset[str] | None) -> int:
        """Return a number that grows with each write to one of some tables; None stands for all tables."""
        own = self._any if tables is None else self._all + sum(self._tables.get(table, 0) for table in tables)
        return own + (self._beside.at(tables) if self._beside is not None else 0)


_EVERYWHERE = Epochs()
_here: ContextVar[Epochs | None] = ContextVar("autoprefetch_epochs", default=None)


def here() -> Epochs:
    """Return the epochs of this context."""
    found = _here.get()
    if found is None:
        found = Epochs(beside=_EVERYWHERE)
        _here.set(found)
    return found


def move(tables: Iterable[str], everything: bool) -> None:
    """Take note of a write in this context."""
    (_here.get() or _EVERYWHERE).move(tables, everything)
