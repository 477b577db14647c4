"""Locating: where the code stands now that the key of a call site tells of, though nothing of it runs here.

A key has a hash of the `auto(...)` expression, so that it is found again with certainty wherever it was moved to in its
module; edited, it is another call site.
"""

from __future__ import annotations

import ast
import linecache
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from importlib import import_module
from importlib.util import find_spec

from autoprefetch.advise.chains import Chain, chain_of
from autoprefetch.advise.keys import Place
from autoprefetch.advise.trees import parsed
from autoprefetch.learn.profiles import Span
from autoprefetch.observe.callsites import Location
from autoprefetch.observe.expressions import called, digest_of

_PLACE = re.compile(r"(?P<path>.+)\.py:\d+ (?P<function>.+)")
_SCOPES = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda)


class NotLocatedError(LookupError):
    """Raised where nobody can tell where a piece of code is; the message says why."""


@dataclass(frozen=True, slots=True)
class _Found:
    """An expression, and the function that it stands in."""

    function: str
    node: ast.expr


def location_of(place: Place) -> Location:
    """Find the call of `auto()` that a key tells of.

    Its module is imported, to know what its names are bound to.

    Raises:
        NotLocatedError: it was edited, or there is no telling which of several it is.
    """
    file = file_of(place.module)
    imported(place.module)
    node = _one_of(place, [found for found in _expressions(file) if isinstance(found.node, ast.Call)])
    return Location(place.module, place.function, place.step, *span_of(file, node))


def imported(module: str) -> None:
    """Import a module, to know what its names are bound to.

    Raises:
        NotLocatedError: it cannot be imported.
    """
    try:
        import_module(module)
    except (Exception, SystemExit) as error:  # a script ends where it is run, and so where it is imported
        msg = f"{module} cannot be imported: {type(error).__name__}: {error}"
        raise NotLocatedError(msg) from error


def module_of(place: str) -> str:
    """Return the module of a place as it was recorded; "" where it is none of a module."""
    found = _PLACE.fullmatch(place)
    return found["path"].removesuffix("/__init__").replace("/", ".") if found is not None else ""


def expressions_in(lines: tuple[str, ...]) -> Iterator[tuple[str, ast.expr]]:
    """Yield all expressions of a file, each with the function that it stands in."""
    return ((found.function, found.node) for found in _parsed(lines))


def _one_of(place: Place, calls: list[_Found]) -> ast.expr:
    name, _, number = place.step.partition("#")
    same = [found for found in calls if _callee(found.node) == name and digest_of(found.node) == place.digest]
    if not same:
        msg = f"its auto(...) in {place.module} was edited or removed since it was learned"
        raise NotLocatedError(msg)
    here = [found for found in same if found.function == place.function] or same
    if len(here) > 1:
        named = [found for found in calls if found.function == place.function and _callee(found.node) == name]
        here = [found for found in named[int(number) : int(number) + 1] if found in here] if number.isdigit() else []
    if len(here) != 1:
        msg = f"its auto(...) is written more than once in {place.module}"
        raise NotLocatedError(msg)
    return here[0].node


def chain_at(place: str, accessor: str) -> Iterator[tuple[Span, Chain]]:
    """Yield the expressions that derive a query, in the function where it was touched first.

    Args:
        place: that, as it was recorded: `bank/serializers.py:80 AccountSerializer.get_transactions`.
        accessor: the attribute of the instance.
    """
    found = _PLACE.fullmatch(place)
    if found is None:
        return
    try:
        file = file_of(module_of(place))
    except NotLocatedError:
        return
    seen = set()
    for expression in _expressions(file):
        node = expression.node
        if expression.function == found["function"] and isinstance(node, ast.Attribute) and node.attr == accessor:
            span = span_of(file, node)
            chain = chain_of(span, accessor)
            if chain is not None and span not in seen:
                seen.add(span)
                yield span, chain


def file_of(module: str) -> str:
    """Return the source file of a module.

    Raises:
        NotLocatedError: there is none.
    """
    loaded = sys.modules.get(module)
    file = getattr(loaded, "__file__", None)
    if file is None:
        try:
            spec = find_spec(module)
        except (ImportError, ValueError, AttributeError):
            spec = None
        file = spec.origin if spec is not None else None
    if file is None or not file.endswith(".py"):
        msg = f"there is no source file of a module {module}"
        raise NotLocatedError(msg)
    return str(file)


def _expressions(file: str) -> list[_Found]:
    linecache.checkcache(file)
    return _parsed(tuple(linecache.getlines(file)))


@lru_cache(maxsize=32)
def _parsed(lines: tuple[str, ...]) -> list[_Found]:
    return list(_within(parsed(lines), ""))


def _within(node: ast.AST, function: str) -> Iterator[_Found]:
    """Yield all expressions with their functions, in the order in which they are written."""
    for name, value in ast.iter_fields(node):
        inside = function
        if isinstance(node, _SCOPES) and name == "body":
            own = "<lambda>" if isinstance(node, ast.Lambda) else node.name
            inside = f"{function}.{own}" if function else own
        for child in value if isinstance(value, list) else [value]:
            if isinstance(child, ast.expr):
                yield _Found(inside or "<module>", child)
            if isinstance(child, ast.AST):
                yield from _within(child, inside)


def _callee(node: ast.expr) -> str:
    return called(node.func) if isinstance(node, ast.Call) else ""


def span_of(file: str, node: ast.expr) -> tuple[str, int, int, int, int]:
    """Return where an expression stands."""
    end_line, end_column = node.end_lineno or node.lineno, node.end_col_offset or node.col_offset
    return file, node.lineno, end_line, node.col_offset, end_column
