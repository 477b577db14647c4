"""Branches: the relation paths of a call site as a tree, each marked with how it is loaded."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import StrEnum

from django.db.models import Model
from django.db.models.constants import LOOKUP_SEP

from autoprefetch.advise.foreseeing import model_of
from autoprefetch.advise.reports import Line
from autoprefetch.learn.profiles import Path, is_derived
from autoprefetch.plan.choosing import IGNORED
from autoprefetch.plan.plans import Method
from autoprefetch.plan.relations import relation
from autoprefetch.surveying import Surveyed
from autoprefetch.web.dashboard.figures import Bar, bars, counted, share


class Mark(StrEnum):
    """How a path is loaded, in a word; also the class of the mark."""

    JOINED = "joined"
    PREFETCHED = "prefetched"
    BATCHED = "batched"
    LAZY = "lazy"
    UNUSED = "unused"
    GIVEN = "by the caller"
    GONE = "gone"


MEANINGS = {
    Mark.JOINED: "comes with the query of its parent",
    Mark.PREFETCHED: "one query for all, ahead of time",
    Mark.BATCHED: "one query for all, at the first touch",
    Mark.LAZY: "a query for each instance that touches it",
    Mark.UNUSED: "loaded ahead, and not used of late",
    Mark.GIVEN: "loaded by the code itself",
    Mark.GONE: "the models do not have it any more",
}
"""What each mark means, for the key below the tree."""

_OF_METHODS = {
    str(Method.JOIN): Mark.JOINED,
    str(Method.PREFETCH): Mark.PREFETCHED,
    str(Method.GIVEN): Mark.GIVEN,
    "batched": Mark.BATCHED,
    "left out": Mark.GONE,
}
_WAYS = {Mark.JOINED: "join", Mark.PREFETCHED: "prefetch", Mark.BATCHED: "batch", Mark.LAZY: "lazy"}
PLAIN = "the call site runs as plain Django after a fault"
GIVEN_UP = "its batches were slower than lazy loads, and this process has given them up"


@dataclass(slots=True)
class Node:
    """One relation path.

    Attributes:
        name: its last step.
        leads: what kind of relation it is, and where it leads; "" when that is not known.
        marks: how it is loaded.
        is_either: whether it is the first of them or the second, as the query is ordered.
        reason: why.
        figures: what is known of its use, as names and numbers.
        ways: what each way to load it would cost, the chosen one marked.
        touched: where it was touched first.
        below: the paths that go on from it.
    """

    name: str
    leads: str = ""
    marks: tuple[Mark, ...] = ()
    is_either: bool = False
    reason: str = ""
    figures: tuple[tuple[str, str], ...] = ()
    ways: list[Bar] = field(default_factory=list)
    touched: str = ""
    below: list[Node] = field(default_factory=list)


def tree(site: Surveyed) -> list[Node]:
    """Return the relation paths of a call site, each below the one that it starts from."""
    root = Node("")
    nodes: dict[Path, Node] = {(): root}
    model = model_of(site.report.key)
    for line in site.report.lines():
        path = tuple(line.path.split(LOOKUP_SEP))
        node = _reach(nodes, path, model)
        usage = site.report.profile.usages.get(path)
        node.marks, node.reason = _marked(site, path, line)
        node.is_either = len(node.marks) > 1 and " or " in line.method
        node.figures = tuple(_figures(line))
        node.ways = _ways(line, node.marks)
        node.touched = usage.first_access if usage else ""
    return root.below


def marks_in(nodes: list[Node]) -> Iterator[Mark]:
    """Yield the marks of a tree."""
    for node in nodes:
        yield from node.marks
        yield from marks_in(node.below)


def _reach(nodes: dict[Path, Node], path: Path, model: type[Model] | None) -> Node:
    """Return the node of a path; those on the way to it may have no counts of their own."""
    for size in range(1, len(path) + 1):
        if path[:size] not in nodes:
            node = nodes[path[:size]] = Node(name_of_step(path[size - 1]), _leads(model, path[:size]))
            nodes[path[: size - 1]].below.append(node)
    return nodes[path]


def name_of_step(step: str) -> str:
    """Return the attribute of a step, without the shape of a derived query or the model of a generic foreign key."""
    return step.partition("(")[0].partition("[")[0]


def _leads(model: type[Model] | None, path: Path) -> str:
    kind, current = "", model
    for step in path:
        name, _, variant = step.partition("(")[0].partition("[")
        known = relation(current, name) if current is not None else None
        if known is None:
            return "a query for each parent" if is_derived(path) else ""
        kind, current = known.kind, known.target
        if variant:
            current = model_of(variant.removesuffix("]"))
    to = f" to {current._meta.label}" if current is not None else ""
    return f"a query for each parent, by a {kind}{to}" if is_derived(path) else f"{kind}{to}"


def _marked(site: Surveyed, path: Path, line: Line) -> tuple[tuple[Mark, ...], str]:
    """Return how a path is loaded, and why."""
    marks = tuple(dict.fromkeys(_mark(method, line) for method in line.method.split(" or ")))
    if Mark.GONE in marks:
        return marks, line.reason
    if site.report.quarantined:
        return (Mark.LAZY,), PLAIN
    if LOOKUP_SEP.join(path) in site.given_up:
        return (Mark.LAZY,), GIVEN_UP
    return ((*marks, Mark.UNUSED) if path in site.unused else marks), line.reason


def _mark(method: str, line: Line) -> Mark:
    if method in _OF_METHODS:
        return _OF_METHODS[method]
    # What is not loaded ahead is answered for all peers when it is touched, where there are several to answer.
    is_batched = line.reason != IGNORED and line.costs.get("batch", 0.0) < line.costs.get("lazy", 0.0)
    return Mark.BATCHED if is_batched else Mark.LAZY


def _figures(line: Line) -> Iterator[tuple[str, str]]:
    if not line.costs:
        return
    yield "used by", f"{share(line.used)} of evaluations"
    yield "plain Django", counted(line.loads, "query", "queries")
    if line.ahead:
        yield "loaded ahead in", share(line.ahead)


def _ways(line: Line, marks: tuple[Mark, ...]) -> list[Bar]:
    chosen = frozenset(_WAYS[mark] for mark in marks if mark in _WAYS)
    return bars(line.costs, {way: f"{cost:.2f} ms" for way, cost in line.costs.items()}, chosen)
