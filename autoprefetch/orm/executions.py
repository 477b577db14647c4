"""Executions: every statement of a request or task, on all connections of all its threads.

An execute wrapper stands on each connection, from the moment on that it is opened, and asks the context who listens:
`sync_to_async` and tasks hand on the context of the request, and a connection belongs to a thread. It stands first in
the list, since Django's `execute_wrapper()` takes off the last one when its block ends (db/backends/base/base.py,
Django 5.2 to 6.1). It counts with `DEBUG` off as well, and beyond the 9,000 queries that Django remembers.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from time import perf_counter
from typing import Any, Protocol

from django.db import connections
from django.db.backends.signals import connection_created


class Listener(Protocol):
    """What is told of each statement."""

    def ran(self, sql: str, seconds: float, alias: str) -> None:
        """Take note of a statement, without its parameters; `executemany` is one."""


_listeners: ContextVar[tuple[Listener, ...]] = ContextVar("autoprefetch_listeners", default=())


@contextmanager
def listening(listener: Listener) -> Iterator[None]:
    """Tell a listener of the statements of the block, in this context and in those that it hands itself on to."""
    _install()
    token = _listeners.set((*_listeners.get(), listener))
    try:
        yield
    finally:
        _listeners.reset(token)


def _execute(execute: Callable[..., Any], sql: Any, params: Any, many: bool, context: Any) -> Any:
    listeners = _listeners.get()
    if not listeners:
        return execute(sql, params, many, context)
    began = perf_counter()
    try:
        return execute(sql, params, many, context)
    finally:
        seconds = perf_counter() - began
        for listener in listeners:
            listener.ran(str(sql), seconds, context["connection"].alias)


def _install() -> None:
    """Stand on the connections of this thread, and on all that are opened from now on."""
    connection_created.connect(_opened, dispatch_uid="autoprefetch.executions")
    for connection in connections.all(initialized_only=True):
        _opened(None, connection)


def _opened(sender: object, connection: Any, **kwargs: object) -> None:
    if _execute not in connection.execute_wrappers:
        connection.execute_wrappers.insert(0, _execute)
