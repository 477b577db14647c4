"""The route that is running: the URL pattern of a request, a management command, or a background task.

Kept in a context variable from the moment when Django knows it, so that no stack has to be walked for it.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from contextvars import ContextVar
from functools import wraps
from types import FrameType
from typing import Any

from django.core.handlers.asgi import ASGIHandler
from django.core.handlers.base import BaseHandler
from django.core.handlers.wsgi import WSGIHandler
from django.core.management.base import BaseCommand

from autoprefetch.orm.engine import Engine

_route: ContextVar[str] = ContextVar("autoprefetch_route", default="")
_resolved_now: ContextVar[Any] = ContextVar("autoprefetch_resolved_now", default=None)

_handler: Any = BaseHandler
_VIEWS = (_handler._get_response.__code__, _handler._get_response_async.__code__)  # below every middleware
_REQUESTS = (_handler.get_response.__code__, _handler.get_response_async.__code__)  # above every middleware
_COMMANDS = (BaseCommand.execute.__code__,)  # below `manage.py` and what called it

#: Identities of the frames where what evaluates ends: what sends a request or calls a command is no part of it
#: (core/handlers/base.py and core/management/base.py, Django 5.2 to 6.1). The test client runs a view, and awaits an
#: async one, on top of the test's own frames, and no server has those.
ENDS = frozenset(id(code) for code in (*_VIEWS, *_REQUESTS, *_COMMANDS))

ERROR = 500  # the least status of a response that says that the server failed


def current() -> str:
    """Return the route that is running here, such as `GET books/<int:pk>/`; "" outside of any."""
    route = _route.get()
    if not route and (request := _resolved_now.get()) is not None and request.resolver_match:
        _route.set(route := _name(request, request.resolver_match))
    return route


def left() -> None:
    """Take note that a request has ended."""
    _route.set("")
    _resolved_now.set(None)


def install(engine: Engine) -> None:
    """Follow what Django runs, from the request on that runs now."""
    _route.set(_running_now(sys._getframe(1)))
    wsgi: Any = WSGIHandler
    wsgi.__call__ = _serving(wsgi.__call__, engine)
    asgi: Any = ASGIHandler
    asgi.__call__ = _serving_async(asgi.__call__, engine)
    _handler.resolve_request = _resolving(_handler.resolve_request)
    _handler.get_response = _responding(_handler.get_response, engine)
    _handler.get_response_async = _responding_async(_handler.get_response_async, engine)
    command: Any = BaseCommand
    command.execute = _running(command.execute, lambda self: f"command {type(self).__module__.rpartition('.')[2]}")
    try:
        from django.tasks.base import Task  # noqa: PLC0415  (Django 6.0)
    except ImportError:
        return
    task: Any = Task
    task.call = _running(task.call, lambda self: f"task {self.module_path}")


def _running_now(frame: FrameType | None) -> str:
    """Return the route of the request that a frame runs for: the first `auto()` call may well be that of a view.

    Or of a module that the URLconf imports, while the first request of the process is resolved.
    """
    while frame is not None:
        if frame.f_code in _VIEWS:
            request = frame.f_locals["request"]
            if request.resolver_match:
                return _name(request, request.resolver_match)
            _resolved_now.set(request)
            return ""
        frame = frame.f_back
    return ""


def _name(request: Any, match: Any) -> str:
    return f"{'GET' if request.method == 'HEAD' else request.method} {match.route}"


# Where a server calls Django; the handlers of the test client have no part in it.
def _serving(plain: Callable[..., Any], engine: Engine) -> Callable[..., Any]:
    @wraps(plain)
    def serve(self: Any, *args: Any, **kwargs: Any) -> Any:
        engine.begin_request()
        return plain(self, *args, **kwargs)

    return serve


def _serving_async(plain: Callable[..., Any], engine: Engine) -> Callable[..., Any]:
    @wraps(plain)
    async def serve(self: Any, *args: Any, **kwargs: Any) -> Any:
        engine.begin_request()  # in the task that the server has started for this request
        return await plain(self, *args, **kwargs)

    return serve


def _resolving(plain: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(plain)
    def resolve_request(self: Any, request: Any) -> Any:
        match = plain(self, request)
        _route.set(_name(request, match))
        return match

    return resolve_request


def _responding(plain: Callable[..., Any], engine: Engine) -> Callable[..., Any]:
    @wraps(plain)
    def get_response(self: Any, request: Any) -> Any:
        response = plain(self, request)
        if response.status_code >= ERROR:
            engine.failed()
        return response

    return get_response


def _responding_async(plain: Callable[..., Any], engine: Engine) -> Callable[..., Any]:
    @wraps(plain)
    async def get_response_async(self: Any, request: Any) -> Any:
        response = await plain(self, request)
        if response.status_code >= ERROR:
            engine.failed()
        return response

    return get_response_async


def _running(plain: Callable[..., Any], name: Callable[[Any], str]) -> Callable[..., Any]:
    @wraps(plain)
    def run(self: Any, *args: Any, **kwargs: Any) -> Any:
        token = _route.set(name(self))
        try:
            return plain(self, *args, **kwargs)
        finally:
            _route.reset(token)

    return run
