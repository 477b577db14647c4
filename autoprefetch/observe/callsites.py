"""Call sites: the place where a queryset was made automatic, with the frames that evaluate it.

The stack is walked with `sys._getframe`, as structlog does; `inspect.stack` reads source files and costs a thousand
times more. What is known of a code object is kept by its identity, because hashing a code object hashes its constants.
"""

from __future__ import annotations

import os
import re
import site
import sys
import sysconfig
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from functools import cache
from itertools import islice
from pathlib import Path
from types import CodeType, FrameType

import django

from autoprefetch import conf
from autoprefetch.observe.comments import NO_COMMENT, Comment, comment_of
from autoprefetch.observe.expressions import digest
from autoprefetch.observe.steps import Steps, steps_of
from autoprefetch.orm import routes

_COMPREHENSIONS = ("<listcomp>", "<setcomp>", "<dictcomp>")  # frames of their own before Python 3.12
_COMPREHENSION = re.compile(r"(\.<locals>)?\.<(listcomp|setcomp|dictcomp|genexpr)>")
_REMEMBERED = 20_000
_REMEMBERED_STEPS = 100  # they are large, and asked for only when a place is seen for the first time


@dataclass(frozen=True, slots=True, eq=False)  # interned: the same place is the same object, so it hashes at once
class Location:
    """One place in the source that is running.

    `step` names the call or the loop within the function and counts those of the same name, so that it survives lines
    moved and other statements added. Lines and columns are for people, and for the advice to find the expression.
    """

    module: str
    function: str
    step: str
    file: str
    line: int
    end_line: int
    column: int
    end_column: int

    @property
    def key(self) -> str:
        """What stays the same when lines move."""
        return f"{self.module}:{self.function}/{self.step}"

    @property
    def span(self) -> tuple[str, int, int, int, int]:
        """The expression that is running, for the advice to find it."""
        return self.file, self.line, self.end_line, self.column, self.end_column

    @property
    def path(self) -> str:
        """The file as a person would name it, from the top package down."""
        return path_of(self.file, self.module)

    def __str__(self) -> str:
        return f"{self.path}:{self.line} {self.function}"


def path_of(file: str, module: str) -> str:
    """Name a file as a person would, from the top package down."""
    if file.startswith("<") or not os.path.isabs(file):  # noqa: PTH117  (a `Path` keeps all its parts for good)
        return file  # no file, or the name of a template
    parts = file.replace(os.altsep or os.sep, os.sep).split(os.sep)  # noqa: PTH206
    depth = module.count(".") + 1 + (parts[-1] == "__init__.py")
    return "/".join(parts[-depth:])


@dataclass(frozen=True, slots=True)
class CallSite:
    """Where a queryset was made automatic and what evaluates it; `key` is stable across edits and processes."""

    key: str
    origin: Location
    model: str
    comment: Comment = NO_COMMENT

    @property
    def name(self) -> str:
        """The function and the line, for people."""
        return f"{self.origin.function} ({self.origin.path}:{self.origin.line})"

    def __str__(self) -> str:
        return self.name


@dataclass(frozen=True, slots=True)
class Frames:
    """What evaluates: application frames from the innermost out, and the route of the request, task or command.

    `origin` is the place that stands for an evaluation without `auto()`, once it was looked for.
    """

    locations: tuple[Location, ...]
    route: str
    origin: Location | None = None


_steps: dict[int, Steps] = {}
_locations: dict[int, tuple[CodeType, dict[int, Location]]] = {}  # holding a code object keeps its identity its own
_library_files: set[str] = set()
_application_files: set[str] = set()
_taken: ContextVar[Frames | None] = ContextVar("autoprefetch_frames", default=None)


@cache
def _library_roots() -> tuple[str, ...]:
    # The interpreter's own answer, not "site-packages" in the name: projects live in such folders too.
    paths = {sysconfig.get_path(name) for name in ("stdlib", "platstdlib", "purelib", "platlib")}
    paths |= {*site.getsitepackages(), site.getusersitepackages()}
    paths |= {str(Path(django.__file__).parent), str(Path(__file__).parent.parent)}
    return tuple(f"{path}/" for path in sorted(paths))


def is_application(file: str, module: str) -> bool:
    """Tell whether a file is of the project's own code, and not of a library."""
    if file.startswith("<frozen"):
        return False
    if file.startswith(_library_roots()):
        package = module.partition(".")[0]
        return package != "autoprefetch" and package in conf.project_packages()
    return True


def is_application_frame(frame: FrameType) -> bool:
    """Tell whether a frame runs the project's own code."""
    file = frame.f_code.co_filename
    if file in _library_files:
        return False
    if file in _application_files:
        return True
    found = is_application(file, frame.f_globals.get("__name__", ""))
    (_application_files if found else _library_files).add(file)
    return found


def location_of(frame: FrameType) -> Location:
    """Describe the place where a frame is running; the same place gives the same object."""
    code, at = frame.f_code, frame.f_lasti
    known = _locations.get(id(code))
    if known is None:
        if len(_locations) >= _REMEMBERED:
            _locations.clear()
        known = _locations[id(code)] = code, {}
    location = known[1].get(at)
    if location is None:
        location = known[1][at] = _described(frame, code, at)
    return location


def place_of(frame: FrameType) -> str:
    """Name the place where a frame is running, for people; unlike a location it is not remembered."""
    path = path_of(frame.f_code.co_filename, frame.f_globals.get("__name__", ""))
    return f"{path}:{frame.f_lineno} {function_of(frame.f_code)}"


def function_of(code: CodeType) -> str:
    """Name the function that a code object is of; a comprehension is of the one around it."""
    return sys.intern(_COMPREHENSION.sub("", code.co_qualname).replace(".<locals>", ""))


def _described(frame: FrameType, code: CodeType, at: int) -> Location:
    line, end_line, column, end_column = next(islice(code.co_positions(), at // 2, None))
    return Location(
        module=frame.f_globals.get("__name__", ""),
        function=function_of(code),
        step=sys.intern(_steps_of(code).at(at)),
        file=code.co_filename,
        line=line or frame.f_lineno,
        end_line=end_line or line or frame.f_lineno,
        column=-1 if column is None else column,
        end_column=-1 if end_column is None else end_column,
    )


def _steps_of(code: CodeType) -> Steps:
    steps = _steps.get(id(code))
    if steps is None:
        if len(_steps) >= _REMEMBERED_STEPS:
            _steps.clear()
        steps = _steps[id(code)] = steps_of(code)
    return steps


def innermost(_getframe: Callable[[int], FrameType] = sys._getframe) -> Location | None:
    """Describe where the innermost application frame is running; None when there is none."""
    frame: FrameType | None = _getframe(1)
    while frame is not None and not is_application_frame(frame):
        frame = frame.f_back
    return None if frame is None else location_of(frame)


def evaluating_frames(depth: int, _getframe: Callable[[int], FrameType] = sys._getframe) -> Frames:
    """Find what is evaluating now.

    Args:
        depth: how many application frames are wanted at the most.
        _getframe: the seam for tests.

    Returns:
        the innermost application frames and the route that they serve ("" when there is none).
    """
    taken = _taken.get()
    if taken is not None:
        return taken
    frame: FrameType | None = _getframe(1)
    found: list[Location] = []
    library, ends = _library_files, routes.ENDS
    while frame is not None:
        code = frame.f_code
        if id(code) in ends:
            break
        if code.co_filename not in library and is_application_frame(frame) and code.co_name not in _COMPREHENSIONS:
            found.append(location_of(frame))
            if len(found) == depth:
                break
        frame = frame.f_back
    return Frames(tuple(found), routes.current())


@contextmanager
def taken(found: Frames) -> Iterator[None]:
    """Let evaluations inside use frames that were taken before the work moved to another thread."""
    token = _taken.set(found)
    try:
        yield
    finally:
        _taken.reset(token)


_call_sites: dict[tuple[object, ...], CallSite] = {}


def _key_of(origin: Location, found: Frames) -> str:
    """Return the key of an origin; that of an `auto()` is another one once the expression there was changed."""
    expression = digest(origin) if origin is not found.origin else ""
    return f"{origin.key}@{expression}" if expression else origin.key


def _storable(key: str) -> str:
    """Escape what files and databases do not take: bytes of a file name that are no text, and NUL."""
    return key.encode("utf-8", "backslashreplace").decode().replace("\0", r"\x00")


def call_site(origin: Location, name: str | None, model: str, found: Frames) -> CallSite:
    """Make the call site of an evaluation.

    Args:
        origin: where `auto()` was called, or what evaluates where nobody called it.
        name: the stable name that the caller gave; then neither frames nor route tell call sites apart.
        model: the label of the model, such as `bank.Account`.
        found: what evaluates.
    """
    identity = (name, model, origin) if name is not None else (origin, model, found.locations, found.route)
    known = _call_sites.get(identity)
    if known is None:
        if len(_call_sites) >= _REMEMBERED:
            _call_sites.clear()
        callers = found.locations[1:] if found.locations[:1] == (origin,) else found.locations
        parts = [name] if name is not None else [_key_of(origin, found), *(at.key for at in callers), found.route]
        key = _storable(" < ".join([*parts, model]))
        known = _call_sites[identity] = CallSite(key, origin, model, comment_of(origin))
    return known
