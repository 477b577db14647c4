"""The router that lets one test run on each database, with the code under test unchanged."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

_current_alias: ContextVar[str] = ContextVar("current_alias", default="default")


@contextmanager
def on_database(alias: str) -> Iterator[str]:
    """Send what names no database of its own to `alias`, inside the block."""
    token = _current_alias.set(alias)
    try:
        yield alias
    finally:
        _current_alias.reset(token)


class CurrentDatabaseRouter:
    """Reads and writes go where the related instance came from, else to the current alias."""

    def db_for_read(self, model: type, **hints: Any) -> str:
        return self._alias(hints)

    def db_for_write(self, model: type, **hints: Any) -> str:
        return self._alias(hints)

    def _alias(self, hints: dict[str, Any]) -> str:
        instance = hints.get("instance")
        return (instance is not None and instance._state.db) or _current_alias.get()
