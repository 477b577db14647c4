"""Sources: the expression that was given to `auto()`, as it is written."""

from __future__ import annotations

import ast
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from autoprefetch.observe.callsites import Location
from autoprefetch.observe.comments import comment_of
from autoprefetch.observe.expressions import call_at


@dataclass(frozen=True, slots=True)
class Source:
    """A call of `auto()` in the source.

    Attributes:
        call: the whole call, as written.
        expression: its first argument, as written, in brackets where methods could not be appended otherwise.
        ignore: the relations that it is told to leave lazy, where they are literal, and those of its comment.
        is_ignored: whether its comment lets all of it run as plain Django.
    """

    call: str
    expression: str
    ignore: tuple[str, ...] = ()
    is_ignored: bool = False


def source_of(origin: Location) -> Source | None:
    """Read the call of `auto()` that made a queryset automatic; None when there is no source or it has changed."""
    found = call_at(origin)
    if found is None:
        return None
    call, text, node = found
    given = _given(node)
    if given is None:
        return None
    argument = ast.get_source_segment(text, given)
    if argument is None:
        return None
    comment = comment_of(origin)
    return Source(call, _extensible(argument, given), (*_ignored(node), *comment.ignore), comment.is_whole)


def _given(call: ast.Call) -> ast.expr | None:
    """Return the queryset argument of a call of `auto()`."""
    if call.args:
        return None if isinstance(call.args[0], ast.Starred) else call.args[0]
    return next((keyword.value for keyword in call.keywords if keyword.arg == "source"), None)


def _ignored(call: ast.Call) -> tuple[str, ...]:
    written = next((keyword.value for keyword in call.keywords if keyword.arg == "ignore"), None)
    try:
        return tuple(ast.literal_eval(written)) if written is not None else ()
    except (TypeError, ValueError):
        return ()


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
