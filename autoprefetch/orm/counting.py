"""Count the queries of a block, and the time that they take, on the connections that it uses."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from math import ceil, log2
from time import perf_counter
from typing import Any, Self

from django.db import connections

_MANY = 8  # statements of a connection of which the quickest tells something
_REMEMBERED = 32  # statements of a connection whose times are kept
_STEP = 0.000_5
_SHORTEST = 0.000_001  # no clock may say that a statement took no time
_latest: dict[str, deque[float]] = {}


def least(using: str) -> float:
    """Return what the quickest of the latest statements on a database took (seconds); half a millisecond at first."""
    return max(min(list(_latest.get(using, ())), default=_STEP), _SHORTEST)


def round_trip(using: str) -> float:
    """Return what the quickest of the latest statements on a database took, in steps that double (seconds).

    The quickest did next to nothing but cross the network; steps, because a plan is not made anew for a microsecond.
    """
    return _STEP * 2.0 ** max(ceil(log2(least(using) / _STEP)), 0)


class QueryCount:
    """An execute wrapper that counts, in force within `with`, on all connections that are in use.

    Attributes:
        queries: how many ran.
        seconds: how long the database took for them.
        using: the alias of the database that ran the last of them.
    """

    def __init__(self) -> None:
        self.queries = 0
        self.seconds = 0.0
        self.using = ""

    def __call__(self, execute: Callable[..., Any], sql: str, params: Any, many: bool, context: Any) -> Any:
        """Count one query and run it."""
        self.queries += 1
        began = perf_counter()
        try:
            return execute(sql, params, many, context)
        finally:
            took = perf_counter() - began
            self.seconds += took
            self.using = context["connection"].alias
            _latest.setdefault(self.using, deque(maxlen=_REMEMBERED)).append(took)

    @property
    def round_trip(self) -> float:
        """What the quickest of the latest statements took on that database (seconds)."""
        return least(self.using)

    @property
    def quickest(self) -> float:
        """The same where enough statements are known to tell; else 0.0."""
        return least(self.using) if len(_latest.get(self.using, ())) >= _MANY else 0.0

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
