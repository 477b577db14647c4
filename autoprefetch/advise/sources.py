"""Sources: the expression that was given to `auto()`, as it is written."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from autoprefetch.learn.given import METHODS
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


def not_written(call: str, methods: Sequence[str]) -> tuple[str, ...]:
    """Return the methods that are to be appended to the queryset in a call of `auto()`, but for what it says already.

    Args:
        call: the call, as written.
        methods: what is to be appended, link by link.
    """
    node = _link(f"({call}\n)")
    given = _given(node) if isinstance(node, ast.Call) else None
    if given is None:
        return tuple(methods)
    links = [_link(f"_{method}") for method in methods]
    sizes = (
        size for size in range(len(links), 0, -1) if ast.unparse(given).endswith("".join(map(_unparsed, links[:size])))
    )
    written = {argument for link in _links(given) for argument in _arguments(link)}
    left = list(zip(methods, links, strict=True))[next(sizes, 0) :]
    return tuple(method for method, link in left if not _arguments(link) or not _arguments(link) <= written)


def _link(code: str) -> ast.expr:
    return ast.parse(code, mode="eval").body


def _unparsed(link: ast.expr) -> str:
    return ast.unparse(link).removeprefix("_")


def _links(node: ast.expr) -> Iterator[ast.Call]:
    """Yield the links of a chain, from the last to the first."""
    while isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
        yield node
        node = node.func.value


def _arguments(link: ast.expr) -> frozenset[tuple[str, str]]:
    """Return what a link adds to a queryset; once is enough for each. Nothing for other links."""
    if not isinstance(link, ast.Call) or not isinstance(link.func, ast.Attribute) or link.func.attr not in METHODS:
        return frozenset()
    return frozenset((link.func.attr, ast.unparse(argument)) for argument in (*link.args, *link.keywords))


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
