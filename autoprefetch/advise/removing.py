"""Removing: what the caller's own query loads and nobody uses, as the code to remove. Pure: values in, values out."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from django.db.models import Model
from django.db.models.constants import LOOKUP_SEP

from autoprefetch.advise.tables import counted
from autoprefetch.learn.given import ANNOTATION, JOIN, METHODS, PREFETCH, Given
from autoprefetch.plan.relations import relation

ELSEWHERE = "It is not seen where that is written: look for other users of that queryset first."


@dataclass(frozen=True, slots=True)
class Removal:
    """What can be taken off one method call of the caller's query.

    Attributes:
        lookups: what nobody uses, as the call names it.
        code: the method call, with those alone.
        written: the method call as it is written; "" where it is not seen in a call of `auto()`.
        becomes: what it becomes; "" when all of it goes.
        evaluations: the inspected evaluations that loaded it; none of them used it.
        queries: what it takes in an evaluation, as measured (queries).
        seconds: how long those take, with the making of their rows (seconds).
        rows: the rows that it is loaded for in an evaluation.
    """

    lookups: tuple[str, ...]
    code: str
    written: str
    becomes: str
    evaluations: int
    queries: float
    seconds: float
    rows: float

    @property
    def remedy(self) -> str:
        """What to remove."""
        becomes = f" ({self.written} becomes {self.becomes})" if self.becomes else ""
        return f"Remove from your query: {self.code}{becomes}."

    @property
    def evidence(self) -> str:
        """How sure it is, and what it saves."""
        seen = f"None of {counted(self.evaluations, 'evaluation')} that were inspected used it"
        rows = counted(self.rows, "row")
        if self.queries:
            queries = counted(self.queries, "query", "queries")
            return f"{seen}; for {rows} it takes {queries} and {self.seconds * 1000:.1f} ms in each, as measured."
        what = "computes it for" if self.code.startswith(f".{ANNOTATION}(") else "joins it to"
        return f"{seen}; the database {what} {rows} in each."

    def as_text(self) -> str:
        """Return the remedy, how sure it is, and what it saves."""
        return " ".join([self.remedy, self.evidence, *([] if self.written else [ELSEWHERE])])

    def as_markdown(self) -> list[str]:
        """Return the same as lines of Markdown, with the code as a block of Python."""
        code = ["```python", self.code, "```", ""]
        becomes = [f"`{self.written}` becomes `{self.becomes}`.", ""] if self.becomes else []
        elsewhere = [] if self.written else [ELSEWHERE, ""]
        return ["Remove from your query:", "", *code, *becomes, self.evidence, "", *elsewhere]

    def as_dict(self) -> dict[str, Any]:
        """Return plain values, for JSON."""
        return {
            "lookups": list(self.lookups),
            "remove": self.code,
            "written": self.written,
            "becomes": self.becomes,
            "inspected": self.evaluations,
            "used": 0.0,
            "saved_queries": round(self.queries, 1),
            "saved_ms": round(self.seconds * 1000, 1),
            "rows": round(self.rows),
        }


@dataclass(frozen=True, slots=True)
class _Argument:
    """One argument of such a call: the lookup that it stands for, "" where nobody can tell, and as it is written."""

    lookup: str
    written: str


@dataclass(frozen=True, slots=True)
class _Link:
    """One method call of an expression that loads something."""

    method: str
    arguments: tuple[_Argument, ...]

    @property
    def code(self) -> str:
        return f".{self.method}({', '.join(argument.written for argument in self.arguments)})"


def removals(
    model: type[Model],
    given: Mapping[str, Given],
    unneeded: Mapping[str, Given],
    expression: str,
    *,
    is_read_at_once: bool,
) -> tuple[Removal, ...]:
    """Return what can be taken off a query.

    Args:
        model: that of its rows.
        given: all that it loads by the caller's choice, by method and lookup.
        unneeded: what of it nobody uses.
        expression: the queryset as it is written; "" where that is not known.
        is_read_at_once: whether nobody but a loop gets the queryset, so that no later query can name its annotations.
    """
    kept = {_named(model, text) for text in given.keys() - unneeded.keys()}
    left = {_named(model, text): one for text, one in unneeded.items()}
    found = []
    for link in _links(expression):
        parts = [part for argument in link.arguments if (part := _part(link.method, argument, left, kept)) is not None]
        gone = {argument.written for argument, _ in parts}
        if not parts or (link.method == ANNOTATION and not is_read_at_once):
            continue
        rest = [argument.written for argument in link.arguments if argument.written not in gone]
        instead = [f'"{above}"' for _, above in parts if above and f'"{above}"' not in rest]
        rest += dict.fromkeys(instead)
        counts = [left.pop(name) for argument, _ in parts for name in _covered(link.method, argument, left)]
        becomes = f".{link.method}({', '.join(rest)})" if rest else ""
        found.append(_removal(link.method, [argument for argument, _ in parts], link.code, becomes, counts))
    return (*found, *_elsewhere(left))


def _part(
    method: str, argument: _Argument, left: Mapping[tuple[str, str], Given], kept: set[tuple[str, str]]
) -> tuple[_Argument, str] | None:
    """Return an argument that nobody uses, with the longest part of it that somebody does."""
    if (method, argument.lookup) not in left:
        return None
    above = next((name for name in _above(argument.lookup) if (method, name) in kept), "")
    return argument, above


def _covered(method: str, argument: _Argument, left: Mapping[tuple[str, str], Given]) -> list[tuple[str, str]]:
    """Return what an argument loads that nobody uses: what it names, and what lies on the way there."""
    names = [(method, name) for name in (argument.lookup, *_above(argument.lookup))]
    return [name for name in names if name in left]


def _above(lookup: str) -> Iterator[str]:
    """Yield the lookups that lead to one, the longest first."""
    while LOOKUP_SEP in lookup:
        lookup = lookup.rpartition(LOOKUP_SEP)[0]
        yield lookup


def _elsewhere(left: Mapping[tuple[str, str], Given]) -> Iterator[Removal]:
    """Yield what is written elsewhere, for each method; an annotation may be named there by anybody."""
    for method in (JOIN, PREFETCH):
        names = sorted(name for known, name in left if known == method)
        longest = [name for name in names if not any(other.startswith(name + LOOKUP_SEP) for other in names)]
        if longest:
            arguments = [_Argument(name, f'"{name}"') for name in longest]
            yield _removal(method, arguments, "", "", [left[(method, name)] for name in names])


def _removal(method: str, arguments: list[_Argument], written: str, becomes: str, counts: list[Given]) -> Removal:
    each = [(one, max(one.evaluations, 1)) for one in counts]
    return Removal(
        lookups=tuple(argument.lookup for argument in arguments),
        code=_Link(method, tuple(arguments)).code,
        written=written,
        becomes=becomes,
        evaluations=min((one.evaluations for one in counts), default=0),
        queries=sum(one.queries / times for one, times in each),
        seconds=sum(one.microseconds / times for one, times in each) / 1_000_000,
        rows=max((one.rows / times for one, times in each), default=0.0),
    )


def _named(model: type[Model], text: str) -> tuple[str, str]:
    """Return the method and the lookup of what is given, as one writes it: a join goes by its query name."""
    method, _, lookup = text.partition(" ")
    if method != JOIN:
        return method, lookup
    current: type[Model] | None = model
    names = []
    for step in lookup.split(LOOKUP_SEP):
        known = relation(current, step) if current is not None else None
        names.append(known.query_name if known is not None else step)
        current = known.target if known is not None else None
    return method, LOOKUP_SEP.join(names)


def _links(expression: str) -> list[_Link]:
    """Return the method calls of an expression that load something, in the order in which they are written."""
    text = f"({expression}\n)"
    try:
        node = ast.parse(text, mode="eval").body
    except SyntaxError:
        return []
    found: list[_Link] = []
    while isinstance(node, (ast.Call, ast.Attribute, ast.Subscript)):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in METHODS:
            found.append(_Link(node.func.attr, tuple(_arguments(text, node))))
        node = node.func if isinstance(node, ast.Call) else node.value
    return found[::-1]


def _arguments(text: str, call: ast.Call) -> Iterator[_Argument]:
    for argument in call.args:
        yield _Argument(_lookup(argument), _source(text, argument))
    for keyword in call.keywords:
        name = keyword.arg or ""
        yield _Argument(name, f"{name}={_source(text, keyword.value)}" if name else f"**{_source(text, keyword.value)}")


def _source(text: str, node: ast.expr) -> str:
    return " ".join((ast.get_source_segment(text, node) or ast.unparse(node)).split())


def _lookup(argument: ast.expr) -> str:
    """Return where an argument puts what it loads; "" where that is not written there."""
    if isinstance(argument, ast.Constant) and isinstance(argument.value, str):
        return argument.value
    if not isinstance(argument, ast.Call) or not _is_prefetch(argument.func):
        return ""
    named = {keyword.arg: _text(keyword.value) for keyword in argument.keywords}
    lookup = _text(argument.args[0]) if argument.args else named.get("lookup", "")
    if "to_attr" not in named and len(argument.args) < 3:
        return lookup
    to_attr = named["to_attr"] if "to_attr" in named else _text(argument.args[2])
    above = lookup.rpartition(LOOKUP_SEP)[0]
    return f"{above}{LOOKUP_SEP}{to_attr}" if above and to_attr else to_attr


def _is_prefetch(callee: ast.expr) -> bool:
    name = callee.attr if isinstance(callee, ast.Attribute) else callee.id if isinstance(callee, ast.Name) else ""
    return name in ("Prefetch", "GenericPrefetch")


def _text(node: ast.expr) -> str:
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else ""
