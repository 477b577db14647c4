"""Loops: whether an expression can only be about rows of one queryset, because it is in a loop over just that."""

from __future__ import annotations

import ast
from typing import Any

from autoprefetch.advise.trees import (
    COMPREHENSIONS,
    FUNCTIONS,
    around,
    contains,
    is_of_another_scope,
    own_of,
    position,
    stored,
    tree_of,
)
from autoprefetch.learn.profiles import Span

_LOOPS = (ast.For, ast.AsyncFor, ast.comprehension)
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
    nodes = list(around(tree_of(call[0]), place))
    function = next((node for node in reversed(nodes) if isinstance(node, FUNCTIONS)), None)
    loops = [loop for node in nodes for loop in _loops(node, place) if name in stored(ast.walk(loop.target))]
    if function is None or not loops or not isinstance(loops[-1].target, ast.Name):
        return False
    own = list(own_of(function))
    by_loops = sum(name in stored(ast.walk(node.target)) for node in own if isinstance(node, _LOOPS))
    if stored(own).count(name) > by_loops or is_of_another_scope(own, name):
        return False  # something else than loops binds it, too
    over = loops[-1].iter
    if isinstance(over, ast.Name):
        over = _only_value(own, over.id)
    return over is not None and position(over) == call[1:]


def is_read_at_once(call: Span) -> bool:
    """Tell whether nobody but a loop, or what makes a list, gets the queryset that a call makes."""
    if not call:
        return False
    nodes = list(around(tree_of(call[0]), call))
    for node in nodes:
        loops = [node] if isinstance(node, _LOOPS) else node.generators if isinstance(node, COMPREHENSIONS) else []
        given = [loop.iter for loop in loops]
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in _READERS:
            given += node.args
        if any(position(one) == call[1:] for one in given):
            return True
    return False


def _only_value(own: list[ast.AST], name: str) -> ast.expr | None:
    """Return what a name is bound to, if a function binds it once, by assignment."""
    values = [node.value for node in own if isinstance(node, ast.Assign) and name in stored(ast.walk(node))]
    is_once = len(values) == 1 and stored(own).count(name) == 1 and not is_of_another_scope(own, name)
    return values[0] if is_once else None


def _loops(node: ast.AST, place: Span) -> list[Any]:
    """Return the loops of a node that come to a place again and again; to what they go over they come once."""
    loops: list[Any] = node.generators if isinstance(node, COMPREHENSIONS) else []
    loops = [node] if isinstance(node, (ast.For, ast.AsyncFor)) else loops
    return [loop for loop in loops if not contains(loop.iter, place)]
