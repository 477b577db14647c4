"""Count the queries of a block, on the connection that it uses."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Self

from django.db import connections


class QueryCount:
    """An execute wrapper that counts, in force within `with`, on all connections that are in use."""

    def __init__(self) -> None:
        self.queries = 0

    def __call__(self, execute: Callable[..., Any], sql: str, params: Any, many: bool, context: Any) -> Any:
        """Count one query and run it."""
        self.queries += 1
        return execute(sql, params, many, context)

    def __enter__(self) -> Self:
        self._wrapped = connections.all(initialized_only=True)
        for connection in self._wrapped:
            connection.execute_wrappers.append(self)
        return self

    def __exit__(self, *exc_info: object) -> None:
        for connection in self._wrapped:
            connection.execute_wrappers.remove(self)


class OneQuery(QueryCount):
    """Stands for a block that runs one query, without watching it."""

    def __enter__(self) -> Self:
        self.queries = 1
        return self

    def __exit__(self, *exc_info: object) -> None: ...
