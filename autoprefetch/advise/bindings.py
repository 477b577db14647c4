"""Bindings: the names that code would use at a place, where the source around it gives them another meaning."""

from __future__ import annotations

import ast
import builtins
from collections.abc import Iterable

from autoprefetch.advise.trees import COMPREHENSIONS, FUNCTIONS, around, bound_by, expression_of, own_of, tree_of
from autoprefetch.learn.profiles import Span

_BUILTINS = frozenset(dir(builtins))
_SCOPES = (*FUNCTIONS, ast.ClassDef, *COMPREHENSIONS)


def names_in(code: str) -> frozenset[str]:
    """Return the names that an expression uses."""
    return frozenset(node.id for node in ast.walk(expression_of(code)) if isinstance(node, ast.Name))


def shadowed(names: Iterable[str], place: Span) -> str:
    """Return a name that a function around a place binds, a class, or for a builtin the module; "" where none does."""
    if not place:
        return ""
    wanted = set(names)
    for scope in around(tree_of(place[0]), place):
        if isinstance(scope, _SCOPES):
            taken = wanted & bound_by(own_of(scope))
            taken &= _BUILTINS if isinstance(scope, ast.Module) else taken
            if taken:
                return min(taken)
    return ""
