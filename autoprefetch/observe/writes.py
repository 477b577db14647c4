"""Writes: which evaluations are in use while a table is written to."""

from __future__ import annotations

from contextvars import ContextVar
from weakref import ReferenceType, ref

from autoprefetch.observe import epochs
from autoprefetch.observe.peers import PeerGroup

_MOST = 64
_in_use: ContextVar[tuple[ReferenceType[PeerGroup], ...]] = ContextVar("autoprefetch_in_use", default=())


def came_into_use(group: PeerGroup) -> None:
    """Remember the peers of a root query in this thread or task, as long as one of them lives."""
    others = [other for other in in_use() if other.recording.key != group.recording.key]
    _in_use.set((*map(ref, others[-_MOST + 1 :]), ref(group)))


def forget() -> None:
    """Forget what is in use here: a request has ended."""
    _in_use.set(())


def begin() -> None:
    """Let a request that begins have epochs of its own.

    A request that is served within something that evaluated already, as in a test that calls the application itself,
    shares the epochs with it.
    """
    if not in_use():
        epochs.begin()


def in_use() -> list[PeerGroup]:
    """Return the peers of root queries that live in this thread or task."""
    return [group for reference in _in_use.get() if (group := reference()) is not None]


def wrote(tables: frozenset[str], everything: bool) -> None:
    """Tell the recordings whose instances are in use here of a write to tables or to everything."""
    for group in in_use():
        group.recording.wrote(tables, everything)
