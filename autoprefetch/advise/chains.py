"""Chains: the expression that builds a derived query, such as `account.transactions.order_by("-created")[:5]`."""

from __future__ import annotations

import ast
import linecache
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from autoprefetch.advise.aggregating import Aggregate, aggregates_of
from autoprefetch.advise.trees import around, expression_of, parents_in, position, same, tree_of
from autoprefetch.learn.profiles import Span

BUILDING = frozenset({"all", "distinct", "exclude", "filter", "order_by", "reverse", "select_related"})
ENDING = frozenset({"count", "exists", "first"})


@dataclass(frozen=True, slots=True)
class Step:
    """One link of a chain: a method call with its literal arguments, or a slice (its name is "")."""

    name: str
    args: tuple[Any, ...] = ()
    kwargs: tuple[tuple[str, Any], ...] = ()

    def on(self, queryset: Any) -> Any:
        """Take this step from a queryset."""
        if not self.name:
            return queryset[slice(*self.args)]
        return getattr(queryset, self.name)(*self.args, **dict(self.kwargs))


@dataclass(frozen=True, slots=True)
class Chain:
    """An expression that derives a query from an instance.

    Attributes:
        text: the whole expression, as written.
        receiver: the instance, as written.
        tail: what is written behind the accessor.
        steps: the links behind the accessor that build the queryset.
        ending: "aggregate", "count", "exists" or "first" where the chain ends in such a call, else "".
        aggregates: what it aggregates.
        key: the one of them whose value is taken; "" where all are, as a dict.
    """

    text: str
    receiver: str
    tail: str
    steps: tuple[Step, ...]
    ending: str
    aggregates: tuple[Aggregate, ...] = ()
    key: str = ""


def chain_of(span: Span, accessor: str) -> Chain | None:
    """Find the expression around a place where a related manager built a queryset.

    Args:
        span: the call or slice that built it.
        accessor: the attribute of the instance.

    Returns:
        None unless the whole chain is plain queryset methods with literal arguments.
    """
    found = _outermost(span)
    return None if found is None or not span else _chain("".join(linecache.getlines(span[0])), found, accessor, span[0])


def _outermost(span: Span) -> ast.expr | None:
    if not span:
        return None
    parents, nodes = parents_in(span[0]), around(tree_of(span[0]), span)
    node = next((one for one in nodes if isinstance(one, ast.expr) and position(one) == span[1:]), None)
    while node is not None:
        parent = parents.get(node)
        is_link = (isinstance(parent, (ast.Attribute, ast.Subscript)) and parent.value is node) or (
            isinstance(parent, ast.Call) and parent.func is node
        )
        is_value = _is_aggregating(node) and not (isinstance(parent, ast.Subscript) and _key(parent))
        if is_value or not is_link or not isinstance(parent, ast.expr):
            return node
        if isinstance(parent, ast.Subscript) and _is_aggregating(node):
            return parent
        node = parent
    return None


def _is_aggregating(node: ast.expr) -> bool:
    """Tell whether an expression is a call of `aggregate()`, whose value is no queryset any more."""
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "aggregate"


def _key(node: ast.Subscript) -> str:
    """Return the literal key of a subscript, or ""."""
    return node.slice.value if isinstance(node.slice, ast.Constant) and isinstance(node.slice.value, str) else ""


def _chain(source: str, node: ast.expr, accessor: str, file: str) -> Chain | None:
    text = ast.get_source_segment(source, node)
    steps: list[Step] = []
    aggregated = _aggregated(node, file)
    if aggregated is None:
        return None
    at, aggregates, key = aggregated
    ending, built = "aggregate" if aggregates else "", at
    while not (isinstance(at, ast.Attribute) and at.attr == accessor):
        link = _link(at)
        if link is None:
            return None
        step, at = link
        if step.name in ENDING and not ending and not steps and not step.args and not step.kwargs:
            ending, built = step.name, at
        elif not step.name or step.name in BUILDING:
            steps.append(step)
        else:
            return None
    receiver, base = ast.get_source_segment(source, at.value), ast.get_source_segment(source, at)
    queryset = ast.get_source_segment(source, built)
    if text is None or receiver is None or base is None or queryset is None:
        return None
    if same(queryset) != ast.dump(built) or not queryset.startswith(base):
        return None  # brackets around a part of it
    return Chain(text, receiver, queryset[len(base) :], tuple(reversed(steps)), ending, aggregates, key)


def is_queryset(expression: str) -> bool:
    """Tell whether an expression that derives a query gives its queryset, and no value of it."""
    node = expression_of(expression)
    is_value = isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in ENDING
    is_key = isinstance(node, ast.Subscript) and bool(_key(node))
    return not (is_value or is_key or _is_aggregating(node))


def _aggregated(node: ast.expr, file: str) -> tuple[ast.expr, tuple[Aggregate, ...], str] | None:
    """Take `aggregate()`, and the key of its value, off a chain.

    Returns:
        the queryset that is left, what is aggregated, and the key; None where nobody can tell what is aggregated.
    """
    key, call = (_key(node), node.value) if isinstance(node, ast.Subscript) else ("", node)
    if not isinstance(call, ast.Call) or not isinstance(call.func, ast.Attribute) or not _is_aggregating(call):
        return node, (), ""
    found = aggregates_of(call, file)
    if found is None or (key and key not in {one.alias for one in found}):
        return None
    return call.func.value, found, key


def _link(node: ast.expr) -> tuple[Step, ast.expr] | None:
    """Take the last link off a chain; None when it is no plain method call or slice."""
    try:
        if isinstance(node, ast.Subscript) and isinstance(node.slice, ast.Slice) and node.slice.step is None:
            bounds = (node.slice.lower, node.slice.upper)
            return Step("", tuple(None if bound is None else ast.literal_eval(bound) for bound in bounds)), node.value
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            args = tuple(ast.literal_eval(arg) for arg in node.args)
            return Step(node.func.attr, args, tuple(_keywords(node))), node.func.value
    except ValueError:  # not a literal
        return None
    return None


def _keywords(node: ast.Call) -> Iterator[tuple[str, Any]]:
    for keyword in node.keywords:
        if keyword.arg is None:
            raise ValueError(keyword)
        yield keyword.arg, ast.literal_eval(keyword.value)
