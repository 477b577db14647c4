"""Middleware: how many queries each request runs, in a header, and a warning where it is too many."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import suppress
from typing import Any

from asgiref.sync import iscoroutinefunction, markcoroutinefunction
from django.http import HttpRequest
from django.http.response import HttpResponseBase

from autoprefetch import conf
from autoprefetch.advise import logs
from autoprefetch.faults import shielded
from autoprefetch.observe import callsites
from autoprefetch.orm import executions
from autoprefetch.web.statements import Similar, similar

COUNT = "X-Query-Count"
TIMING = "X-Query-Timing"
"""The header of a request that asks for `Server-Timing`."""

REMEMBERED = 1_000
"""Texts of statements that are told apart in a request; what comes later is counted, and not grouped."""

_NAMED = 5  # groups of similar queries in a warning


class Queries:
    """The queries of one request."""

    def __init__(self) -> None:
        self.count = 0
        self.seconds = 0.0
        self._statements: dict[str, Similar] = {}

    def ran(self, sql: str, seconds: float, alias: str) -> None:
        """Count a query; where the same text runs again, the place in the application is looked up once."""
        self.count += 1
        self.seconds += seconds
        with shielded(None, None):
            self._remember(sql, seconds)

    def _remember(self, sql: str, seconds: float) -> None:
        known = self._statements.get(sql)
        if known is None:
            if len(self._statements) < REMEMBERED:
                self._statements[sql] = Similar(sql, 1, seconds)
            return
        place = known.place or (str(callsites.innermost() or "") if known.queries == 1 else "")
        self._statements[sql] = Similar(sql, known.queries + 1, known.seconds + seconds, place)

    def similar(self) -> list[Similar]:
        """Return those that differ in their values only, the most frequent first."""
        return similar(self._statements.values())


class QueryCountMiddleware:
    """Adds `X-Query-Count` to each response, and warns of requests above `QUERY_THRESHOLD`.

    It counts on every database and in every thread of the request, also with `DEBUG` off. What a streaming response
    runs after its headers were sent is in the warning alone. A request with the header `X-Query-Timing` gets
    `Server-Timing` with the time that the database took, if `DEBUG` is on or its user is staff.

    Args:
        get_response: what comes next, sync or async.
    """

    sync_capable = True
    async_capable = True

    def __init__(self, get_response: Callable[[HttpRequest], Any]) -> None:
        self.get_response = get_response
        self._is_async = iscoroutinefunction(get_response)
        if self._is_async:
            markcoroutinefunction(self)

    def __call__(self, request: HttpRequest) -> HttpResponseBase | Awaitable[HttpResponseBase]:
        """Answer a request."""
        return self._answer_async(request) if self._is_async else self._answer(request)

    def _answer(self, request: HttpRequest) -> HttpResponseBase:
        queries = Queries()
        try:
            with executions.listening(queries):
                response = self.get_response(request)
        except BaseException:
            _warn(request, queries)
            raise
        return _finished(request, response, queries)

    async def _answer_async(self, request: HttpRequest) -> HttpResponseBase:
        queries = Queries()
        try:
            with executions.listening(queries):
                response = await self.get_response(request)
        except BaseException:  # also where the task is cancelled; it is raised again
            _warn(request, queries)
            raise
        return _finished(request, response, queries)


def _finished(request: HttpRequest, response: Any, queries: Queries) -> HttpResponseBase:
    is_streamed = False
    with shielded(None, None):
        response.headers[COUNT] = str(queries.count)
        if response.streaming:
            stream = _streamed_async if response.is_async else _streamed
            response.streaming_content = stream(request, response.streaming_content, queries)
            is_streamed = True
    with shielded(None, None):
        if TIMING in request.headers and _may_see_times(request):
            timing = f'db;dur={queries.seconds * 1000:.1f};desc="{queries.count} queries"'
            response.headers["Server-Timing"] = ", ".join(filter(None, [response.headers.get("Server-Timing"), timing]))
    if not is_streamed:
        _warn(request, queries)
    return response  # type: ignore[no-any-return]


def _may_see_times(request: HttpRequest) -> bool:
    """Tell whether whoever asks may know how long the database took: it tells more than a count."""
    user = getattr(request, "user", None)
    return conf.is_debugging() or bool(user is not None and user.is_active and user.is_staff)


def _streamed(request: HttpRequest, content: Iterator[bytes], queries: Queries) -> Iterator[bytes]:
    try:
        while True:
            with executions.listening(queries):  # each part may be asked for in another context
                part = next(content, None)
            if part is None:
                return
            yield part
    finally:
        _warn(request, queries)


async def _streamed_async(
    request: HttpRequest, content: AsyncIterator[bytes], queries: Queries
) -> AsyncIterator[bytes]:
    try:
        while True:
            with executions.listening(queries):
                part = await anext(content, None)
            if part is None:
                return
            yield part
    finally:
        _warn(request, queries)


def _warn(request: HttpRequest, queries: Queries) -> None:
    """Warn of a request that ran too many queries."""
    with shielded(None, None):
        threshold = conf.current().query_threshold
        if queries.count > threshold:
            logs.many_queries(_view(request), queries.count, queries.seconds, threshold, queries.similar()[:_NAMED])


def _view(request: HttpRequest) -> str:
    """Name the view of a request; its path may hold values, and is not shown."""
    match = request.resolver_match
    with suppress(AttributeError):
        return f"{request.method} {match.route} ({match.view_name})"  # type: ignore[union-attr]
    return f"{request.method} without a view"
