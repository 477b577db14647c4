"""Reading: which columns of the instances of an evaluation are read, and what else that its query loads.

One evaluation at a time is inspected.

An evaluation is inspected until its rows are gone, or given up after a while if somebody keeps them.
"""

from __future__ import annotations

import os
import time
from functools import lru_cache
from threading import Lock
from typing import Any

from django.db.models import Model

from autoprefetch.learn.profiles import Columns, Path
from autoprefetch.observe.recordings import Recording
from autoprefetch.observe.uses import Uses
from autoprefetch.orm import columns

LONGEST = 5.0
"""How long an evaluation is inspected at the most; what was seen until then counts for nothing (seconds)."""


def is_due(evaluations: int) -> bool:
    """Tell whether an evaluation is to be inspected: often at first, and less and less often later.

    Args:
        evaluations: its number at this call site in this process, from 1; the first is busy enough.
    """
    return evaluations > 1 and not evaluations & (evaluations - 1)


class Reading:
    """The columns that one evaluation reads, and what it uses of what the caller's own query loads."""

    def __init__(self, recording: Recording) -> None:
        self.recording = recording
        self.uses = Uses()
        self.is_ended = False
        self.until = time.monotonic() + LONGEST
        self._models: dict[type[Model], dict[str, Any]] = {}
        self._columns: dict[Path, set[str]] = {}

    def of(self, path: Path, model: type[Model]) -> set[str] | None:
        """Return where the reads of the instances at a path are collected; None where they cannot be."""
        with _lock:
            if model not in self._models:
                if self.is_ended or not columns.may_be_inspected(model):
                    return None
                self._models[model] = columns.inspect(model)
            names = {field.attname for field in model._meta.concrete_fields}
            return self._columns.setdefault(path, names - self._models[model].keys())  # for all we know they are read

    def is_over(self) -> bool:
        """Tell whether all instances are gone, or were kept for too long."""
        return not len(self.recording.groups) or time.monotonic() > self.until

    def end(self) -> None:
        """Inspect no more, and have it counted what was read."""
        self.is_ended = True
        self.recording.reading = None
        for model, before in self._models.items():
            columns.leave(model, before)
        self.uses.end()
        if time.monotonic() <= self.until and () in self._columns:
            self.recording.read(_same(frozenset((path, frozenset(names)) for path, names in self._columns.items())))
        if time.monotonic() <= self.until and (given := self.uses.counts(is_whole=not self.recording.has_failed)):
            self.recording.loads(given)


@lru_cache(1_000)
def _same(columns: frozenset[tuple[Path, frozenset[str]]]) -> Columns:
    """Return the mapping that other call sites have as well, so that all of them keep one."""
    return dict(columns)


_lock = Lock()
_current: Reading | None = None


def begin(recording: Recording) -> None:
    """Inspect an evaluation whose rows are to be made peers now, unless another one is being inspected."""
    global _current  # noqa: PLW0603
    with _lock:
        if _current is None:
            recording.reading = _current = Reading(recording)


def end() -> None:
    """End what is being inspected, if that is over."""
    global _current  # noqa: PLW0603
    reading = _current
    if reading is None or not reading.is_over():
        return
    with _lock:
        if reading is _current:  # no other thread has ended it
            _current = None
            reading.end()


def forget() -> None:
    """Inspect no more, and count nothing of what was read."""
    if (reading := _current) is not None:
        reading.until = 0.0
        end()


def _renew_lock() -> None:
    global _lock  # noqa: PLW0603  (another thread may have held it when the process forked)
    _lock = Lock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_renew_lock)
