"""Call sites: the place where a queryset was made automatic, with the frames that evaluate it.

The stack is walked with `sys._getframe`, as structlog does; `inspect.stack` reads source files and costs a thousand
times more. What is known of a code object is kept by its identity, because hashing a code object hashes its constants.
"""

from __future__ import annotations

import dis
import re
import site
import sys
import sysconfig
from bisect import bisect_right
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import CodeType, FrameType

import django

from autoprefetch import conf
from autoprefetch.orm import frames

_COMPREHENSIONS = ("<listcomp>", "<setcomp>", "<dictcomp>")  # frames of their own before Python 3.12
_COMPREHENSION = re.compile(r"(\.<locals>)?\.<(listcomp|setcomp|dictcomp|genexpr)>")
_REMEMBERED = 20_000


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
        if self.file.startswith("<"):
            return self.file
        parts = Path(self.file).parts
        depth = self.module.count(".") + 1 + (parts[-1] == "__init__.py")
        return "/".join(parts[-depth:])

    def __str__(self) -> str:
        return f"{self.path}:{self.line} {self.function}"


@dataclass(frozen=True, slots=True)
class CallSite:
    """Where a queryset was made automatic and what evaluates it; `key` is stable across edits and processes."""

    key: str
    origin: Location
    model: str

    @property
    def name(self) -> str:
        """The function and the line, for people."""
        return f"{self.origin.function} ({self.origin.path}:{self.origin.line})"

    def __str__(self) -> str:
        return self.name


@dataclass(frozen=True, slots=True)
class Frames:
    """What evaluates: application frames from the innermost out, and the route of the request, task or command."""

    locations: tuple[Location, ...]
    route: str


@dataclass(frozen=True, slots=True)
class _Code:
    """What is known of one code object; holding it keeps its identity from being reused."""

    code: CodeType
    is_application: bool
    route: Callable[[FrameType], str] | None
    offsets: tuple[int, ...]
    steps: tuple[str, ...]


_codes: dict[int, _Code] = {}
_locations: dict[tuple[int, int], Location] = {}
_taken: ContextVar[Frames | None] = ContextVar("autoprefetch_frames", default=None)


@cache
def _library_roots() -> tuple[str, ...]:
    # The interpreter's own answer, not "site-packages" in the name: projects live in such folders too.
    paths = {sysconfig.get_path(name) for name in ("stdlib", "platstdlib", "purelib", "platlib")}
    paths |= {*site.getsitepackages(), site.getusersitepackages()}
    paths |= {str(Path(django.__file__).parent), str(Path(__file__).parent.parent)}
    return tuple(f"{path}/" for path in sorted(paths))


def _is_application(file: str, module: str) -> bool:
    if file.startswith("<frozen"):
        return False
    if file.startswith(_library_roots()):
        package = module.partition(".")[0]
        return package != "autoprefetch" and package in conf.project_packages()
    return True


def _callee(instructions: list[dis.Instruction], at: int) -> str | None:
    """Find the name that a call instruction calls: what was loaded last from where the call expression starts."""
    start = instructions[at].positions
    if start is None or start.col_offset is None:
        return None
    for instruction in reversed(instructions[:at]):
        position = instruction.positions
        if (
            position is not None
            and (position.lineno, position.col_offset) == (start.lineno, start.col_offset)
            and (position.end_lineno, position.end_col_offset) != (start.end_lineno, start.end_col_offset)
            and instruction.opname.startswith("LOAD_")
            and isinstance(instruction.argval, str)
        ):
            return instruction.argval
    return None


def _steps(code: CodeType) -> tuple[tuple[int, ...], tuple[str, ...]]:
    instructions = list(dis.get_instructions(code))
    seen: Counter[str] = Counter()
    steps: list[str] = []
    for at, instruction in enumerate(instructions):
        name = instruction.opname.lower()
        if name.startswith("call") and at and instructions[at - 1].opname == "PRECALL":
            # Python 3.11 runs a call at either instruction, depending on how often it ran before.
            steps.append(steps[-1])
            continue
        if name.startswith(("call", "precall")):
            name = _callee(instructions, at) or "call"
        steps.append(f"{name}#{seen[name]}")
        seen[name] += 1
    return tuple(instruction.offset for instruction in instructions), tuple(steps)


def _known(frame: FrameType) -> _Code:
    code, module = frame.f_code, frame.f_globals.get("__name__", "")
    route = frames.route_reader(code, module)
    is_application = route is None and _is_application(code.co_filename, module)
    offsets, steps = _steps(code) if is_application else ((), ())
    if len(_codes) >= _REMEMBERED or len(_locations) >= _REMEMBERED:
        _locations.clear()
        _codes.clear()
    known = _codes[id(code)] = _Code(code, is_application, route, offsets, steps)
    return known


def _function(code: CodeType) -> str:
    return _COMPREHENSION.sub("", code.co_qualname).replace(".<locals>", "")


def is_application_frame(frame: FrameType) -> bool:
    """Tell whether a frame runs the project's own code."""
    return (_codes.get(id(frame.f_code)) or _known(frame)).is_application


def location_of(frame: FrameType) -> Location:
    """Describe the place where a frame is running; the same place gives the same object."""
    code, at = frame.f_code, frame.f_lasti
    location = _locations.get((id(code), at))
    if location is None:
        known = _codes.get(id(code)) or _known(frame)
        offsets, steps = (known.offsets, known.steps) if known.steps else _steps(code)
        line, end_line, column, end_column = list(code.co_positions())[at // 2]
        location = _locations[id(code), at] = Location(
            module=frame.f_globals.get("__name__", ""),
            function=_function(code),
            step=steps[max(bisect_right(offsets, at) - 1, 0)],
            file=code.co_filename,
            line=line or frame.f_lineno,
            end_line=end_line or line or frame.f_lineno,
            column=-1 if column is None else column,
            end_column=-1 if end_column is None else end_column,
        )
    return location


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
    while frame is not None:
        known = _codes.get(id(frame.f_code)) or _known(frame)
        if known.is_application:
            if len(found) < depth and known.code.co_name not in _COMPREHENSIONS:
                found.append(location_of(frame))
        elif known.route is not None:
            return Frames(tuple(found), known.route(frame))
        frame = frame.f_back
    return Frames(tuple(found), "")


@contextmanager
def taken(found: Frames) -> Iterator[None]:
    """Let evaluations inside use frames that were taken before the work moved to another thread."""
    token = _taken.set(found)
    try:
        yield
    finally:
        _taken.reset(token)


_call_sites: dict[tuple[object, ...], CallSite] = {}


def call_site(origin: Location, name: str | None, model: str, found: Frames) -> CallSite:
    """Make the call site of an evaluation.

    Args:
        origin: where `auto()` was called.
        name: the stable name that the caller gave; then neither frames nor route tell call sites apart.
        model: the label of the model, such as `bank.Account`.
        found: what evaluates.
    """
    identity = (name, model) if name is not None else (origin, model, found.locations, found.route)
    known = _call_sites.get(identity)
    if known is None:
        if len(_call_sites) >= _REMEMBERED:
            _call_sites.clear()
        parts = [name] if name is not None else [origin.key, *(at.key for at in found.locations), found.route]
        known = _call_sites[identity] = CallSite(" < ".join([*parts, model]), origin, model)
    return known
