"""Consumers: what the code around an expression does with the queryset that it gives, as far as its function shows.

A list may stand in the place of a queryset that is only read for its rows, and methods may be appended to one that
nothing else is built from.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from autoprefetch.advise.trees import (
    COMPREHENSIONS,
    FUNCTIONS,
    bound_by,
    expression_at,
    is_of_another_scope,
    own_of,
    parents_in,
    tree_of,
)
from autoprefetch.learn.profiles import Span

READERS = frozenset(
    {"all", "any", "bool", "enumerate", "filter", "frozenset", "iter", "len", "list", "map", "max", "min"}
    | {"reversed", "set", "sorted", "sum", "tuple", "zip"}
)
_BUILDING = frozenset({"all", "exclude", "filter", "order_by", "prefetch_related", "reverse", "select_related"})
_PLAIN = frozenset({"contains", "count", "earliest", "exists", "first", "get", "in_bulk", "iterator", "last", "latest"})
_ASKING = _PLAIN | {f"a{name}" for name in _PLAIN}
_AGAIN = (ast.For, ast.AsyncFor, ast.While, ast.ClassDef, *COMPREHENSIONS)
_SEES_ALL = frozenset({"eval", "exec", "locals", "vars"})


class How(StrEnum):
    """How a queryset is used."""

    READ = "read"  # its rows, by what takes any iterable
    STREAMED = "streamed"  # its rows, by what takes a queryset only
    ASKED = "asked"  # by a method that gives rows, or a number of them
    BUILT = "built"  # another queryset of the same rows, whose uses are among the others
    HANDED = "handed"  # on, to whoever gets it
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class Use:
    """One use of a queryset.

    Attributes:
        how: how it is used.
        node: by what; the call, where it is a method.
    """

    how: How
    node: ast.AST

    @property
    def line(self) -> int:
        """The line that it is in."""
        return int(getattr(self.node, "lineno", 0))

    @property
    def method(self) -> str:
        """The name of the method that is called; "" where it is none."""
        is_method = isinstance(self.node, ast.Call) and isinstance(self.node.func, ast.Attribute)
        return self.node.func.attr if is_method else ""  # type: ignore[attr-defined]


def uses_of(place: Span, written: str) -> tuple[Use, ...] | None:
    """Return how the queryset that an expression gives is used.

    Args:
        place: where a part of the expression stands.
        written: all of it, as it is written.

    Returns:
        None where it does not stand there any more.
    """
    node = expression_at(place, written)
    return tuple(_Reader(place[0]).of(node)) if place and node is not None else None


class _Reader:
    def __init__(self, file: str) -> None:
        self._parents = parents_in(file)
        self._bound = bound_by(ast.walk(tree_of(file)))
        self._followed: set[tuple[ast.AST, str]] = set()

    def of(self, node: ast.expr) -> Iterator[Use]:
        """Yield the uses of an expression."""
        parent = self._parents[node]
        if isinstance(parent, ast.NamedExpr):
            yield from self._of_name(parent.target.id, parent)
        if isinstance(parent, ast.expr) and _is_value_of(node, parent):
            yield from self.of(parent)
        elif isinstance(parent, ast.Attribute):
            yield from self._of_attribute(parent)
        elif isinstance(parent, (ast.Assign, ast.AnnAssign)):
            for target in parent.targets if isinstance(parent, ast.Assign) else [parent.target]:
                yield from self._of_target(target, parent)
        else:
            yield Use(self._how(node, parent), node)

    def _how(self, node: ast.expr, parent: ast.AST) -> How:
        """Tell how an expression is used that is not bound to a name, and of which nothing is asked."""
        is_async = isinstance(parent, ast.AsyncFor) or (isinstance(parent, ast.comprehension) and bool(parent.is_async))
        if is_async and parent.iter is node:  # type: ignore[attr-defined]
            return How.STREAMED
        if self._is_read(node, parent):
            return How.READ
        is_other = isinstance(parent, (ast.AugAssign, ast.BinOp, ast.Compare, ast.Match, ast.UnaryOp, ast.withitem))
        return How.OTHER if is_other else How.HANDED

    def _is_read(self, node: ast.expr, parent: ast.AST) -> bool:
        """Tell whether any iterable would do."""
        if isinstance(parent, ast.Call):
            is_reader = isinstance(parent.func, ast.Name) and parent.func.id in READERS
            is_builtin = is_reader and parent.func.id not in self._bound  # type: ignore[attr-defined]
            return node in parent.args and (is_builtin or _has_many(parent))
        if isinstance(parent, ast.keyword):
            call = self._parents[parent]
            return parent.arg == "instance" and isinstance(call, ast.Call) and _has_many(call)
        if isinstance(parent, ast.Compare):
            places = zip(parent.ops, parent.comparators, strict=True)
            return any(one is node and isinstance(op, (ast.In, ast.NotIn)) for op, one in places)
        if isinstance(parent, ast.UnaryOp):
            return isinstance(parent.op, ast.Not)
        tested = isinstance(parent, (ast.If, ast.While, ast.IfExp, ast.Assert)) and parent.test is node
        looped = isinstance(parent, ast.For) and parent.iter is node
        indexed = isinstance(parent, ast.Subscript) and parent.value is node
        is_asked = isinstance(parent, (ast.Starred, ast.YieldFrom, ast.Expr, ast.comprehension))
        return tested or looped or indexed or is_asked

    def _of_attribute(self, attribute: ast.Attribute) -> Iterator[Use]:
        call = self._parents[attribute]
        if not isinstance(call, ast.Call) or call.func is not attribute:
            yield Use(How.OTHER, attribute)
        elif attribute.attr in _BUILDING:
            yield Use(How.BUILT, call)
            yield from self.of(call)
        else:
            yield Use(How.ASKED if attribute.attr in _ASKING else How.OTHER, call)

    def _of_target(self, target: ast.expr, statement: ast.AST) -> Iterator[Use]:
        if isinstance(target, ast.Name):
            yield from self._of_name(target.id, statement)
        else:
            is_unpacked = isinstance(target, (ast.Tuple, ast.List))
            yield Use(How.READ if is_unpacked else How.HANDED, target)

    def _is_reached(self, load: ast.expr, at: ast.AST, scope: ast.AST) -> bool:
        """Tell whether a name may be read after it was bound; in a loop what stands before that may be read again."""
        between = [*self._above(load, scope), *self._above(at, scope)]
        return not _is_before(load, at) or any(isinstance(node, (*_AGAIN, *FUNCTIONS)) for node in between)

    def _above(self, node: ast.AST, scope: ast.AST) -> Iterator[ast.AST]:
        """Yield the nodes around a node within a scope."""
        while (node := self._parents[node]) is not scope:
            yield node

    def _of_name(self, name: str, at: ast.AST) -> Iterator[Use]:
        """Yield the uses of a name; what is built from one of several is for something else than the others."""
        scope = at
        while not isinstance(scope, (*FUNCTIONS, ast.ClassDef)):
            scope = self._parents[scope]
        if (scope, name) in self._followed:
            return
        self._followed.add((scope, name))
        nodes = list(ast.walk(scope))
        names = {node.id for node in nodes if isinstance(node, ast.Name)}
        is_seen = isinstance(scope, (ast.ClassDef, ast.Module)) or is_of_another_scope(list(own_of(scope)), name)
        if is_seen or names & _SEES_ALL:
            yield Use(How.HANDED, at)
        same = [node for node in nodes if isinstance(node, ast.Name) and node.id == name]
        loads = [node for node in same if isinstance(node.ctx, ast.Load) and self._is_reached(node, at, scope)]
        yield from (Use(How.OTHER, node) for node in same if isinstance(self._parents[node], ast.AugAssign))
        for load in loads:
            for use in self.of(load):
                is_apart = use.how is How.BUILT and len(loads) > 1
                yield Use(How.OTHER, use.node) if is_apart else use


def _is_before(node: ast.expr, other: ast.AST) -> bool:
    return (node.lineno, node.col_offset) < (getattr(other, "end_lineno", 0), getattr(other, "end_col_offset", 0))


def _is_value_of(node: ast.expr, parent: ast.expr) -> bool:
    """Tell whether an expression around another one may give the same, or a part of its rows."""
    if isinstance(parent, ast.IfExp):
        return parent.test is not node
    if isinstance(parent, ast.Subscript):
        return parent.value is node and isinstance(parent.slice, ast.Slice)
    return isinstance(parent, (ast.BoolOp, ast.NamedExpr))


def _has_many(call: ast.Call) -> bool:
    """Tell whether a call is that of a serializer for many rows."""
    given = {keyword.arg: keyword.value for keyword in call.keywords}
    many = given.get("many")
    return isinstance(many, ast.Constant) and many.value is True
