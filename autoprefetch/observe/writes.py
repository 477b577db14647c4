"""Writes: which evaluations are in use while a table is written to."""

from __future__ import annotations

from contextvars import ContextVar

from autoprefetch.observe import epochs
from autoprefetch.observe.peers import PeerGroup
from autoprefetch.observe.recordings import Recording

_MOST = 64
_open: ContextVar[tuple[Recording, ...]] = ContextVar("autoprefetch_open", default=())


def came_into_use(recording: Recording) -> list[Recording]:
    """Remember the latest recording of each call site in this thread or task, as long as one of its peers lives.

    Returns:
        those that are not remembered any more.
    """
    known = _open.get()
    kept = [other for other in known if other.key != recording.key and len(other.groups)][-_MOST + 1 :]
    _open.set((*kept, recording))
    return [other for other in known if other not in kept] if len(kept) < len(known) else []


def forget() -> tuple[Recording, ...]:
    """Forget what is in use here, because a request has ended, and return what was."""
    recordings = _open.get()
    _open.set(())
    return recordings


def begin() -> None:
    """Let a request that begins have epochs of its own.

    A request that is served within something that evaluated already, as in a test that calls the application itself,
    shares the epochs with it.
    """
    if not in_use():
        epochs.begin()


def recordings() -> tuple[Recording, ...]:
    """Return the latest recording of each call site that was evaluated in this thread or task."""
    return _open.get()


def in_use() -> list[PeerGroup]:
    """Return the peers of root queries that live in this thread or task."""
    return [group for recording in _open.get() if (group := recording.groups.get(())) is not None]


def wrote(tables: frozenset[str], everything: bool) -> None:
    """Tell the recordings whose instances are in use here of a write to tables or to everything."""
    for group in in_use():
        group.recording.wrote(tables, everything)
