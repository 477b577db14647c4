"""An execute wrapper on every connection of the process: those in use here, and those opened later in any thread."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from asgiref.sync import SyncToAsync
from django.db import connections
from django.db.backends.signals import connection_created

Wrapper = Callable[..., Any]


def put_on_all(wrapper: Wrapper) -> None:
    """Put a wrapper on the connections of this thread, and on each that is opened from now on; it stays for good."""

    def put_on_opened(connection: Any, **kwargs: object) -> None:
        _put(wrapper, connection)

    connection_created.connect(put_on_opened, weak=False, dispatch_uid=f"{wrapper.__module__}.{wrapper.__qualname__}")
    put_on_own(wrapper)


def put_on_own(wrapper: Wrapper) -> None:
    """Put a wrapper on the connections that this thread has."""
    for connection in connections.all(initialized_only=True):
        _put(wrapper, connection)


def _put(wrapper: Wrapper, connection: Any) -> None:
    # First, and so outermost: `connection.execute_wrapper()` takes the last away when its block ends, whosever it is.
    if wrapper not in connection.execute_wrappers:
        connection.execute_wrappers.insert(0, wrapper)


def has_threads_of_its_own() -> bool:
    """Tell whether this request has a thread of its own for what is sync, as `ASGIHandler` gives to each."""
    return SyncToAsync.thread_sensitive_context.get(None) is not None
