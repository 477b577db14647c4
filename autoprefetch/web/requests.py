"""Requests: the statements that each has sent, counted and grouped by what they are without their values."""

from __future__ import annotations

from collections.abc import Callable
from contextvars import ContextVar
from dataclasses import dataclass
from threading import RLock
from time import perf_counter
from typing import Any

from autoprefetch.faults import shielded
from autoprefetch.observe.places import accessed_at
from autoprefetch.web.normalising import masked, normalised

_REMEMBERED = 1_000  # texts and forms of one request
_NAMED = 5  # groups that a warning names
_LONGEST = 10_000  # characters of a text that is remembered


@dataclass(slots=True)
class Similar:
    """Statements that differ in their values alone: how many, their time (seconds), and what sent the second."""

    queries: int = 0
    seconds: float = 0.0
    sent_from: str = ""


class RequestCount:
    """Counts the statements of one request, from any thread and task that works for it.

    Attributes:
        queries: how many were sent.
        seconds: how long the databases took for them.
    """

    def __init__(self, request: object, outer: RequestCount | None) -> None:
        self.request = request
        self.outer = outer
        self.queries = 0
        self.seconds = 0.0
        self.began = perf_counter()
        self.is_finished = False
        self._lock = RLock()
        self._by_text: dict[str, Similar] = {}
        self._by_form: dict[str, Similar] = {}

    def add(self, sql: Any, seconds: float, vendor: str) -> None:
        """Count one statement, for the requests around this one too."""
        with self._lock:
            self.queries += 1
            self.seconds += seconds
            with shielded(None, None):
                self._group(sql, seconds, vendor)
        if self.outer is not None:
            self.outer.add(sql, seconds, vendor)

    def _group(self, sql: Any, seconds: float, vendor: str) -> None:
        text = sql if isinstance(sql, str) else type(sql).__name__  # SQL that a driver composes may hold values
        similar = self._by_text.get(text)
        if similar is None:
            form = masked(text, vendor)
            if form not in self._by_form and len(self._by_form) >= _REMEMBERED:
                return
            similar = self._by_form.setdefault(form, Similar())
            if len(self._by_text) < _REMEMBERED and len(text) <= _LONGEST:
                self._by_text[text] = similar
        similar.queries += 1
        similar.seconds += seconds
        if similar.queries == 2:
            similar.sent_from = accessed_at()

    def repeated(self) -> list[tuple[str, Similar]]:
        """Return the statements that were sent more than once, normalised, the most frequent first."""
        with self._lock:
            found = [(form, similar) for form, similar in self._by_form.items() if similar.queries > 1]
        found.sort(key=lambda pair: -pair[1].queries)
        merged: dict[str, Similar] = {}
        for form, similar in found[: 2 * _NAMED]:
            into = merged.setdefault(normalised(form), Similar(sent_from=similar.sent_from))
            into.queries += similar.queries
            into.seconds += similar.seconds
        return sorted(merged.items(), key=lambda pair: -pair[1].queries)[:_NAMED]


running: ContextVar[RequestCount | None] = ContextVar("autoprefetch_request_count", default=None)


def count_statement(execute: Callable[..., Any], sql: Any, params: Any, many: bool, context: Any) -> Any:
    """Run one statement, and count it for the request that runs here; an execute wrapper."""
    count = running.get()
    if count is None:
        return execute(sql, params, many, context)
    began = perf_counter()
    try:
        return execute(sql, params, many, context)
    finally:
        took = perf_counter() - began
        with shielded(None, None):
            count.add(sql, took, context["connection"].vendor)
