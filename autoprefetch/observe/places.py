"""Places: where a relation was first touched, as file, line and function, or as template and line."""

from __future__ import annotations

import sys
from collections.abc import Callable
from types import FrameType

from autoprefetch.observe import callsites
from autoprefetch.orm import routes, templates


def accessed_at(_getframe: Callable[[int], FrameType] = sys._getframe) -> str:
    """Name the place that is touching a relation now.

    Returns:
        `bank/views.py:42 AccountsView.get`, or `accounts.html:7` when a template does it; "" when nothing of the
        project is on the stack.
    """
    frame: FrameType | None = _getframe(1)
    while frame is not None and id(frame.f_code) not in routes.ENDS:
        position = templates.position_of(frame)
        if position is not None:
            return f"{position[0]}:{position[1]}"
        if callsites.is_application_frame(frame):
            return callsites.place_of(frame)
        frame = frame.f_back
    return ""
