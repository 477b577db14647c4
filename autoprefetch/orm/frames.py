"""What a running frame of Django says: the route it serves, or the template node it renders.

The frames are recognised by their code objects, so nothing is patched and nothing runs until somebody asks.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import CodeType, FrameType
from typing import Any

from django.core.handlers.base import BaseHandler
from django.core.management.base import BaseCommand
from django.template.base import Node


def _route_of_request(frame: FrameType) -> str:
    request: Any = frame.f_locals.get("request")
    match = getattr(request, "resolver_match", None)
    if match is None:
        return ""
    method = "GET" if request.method == "HEAD" else request.method
    return f"{method} {match.route}"


def _route_of_command(frame: FrameType) -> str:
    return f"command {type(frame.f_locals.get('self')).__module__.rpartition('.')[2]}"


def _route_of_task(frame: FrameType) -> str:
    return f"task {getattr(frame.f_locals.get('self'), 'module_path', '')}"


def _route_of_celery_task(frame: FrameType) -> str:
    return f"task {frame.f_locals.get('name', '')}"


def _known_routes() -> dict[CodeType, Callable[[FrameType], str]]:
    # `_get_response` holds the request once its URL is resolved, and is below every middleware (core/handlers/base.py,
    # Django 5.2 to 6.1), so the walk ends there.
    handler: Any = BaseHandler
    known: dict[CodeType, Callable[[FrameType], str]] = {
        handler._get_response.__code__: _route_of_request,
        handler._get_response_async.__code__: _route_of_request,
        BaseCommand.execute.__code__: _route_of_command,
    }
    try:
        from django.tasks.base import Task  # noqa: PLC0415  (Django 6.0)
    except ImportError:
        return known
    return {**known, Task.call.__code__: _route_of_task}


_ROUTES: Mapping[CodeType, Callable[[FrameType], str]] = _known_routes()
_NODE = Node.render_annotated.__code__


def route_reader(code: CodeType, module: str) -> Callable[[FrameType], str] | None:
    """Return what reads the route from frames of this code, or None when such frames serve no route.

    Args:
        code: the code object of a frame.
        module: the name of the module that the frame runs in.
    """
    if module == "celery.app.trace" and code.co_name == "trace_task":
        return _route_of_celery_task
    return _ROUTES.get(code)


def template_position(frame: FrameType) -> tuple[str, int] | None:
    """Return the template name and line that a frame renders, or None when it renders none.

    Covers Django's engine (`Node.render_annotated`, template/base.py) and Jinja2 (its frames carry the template).
    """
    if frame.f_code is _NODE:
        node = frame.f_locals.get("self")
        token, origin = getattr(node, "token", None), getattr(node, "origin", None)
        if token is None or origin is None:
            return None
        return str(origin.template_name or origin.name), token.lineno
    template = frame.f_globals.get("__jinja_template__")
    if template is not None:
        return str(template.name), template.get_corresponding_lineno(frame.f_lineno)
    return None
