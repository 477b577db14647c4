"""What a running frame of a template engine says: the template and the line that it renders."""

from __future__ import annotations

from types import FrameType

from django.template.base import Node

_NODE = Node.render_annotated.__code__


def tag_of(frame: FrameType) -> tuple[str, int, str] | None:
    """Return the template name, the line and the text of the tag that a frame renders, or None when it renders none.

    Jinja2 has no text to tell its tags apart by.
    """
    position = position_of(frame)
    if position is None:
        return None
    node = frame.f_locals.get("self") if frame.f_code is _NODE else None
    return *position, f"{{% {node.token.contents} %}}" if node is not None else "template"


def position_of(frame: FrameType) -> tuple[str, int] | None:
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
