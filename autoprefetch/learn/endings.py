"""Endings: have what was learned brought to its store before the process ends or forks, and begin anew in a child."""

from __future__ import annotations

import atexit
import os
from multiprocessing import parent_process
from multiprocessing.util import Finalize, register_after_fork
from typing import Protocol
from weakref import WeakSet


class Lasting(Protocol):
    """What has something to bring somewhere."""

    def close(self) -> None:
        """Bring it, and let its thread end."""

    def forked(self) -> None:
        """Begin anew in a child."""


_lasting: WeakSet[Lasting] = WeakSet()


def heed(one: Lasting) -> None:
    """Tell it, for as long as it lives, when the process ends or forks."""
    _lasting.add(one)


def close_all() -> None:
    """Bring everything to its store: the process ends, or forks, which no thread of it should see."""
    for one in list(_lasting):
        one.close()


def _forked() -> None:
    for one in list(_lasting):
        one.forked()


def _close_at_the_end_of_a_worker(*args: object) -> None:
    """Have everything brought when a process of `multiprocessing` ends, which runs no atexit: a parallel test run's."""
    Finalize(None, close_all, exitpriority=0)


atexit.register(close_all)
register_after_fork(close_all, _close_at_the_end_of_a_worker)
if parent_process() is not None:  # it was not forked
    _close_at_the_end_of_a_worker()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=close_all, after_in_child=_forked)
