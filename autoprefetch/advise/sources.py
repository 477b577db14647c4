"""Sources: the expression that was given to `auto()`, as it is written."""

from __future__ import annotations

import ast
import linecache
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from autoprefetch.observe.callsites import Location


@dataclass(frozen=True, slots=True)
class Source:
    """A call of `auto()` in the source.

    Attributes:
        call: the whole call, as written.
        expression: its first argument, as written, in brackets where methods could not be appended otherwise.
    """

    call: str
    expression: str


def source_of(origin: Location) -> Source | None:
    """Read the call of `auto()` that made a queryset automatic; None when there is no source or it has changed."""
    call = _segment(origin)
    if call is None:
        return None
    text = f"({call}\n)"  # so that a call over several lines parses wherever its lines are indented
    try:
        node = ast.parse(text, mode="eval").body
    except SyntaxError:
        return None
    given = _given(node) if isinstance(node, ast.Call) else None
    if given is None or not isinstance(node, ast.Call):
        return None
    if _name(node.func) not in ("", origin.step.partition("#")[0]):
        return None  # another call stands there now
    argument = ast.get_source_segment(text, given)
    return None if argument is None else Source(call, _extensible(argument, given))


def _given(call: ast.Call) -> ast.expr | None:
    """Return the queryset argument of a call of `auto()`."""
    if call.args:
        return None if isinstance(call.args[0], ast.Starred) else call.args[0]
    return next((keyword.value for keyword in call.keywords if keyword.arg == "source"), None)


def _name(callee: ast.expr) -> str:
    return callee.attr if isinstance(callee, ast.Attribute) else callee.id if isinstance(callee, ast.Name) else ""


def _segment(origin: Location) -> str | None:
    if origin.column < 0 or origin.end_column < 0:
        return None
    linecache.checkcache(origin.file)
    lines = linecache.getlines(origin.file)[origin.line - 1 : origin.end_line]
    if len(lines) != origin.end_line - origin.line + 1:
        return None
    # Columns are counted in bytes of UTF-8.
    encoded = [line.encode() for line in lines]
    encoded[-1] = encoded[-1][: origin.end_column]
    encoded[0] = encoded[0][origin.column :]
    return b"".join(encoded).decode(errors="replace")


def _extensible(expression: str, node: ast.expr) -> str:
    if isinstance(node, (ast.Name, ast.Attribute, ast.Call, ast.Subscript)):
        try:
            ast.parse(expression, mode="eval")
        except SyntaxError:  # it goes over lines that only the brackets of the call held together
            return f"({expression})"
        return expression
    return f"({expression})"


def names_at(origin: Location) -> Mapping[str, Any]:
    """Return the names that the module of a call site has bound, to know which imports it lacks."""
    return vars(sys.modules[origin.module]) if origin.module in sys.modules else {}
