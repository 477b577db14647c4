"""Suggestions: a plan as code to paste. Pure: values in, values out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from textwrap import indent
from typing import Any

from django.db.models.constants import LOOKUP_SEP

from autoprefetch.advise.derived import changes_for
from autoprefetch.advise.removing import Removal
from autoprefetch.advise.savings import Basis, saving
from autoprefetch.advise.tables import counted
from autoprefetch.advise.ties import note_on
from autoprefetch.advise.writing import Change, DerivedQuery, Edit, Writer
from autoprefetch.learn.profiles import Path, Profile
from autoprefetch.learn.times import Times
from autoprefetch.plan.choosing import IGNORED
from autoprefetch.plan.costs import REPEATED, share_of_use
from autoprefetch.plan.forms import Form
from autoprefetch.plan.plans import Method, Plan

_LONG = 100
_NO_TIMES: Mapping[Path, Times] = {}


@dataclass(frozen=True, slots=True)
class Suggestion:
    """The code change that makes `auto()` unnecessary at one call site.

    Attributes:
        call_site: the function and the line where the queryset is made automatic; with `SCOPE`, where it is evaluated.
        model: the label of its model.
        code: what to write in place of the `auto(...)` call; only the methods to append where the source is not known.
        replaces: the call as it is written; "" where the source is not known.
        imports: the import lines that the code needs and the module lacks.
        edits: further changes at other lines.
        queries_before: what plain Django runs for one evaluation of this call site.
        queries_after: what it runs with the plan; measured once warm, predicted until then.
        measured: whether `queries_after` was measured.
        accessed_at: where each path was touched first.
        notes: what to know before pasting.
        evaluations: the evaluations that it was learned from.
        used: the share of them that used what it loads, of what was used least (from 0 to 1).
        left: what only `auto()` loads for all rows at once, so that it has to stay (lookups).
        methods: what the code appends to the expression that was given to `auto()`, link by link.
        removals: what to take off the query; the code has it still, and is "" where there is nothing to add.
        saved_seconds: the time that one evaluation saves (seconds).
        basis: what that is known from.
    """

    call_site: str
    model: str
    code: str
    replaces: str
    imports: tuple[str, ...]
    edits: tuple[Edit, ...]
    queries_before: int
    queries_after: int
    measured: bool
    accessed_at: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    evaluations: int = 0
    used: float = 0.0
    left: tuple[str, ...] = ()
    methods: tuple[str, ...] = ()
    removals: tuple[Removal, ...] = ()
    saved_seconds: float = 0.0
    basis: Basis = Basis.ESTIMATED

    @property
    def saved_queries(self) -> int:
        """Queries that one evaluation saves."""
        return max(self.queries_before - self.queries_after, 0)

    @property
    def evidence(self) -> str:
        """How sure it is, and what it saves, as a sentence."""
        seen = counted(self.evaluations, "evaluation")
        queries = counted(self.saved_queries, "query", "queries")
        saved = f"{queries} and {self.saved_seconds * 1000:.1f} ms in each ({self.basis})"
        return f"Learned from {seen}, of which {self.used:.0%} used it; saves {saved}."

    def as_text(self) -> str:
        """Return the fact, the place and the remedy, the remedy ready to paste."""
        removed = [removal.as_text() for removal in self.removals]
        if not self.code:
            return "\n".join([f"{self.call_site} loads what nobody uses.", *removed])
        now = "now" if self.measured else "and with this change"
        lines = [f"{self.call_site} runs {self.queries_before} queries, {now} {self.queries_after}."]
        lines += ["Replace", _indented(self.replaces), "with"] if self.replaces else ["Add to your query:"]
        lines.append(_indented(self.code))
        if self.imports:
            lines += ["and import", *(f"    {line}" for line in self.imports)]
        for edit in self.edits:
            lines += [f"and at {edit.place} replace", _indented(edit.replaces), "with", _indented(edit.code)]
        lines += [*removed, *(f"Note: {note}" for note in self.notes)]
        lines += [f"First touched: {path} at {place}" for path, place in self.accessed_at.items() if place]
        return "\n".join(lines)

    def as_dict(self) -> dict[str, Any]:
        """Return plain values, for JSON."""
        edits = [{"place": edit.place, "replaces": edit.replaces, "code": edit.code} for edit in self.edits]
        return {
            "call_site": self.call_site,
            "model": self.model,
            "replaces": self.replaces,
            "code": self.code,
            "imports": list(self.imports),
            "edits": edits,
            "queries_before": self.queries_before,
            "queries_after": self.queries_after,
            "measured": self.measured,
            "saved_queries": self.saved_queries,
            "saved_ms": round(self.saved_seconds * 1000, 1),
            "saved_ms_basis": self.basis,
            "evaluations": self.evaluations,
            "used": round(self.used, 3),
            "left": list(self.left),
            "removals": [removal.as_dict() for removal in self.removals],
            "notes": list(self.notes),
        }

    def as_markdown(self) -> str:
        """Return the same as `as_text`, with the code as blocks of Python."""
        removed = [line for removal in self.removals for line in removal.as_markdown()]
        if not self.code:
            return "\n".join([f"### `{self.call_site}`", "", "Loads what nobody uses.", "", *removed]).rstrip()
        now = "now" if self.measured else "and with this change"
        lines = [f"### `{self.call_site}`", "", f"Runs {self.queries_before} queries, {now} {self.queries_after}.", ""]
        lines += ["Replace", "", *_block(self.replaces), "with"] if self.replaces else ["Add to your query:"]
        lines += ["", *_block(self.code)]
        if self.imports:
            lines += ["and import", "", *_block("\n".join(self.imports))]
        for edit in self.edits:
            lines += [f"and at `{edit.place}` replace", "", *_block(edit.replaces), "with", "", *_block(edit.code)]
        lines += removed
        lines += [line for note in self.notes for line in (f"Note: {note}", "")]
        return "\n".join([*lines, self.evidence])

    def __str__(self) -> str:
        return self.as_text()


def _indented(code: str) -> str:
    return indent(code, "    ")


def _block(code: str) -> list[str]:
    return ["```python", code, "```", ""]


def suggestion_for(
    plan: Plan,
    profile: Profile,
    *,
    call_site: str,
    call: str,
    expression: str,
    names: Mapping[str, Any],
    manager: str = "",
    form: Form | None = None,
    ignored: frozenset[Path] = frozenset(),
    derived: tuple[DerivedQuery, ...] = (),
    notes: Sequence[str] = (),
    evaluations: float = 0,
    times: Mapping[Path, Times] = _NO_TIMES,
) -> Suggestion | None:
    """Write a plan as code.

    Args:
        plan: what is loaded ahead.
        profile: the counts behind it.
        call_site: its name for people.
        call: the call of `auto()` as written, or "".
        expression: the queryset expression that methods can be appended to, or "".
        names: what the module of the call site has bound, so that only missing imports are named.
        manager: the name of the manager where the expression is a model class, else "".
        form: how the queryset is written, where that is known.
        ignored: the paths that are to stay lazy.
        derived: the derived queries that can be written as code.
        notes: what else to know before pasting.
        evaluations: those that all of this was learned from.
        times: what was measured in them.

    Returns:
        None when the plan loads nothing ahead.
    """
    form = form or Form(plan.model)
    ordering = form.ordering_of_model
    # A slice can be ordered no more.
    writer = Writer(names, [None] if ordering and expression.endswith("]") else ordering, _loaded(plan))
    writer.taken |= form.gives
    changes = changes_for(writer, [query for query in derived if query.path not in ignored], form, profile)
    if plan.is_empty and not changes:
        return None
    written = {change.path for change in changes}
    derived = tuple(query for query in derived if query.path in written)
    methods = [
        *writer.methods(plan.branches, [change.prefetch for change in changes if change.prefetch]),
        *(change.method for change in changes if change.method),
        *writer.regrouped(),
    ]
    measured = profile.measured_queries
    before = round(profile.plain_queries)
    prefetches = sum(1 for change in changes if change.prefetch)
    after = round(measured if measured is not None else predicted_queries(plan, profile, derived, prefetches))
    paths = plan.eager_paths() | {query.path for query in derived}
    saved = saving(max(before - after, 0), profile, times, _covered(plan, profile, derived), _queried(plan, changes))
    return Suggestion(
        call_site=call_site,
        model=plan.model._meta.label,
        code=_laid_out(f"{expression}.{manager}" if manager and expression else expression, methods),
        replaces=call,
        imports=tuple(sorted(writer.imports)),
        edits=tuple(edit for change in changes for edit in change.edits),
        queries_before=before,
        queries_after=after,
        measured=measured is not None,
        accessed_at=_places(plan, profile),
        notes=(*notes, *note_on(plan, form), *writer.unwritten),
        evaluations=round(evaluations),
        used=min((share_of_use(profile, path) for path in paths if path in profile.usages), default=0.0),
        left=_left(plan, profile, derived, ignored),
        methods=(f".{manager}", *methods) if manager else tuple(methods),
        saved_seconds=saved.seconds,
        basis=saved.basis,
    )


def _loaded(plan: Plan) -> frozenset[Path]:
    """Return the paths that are loaded ahead, by the plan or by the caller."""
    return frozenset(branch.path for branch in plan.walk() if branch.method is not Method.LAZY)


def _left(plan: Plan, profile: Profile, derived: tuple[DerivedQuery, ...], ignored: frozenset[Path]) -> tuple[str, ...]:
    """Return what is loaded more than once in an evaluation and not in the code, but for what is ignored.

    That is not batched by `auto()` either.
    """
    lazy = {branch.path for branch in plan.walk() if branch.reason == IGNORED}
    covered = _loaded(plan) | _below(profile, derived) | lazy | ignored
    loads = {path: profile.loads_per_evaluation(path) for path in profile.usages.keys() - covered}
    return tuple(sorted(LOOKUP_SEP.join(path) for path, often in loads.items() if often > REPEATED))


def _below(profile: Profile, derived: tuple[DerivedQuery, ...]) -> set[Path]:
    """Return the paths of derived queries that are written as code, and those below them."""
    paths = {query.path for query in derived}
    return {path for path in profile.usages if any(path[: len(above)] == above for above in paths)}


def _covered(plan: Plan, profile: Profile, derived: tuple[DerivedQuery, ...]) -> frozenset[Path]:
    """Return the paths that are not loaded lazily with the code."""
    return plan.eager_paths() | _below(profile, derived)


def _queried(plan: Plan, changes: Iterable[Change]) -> frozenset[Path]:
    """Return the paths for which the code runs a query of its own."""
    prefetched = {branch.path for branch in plan.walk() if branch.method is Method.PREFETCH and not branch.advises_join}
    return frozenset(prefetched | {change.path for change in changes if change.prefetch})


def predicted_queries(plan: Plan, profile: Profile, derived: tuple[DerivedQuery, ...] = (), queried: int = 0) -> float:
    """Predict what one evaluation runs under a plan (queries).

    Args:
        plan: what is loaded ahead.
        profile: the counts behind it.
        derived: the derived queries that are not asked row by row any more.
        queried: how many of them take a query of their own; annotations take none.
    """
    eager = _covered(plan, profile, derived)
    prefetches = sum(1 for branch in plan.walk() if branch.method is Method.PREFETCH) + queried
    lazy = sum(profile.loads_per_evaluation(path) for path in profile.usages if path not in eager)
    return profile.own_queries_each + prefetches + lazy


def _places(plan: Plan, profile: Profile) -> dict[str, str]:
    eager = sorted(plan.eager_paths())
    return {LOOKUP_SEP.join(path): profile.usages[path].first_access for path in eager if path in profile.usages}


def _laid_out(expression: str, methods: Sequence[str]) -> str:
    """Put methods behind an expression, each on a line of its own where one line would be long."""
    line = expression + "".join(methods)
    if not expression or len(methods) < 2 or max(map(len, line.splitlines())) <= _LONG:
        return line
    return "\n".join(["(", *(f"    {part}" for part in (expression, *methods)), ")"])
