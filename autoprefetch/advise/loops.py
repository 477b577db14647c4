"""Loops: whether an expression can only be about rows of one queryset, because it is in a loop over just that."""

from __future__ import annotations

import ast
import linecache
from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import Any

from autoprefetch.learn.profiles import Span

_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda, ast.Module)
_LOOPS = (ast.For, ast.AsyncFor, ast.comprehension)
_COMPREHENSIONS = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)
_READERS = frozenset({"enumerate", "frozenset", "iter", "list", "map", "reversed", "set", "sorted", "tuple", "zip"})


def is_in_loop_over(call: Span, place: Span, name: str) -> bool:
    """Tell whether a name stands for a row of a queryset wherever a place is reached.

    Args:
        call: the call that makes the queryset.
        place: where the name is used.
        name: the name.

    Returns:
        True where the innermost loop around the place that binds the name goes over the call itself, or over a name
        that the function binds to the call, and to nothing else.
    """
    if not call or not place or call[0] != place[0]:
        return False
    linecache.checkcache(call[0])
    around = list(_around(_parsed(tuple(linecache.getlines(call[0]))), place))
    function = next((node for node in reversed(around) if isinstance(node, _FUNCTIONS)), None)
    loops = [loop for node in around for loop in _loops(node, place) if name in _stored(ast.walk(loop.target))]
    if function is None or not loops or not isinstance(loops[-1].target, ast.Name):
        return False
    own = list(_own(function))
    by_loops = sum(name in _stored(ast.walk(node.target)) for node in own if isinstance(node, _LOOPS))
    if _stored(own).count(name) > by_loops or _is_of_another_scope(own, name):
        return False  # something else than loops binds it, too
    over = loops[-1].iter
    if isinstance(over, ast.Name):
        over = _only_value(own, over.id)
    return over is not None and _span(over) == call[1:]


def is_read_at_once(call: Span) -> bool:
    """Tell whether nobody but a loop, or what makes a list, gets the queryset that a call makes."""
    if not call:
        return False
    linecache.checkcache(call[0])
    around = list(_around(_parsed(tuple(linecache.getlines(call[0]))), call))
    for node in around:
        loops = [node] if isinstance(node, _LOOPS) else node.generators if isinstance(node, _COMPREHENSIONS) else []
        given = [loop.iter for loop in loops]
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in _READERS:
            given += node.args
        if any(_span(one) == call[1:] for one in given):
            return True
    return False


def _only_value(own: list[ast.AST], name: str) -> ast.expr | None:
    """Return what a name is bound to, if a function binds it once, by assignment."""
    values = [node.value for node in own if isinstance(node, ast.Assign) and name in _stored(ast.walk(node))]
    is_once = len(values) == 1 and _stored(own).count(name) == 1 and not _is_of_another_scope(own, name)
    return values[0] if is_once else None


def _is_of_another_scope(own: list[ast.AST], name: str) -> bool:
    inner = (node for one in own if isinstance(one, _FUNCTIONS) for node in ast.walk(one))
    return any(isinstance(node, (ast.Global, ast.Nonlocal)) and name in node.names for node in (*own, *inner))


def _own(function: ast.AST) -> Iterator[ast.AST]:
    """Yield the nodes of a function that are in no function or class within it, and those themselves."""
    for child in ast.iter_child_nodes(function):
        yield child
        if not isinstance(child, (*_FUNCTIONS, ast.ClassDef)):
            yield from _own(child)


@lru_cache(maxsize=32)
def _parsed(lines: tuple[str, ...]) -> ast.Module:
    try:
        return ast.parse("".join(lines))
    except SyntaxError:
        return ast.Module([], [])


def _around(node: ast.AST, place: Span) -> Iterator[ast.AST]:
    """Yield the nodes around a place, from the outermost in."""
    yield node
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.comprehension) or _contains(child, place):
            yield from _around(child, place)


def _contains(node: Any, place: Span) -> bool:
    if not place or not hasattr(node, "lineno"):
        return False
    start, end = (place[1], place[3]), (place[2], place[4])
    return bool((node.lineno, node.col_offset) <= start and end <= (node.end_lineno, node.end_col_offset))


def _span(node: Any) -> tuple[int, ...]:
    return (node.lineno, node.end_lineno, node.col_offset, node.end_col_offset) if hasattr(node, "lineno") else ()


def _loops(node: ast.AST, place: Span) -> list[Any]:
    """Return the loops of a node that come to a place again and again; to what they go over they come once."""
    loops: list[Any] = node.generators if isinstance(node, _COMPREHENSIONS) else []
    loops = [node] if isinstance(node, (ast.For, ast.AsyncFor)) else loops
    return [loop for loop in loops if not _contains(loop.iter, place)]


def _stored(nodes: Iterable[ast.AST]) -> list[str]:
    """Return the names that nodes bind, each time."""
    found = list(nodes)
    names = [node.id for node in found if isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load)]
    return names + [node.arg for node in found if isinstance(node, ast.arg)]
