"""The middleware that counts the queries of each request, and warns of many."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from time import perf_counter
from typing import Any

from asgiref.sync import iscoroutinefunction, markcoroutinefunction, sync_to_async

from autoprefetch import advise, conf
from autoprefetch.faults import shielded
from autoprefetch.orm import wrappers
from autoprefetch.web.requests import RequestCount, count_statement, running

HEADER = "X-Query-Count"
ASKS = "X-Server-Timing"


class QueryCountMiddleware:
    """Count the queries of each request, say how many in `X-Query-Count`, and warn above `QUERY_THRESHOLD`.

    Args:
        get_response: what answers the request, sync or async.

    A fault of its own is logged once, and the response goes out as it is.
    """

    sync_capable = True
    async_capable = True

    def __init__(self, get_response: Callable[[Any], Any]) -> None:
        self.get_response = get_response
        self._is_async = iscoroutinefunction(get_response)
        if self._is_async:
            markcoroutinefunction(self)
        with shielded(None, None):
            wrappers.put_on_all(count_statement)

    def __call__(self, request: Any) -> Any:
        """Answer a request; return a coroutine where what answers it is async."""
        if self._is_async:
            return self._answer(request)
        around = running.get()
        if around is not None and around.request is request:
            return self.get_response(request)  # listed twice
        with shielded(None, None):
            wrappers.put_on_own(count_statement)
        count = RequestCount(request, around)
        try:
            with _counting(count):
                response = self.get_response(request)
        except BaseException:  # whatever ends the request ends its count; it is raised again
            _finish(count)
            raise
        return _told(count, response)

    async def _answer(self, request: Any) -> Any:
        around = running.get()
        if around is not None and around.request is request:
            return await self.get_response(request)
        with shielded(None, None):
            if not wrappers.has_threads_of_its_own():
                await sync_to_async(wrappers.put_on_own)(count_statement)
        count = RequestCount(request, around)
        try:
            with _counting(count):
                response = await self.get_response(request)
        except BaseException:  # also where the task is cancelled; it is raised again
            _finish(count)
            raise
        return _told(count, response)


@contextmanager
def _counting(count: RequestCount) -> Iterator[None]:
    before = running.get()
    running.set(count)
    try:
        yield
    finally:
        running.set(before)  # by value: a stream goes on in another context


def _told(count: RequestCount, response: Any) -> Any:
    """Put the count on a response, and follow the response to the end of its stream."""
    with shielded(None, None):
        response.headers.setdefault(HEADER, str(count.queries))
        if _may_be_timed(count.request):
            own = _timing(count)
            given = response.headers.get("Server-Timing")
            response.headers["Server-Timing"] = f"{given}, {own}" if given else own
    is_streamed = False
    with shielded(None, None):
        # A file is sent by the server itself.
        if getattr(response, "streaming", False) and getattr(response, "file_to_stream", None) is None:
            _follow(count, response)
            is_streamed = True
    if not is_streamed:
        _finish(count)
    return response


def _may_be_timed(request: Any) -> bool:
    """Tell whether a request asks for its times, and may: how long a query takes tells what is in a database."""
    return conf.is_debugging() and ASKS in request.headers


def _timing(count: RequestCount) -> str:
    whole = (perf_counter() - count.began) * 1000
    queries = f"{count.queries} {'query' if count.queries == 1 else 'queries'}"
    return f'db;dur={count.seconds * 1000:.1f};desc="{queries}", total;dur={whole:.1f}'


def _follow(count: RequestCount, response: Any) -> None:
    content = response.streaming_content
    response.streaming_content = _acounted(count, content) if response.is_async else _counted(count, content)
    close = response.close

    def close_and_finish() -> None:
        try:
            with _counting(count):
                close()
        finally:
            _finish(count)

    response.close = close_and_finish


def _counted(count: RequestCount, content: Any) -> Iterator[Any]:
    parts = iter(content)
    try:
        while True:
            with _counting(count):
                try:
                    part = next(parts)
                except StopIteration:
                    return
            yield part
    finally:
        _finish(count)


async def _acounted(count: RequestCount, content: Any) -> AsyncIterator[Any]:
    parts = aiter(content)
    try:
        while True:
            with _counting(count):
                try:
                    part = await anext(parts)
                except StopAsyncIteration:
                    return
            yield part
    finally:
        _finish(count)


def _finish(count: RequestCount) -> None:
    """Warn of a request that is over, once."""
    with shielded(None, None):
        if count.is_finished:
            return
        count.is_finished = True
        threshold = conf.current().query_threshold
        if count.queries > threshold:
            seconds = perf_counter() - count.began
            similar = [
                {"sql": sql, "queries": found.queries, "seconds": found.seconds, "sent_from": found.sent_from}
                for sql, found in count.repeated()
            ]
            advise.many_queries(_view(count.request), count.queries, threshold, count.seconds, seconds, similar)


def _view(request: Any) -> str:
    """Name a view and its route; never the path, which holds values."""
    match = getattr(request, "resolver_match", None)
    if match is None:
        return f"{request.method} (no view)"
    view = getattr(match.func, "view_class", match.func)
    name = getattr(view, "__qualname__", type(view).__qualname__)
    return f"{view.__module__}.{name} ({request.method} {match.route})"
