"""Origins: the place that stands for an evaluation which no `auto()` call does, in `SCOPE` other than "explicit".

It is the innermost place that says something: the tag of a template, else the innermost application frame, else, where
none is on the stack (the admin, generic views), the nearest frame of a library that is not mere plumbing.
"""

from __future__ import annotations

import sys
import sysconfig
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from pathlib import Path
from types import FrameType

import asgiref
import django
import wrapt

from autoprefetch.observe import callsites
from autoprefetch.observe.callsites import Frames, Location
from autoprefetch.observe.marks import Mark
from autoprefetch.orm import routes, templates

_REMEMBERED = 5_000
_tags: dict[tuple[str, int, str], Location] = {}
_plumbing: dict[str, bool] = {}


def evaluating(depth: int, _getframe: Callable[[int], FrameType] = sys._getframe) -> Frames:
    """Find what is evaluating now, with its origin.

    Args:
        depth: how many application frames are wanted at the most.
        _getframe: the seam for tests.
    """
    found = callsites.evaluating_frames(depth, _getframe)
    return found if found.origin is not None else replace(found, origin=_origin(found, _getframe(1)))


def mark(found: Frames) -> Mark | None:
    """Return what stands for a mark where nobody called `auto()`; None when nothing on the stack says anything."""
    return Mark(found.origin, None, (), "", by_scope=True) if found.origin is not None else None


def _origin(found: Frames, frame: FrameType | None) -> Location | None:
    nearest: FrameType | None = None
    while frame is not None and id(frame.f_code) not in routes.ENDS:
        tag = templates.tag_of(frame)
        if tag is not None:
            return _location_of_tag(*tag)
        if found.locations and callsites.is_application_frame(frame):
            return found.locations[0]
        if nearest is None and not _is_plumbing(frame.f_code.co_filename):
            nearest = frame
        frame = frame.f_back
    return callsites.location_of(nearest) if nearest is not None else None


def _location_of_tag(template: str, line: int, text: str) -> Location:
    key = (template, line, text)
    known = _tags.get(key)
    if known is None:
        if len(_tags) >= _REMEMBERED:
            _tags.clear()
        known = _tags[key] = Location(template, text, "tag#0", template, line, line, -1, -1)
    return known


def _is_plumbing(file: str) -> bool:
    known = _plumbing.get(file)
    if known is None:
        known = _plumbing[file] = file.startswith(("<", *_plumbing_roots())) or (
            file.startswith(_standard_library()) and not file.startswith(_installed())
        )
    return known


@cache
def _plumbing_roots() -> tuple[str, ...]:
    own = Path(__file__).parent.parent
    packages = [Path(module.__file__).parent for module in (asgiref, wrapt) if module.__file__]
    within = [Path(django.__file__).parent / name for name in ("db", "template", "utils", "contrib/contenttypes")]
    return tuple(f"{path}/" for path in (own, *packages, *within))


@cache
def _standard_library() -> tuple[str, ...]:
    return tuple(f"{sysconfig.get_path(name)}/" for name in ("stdlib", "platstdlib"))


@cache
def _installed() -> tuple[str, ...]:
    return tuple(f"{sysconfig.get_path(name)}/" for name in ("purelib", "platlib"))
