"""Reports: what was learned at each call site, what is applied, why, and what it saved."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Protocol

from django.db.models.constants import LOOKUP_SEP

from autoprefetch.advise import tables
from autoprefetch.advise.columns import unread
from autoprefetch.advise.keys import callers_of
from autoprefetch.advise.savings import Saving, saved_by
from autoprefetch.advise.uses import unneeded
from autoprefetch.learn.given import Given
from autoprefetch.learn.histories import History
from autoprefetch.learn.profiles import Path, Profile, is_derived, largest_usual
from autoprefetch.plan.choosing import IGNORED, NO_CHOICES, Choices, stays_lazy
from autoprefetch.plan.costs import DEFAULT, Situation, costs, share_of_use
from autoprefetch.plan.plans import Branch, Method, Plan
from autoprefetch.plan.relations import fault_of


@dataclass(frozen=True, slots=True)
class Line:
    """One relation path of a call site.

    Attributes:
        path: the lookup.
        method: how it is loaded.
        reason: why.
        used: the share of evaluations that use it, from 0 to 1.
        loads: what plain Django loads in an evaluation (queries).
        ahead: the share of evaluations that loaded it ahead, from 0 to 1.
        costs: what each way to load it would cost in an evaluation (milliseconds).
    """

    path: str
    method: str
    reason: str
    used: float
    loads: float
    ahead: float
    costs: Mapping[str, float]

    def as_dict(self) -> dict[str, object]:
        """Return plain values, for JSON."""
        return {
            "path": self.path,
            "method": self.method,
            "reason": self.reason,
            "used": round(self.used, 3),
            "loads": round(self.loads, 1),
            "ahead": round(self.ahead, 3),
            "costs_ms": {way: round(cost, 3) for way, cost in self.costs.items()},
        }


@dataclass(frozen=True, slots=True)
class CallSiteReport:
    """One call site.

    Attributes:
        call_site: its name for people.
        key: its key in the store.
        model: the label of its model.
        history: what was learned.
        plan: what is applied, with the reasons; None before anything was planned.
        quarantined: why its plan was taken away; "" when it was not.
        situation: what the plan was made for.
        choices: what is to stay lazy.
        deferred: columns of the model that the caller does not load, where that is known here (attnames).
        other: what is applied to its queryset written in another way, where there is more than one.
        below: what is applied to queries for each parent, where that is known here.
        ignored: what a person has said that lets all of it run as plain Django, where that is known here; else "".
        gone: why nothing of it can be applied any more; "" when it can.
    """

    call_site: str
    key: str
    model: str
    history: History
    plan: Plan | None
    quarantined: str
    situation: Situation = DEFAULT
    choices: Choices = NO_CHOICES
    deferred: frozenset[str] = frozenset()
    other: Plan | None = None
    below: tuple[Plan, ...] = ()
    ignored: str = ""
    gone: str = ""

    @property
    def profile(self) -> Profile:
        """What was learned, as it counts for the next plan."""
        return self.history.profile

    @property
    def totals(self) -> Profile:
        """The counts of the call site as a whole, over all its life."""
        return self.history.totals

    @property
    def callers(self) -> tuple[str, ...]:
        """The application frames that evaluate it, from the innermost out; none at a call site with a name."""
        return callers_of(self.key)

    @property
    def saved_queries(self) -> int:
        """Queries that plain Django would have run and autoprefetch did not, over all warm evaluations."""
        return saved_queries(self.history)

    @property
    def saved(self) -> Saving:
        """The time that those queries would have taken beyond what was run in their place."""
        return saved_by(self.saved_queries, self.profile, self.totals.times)

    @property
    def saved_seconds(self) -> float:
        """That time (seconds)."""
        return self.saved.seconds

    @property
    def unread_columns(self) -> Mapping[str, tuple[str, ...]]:
        """The columns that no inspected evaluation has read (names of fields), by lookup; "" is the model itself."""
        if self.plan is None or self.gone:
            return {}
        found = unread(self.plan.model, self.totals.columns, self.profile.usages, self.deferred)
        return {LOOKUP_SEP.join(path): names for path, names in found.items()}

    @property
    def unused_given(self) -> Mapping[str, Given]:
        """What the caller's own query loads and nobody used here, by method and lookup (`select_related owner`)."""
        return {} if self.gone else unneeded(self.history)

    def lines(self) -> Iterator[Line]:
        """Yield what is known of each path, parents first."""
        planned, otherwise = _branches(self.plan, *self.below), _branches(self.other)
        for path in sorted(planned.keys() | self.profile.usages.keys()):
            branch, other = planned.get(path), otherwise.get(path)
            method, reason = _applied(branch, other) if branch else self._not_planned(path)
            yield Line(LOOKUP_SEP.join(path), method, reason, *self._figures(path, branch))

    def _not_planned(self, path: Path) -> tuple[str, str]:
        """Say how a path is loaded that is in no plan for the root query."""
        if gone := self.gone or (fault_of(self.plan.model, path) if self.plan else ""):
            return "left out", gone
        if is_derived(path) and self.plan and stays_lazy(self.choices, self.plan.model, path):
            return str(Method.LAZY), IGNORED
        if is_derived(path):
            return "batched", "a query for each parent is answered for all at first touch"
        usage = self.profile.usages[path]
        if usage.eager and any(is_derived(path[:size]) for size in range(1, len(path))):
            return "joined", "to the query for each parent"
        return "at touch", "nothing was planned yet"

    def _figures(self, path: Path, branch: Branch | None) -> tuple[float, float, float, Mapping[str, float]]:
        usage = self.profile.usages.get(path)
        if usage is None:
            return 0.0, 0.0, 0.0, {}
        width = len(branch.target._meta.concrete_fields) if branch else 1
        is_to_many = branch is not None and branch.relation.is_to_many
        large = largest_usual(self.totals.sizes.get(path, {})) if is_to_many else None
        found = costs(self.profile, path, self.situation, width=width, large=large)
        ways = {"lazy": found.lazy, "batch": found.batch, "join": found.join, "prefetch": found.prefetch}
        if is_derived(path):
            del ways["join"], ways["prefetch"]
        if is_to_many:
            del ways["join"]
        ahead = min(usage.eager / max(self.profile.counted, 1), 1.0)
        loads = self.profile.loads_per_evaluation(path)
        return share_of_use(self.profile, path), loads, ahead, {way: cost * 1000 for way, cost in ways.items()}

    def as_dict(self) -> dict[str, object]:
        """Return plain values, for JSON."""
        return {
            "call_site": self.call_site,
            "key": self.key,
            "callers": list(self.callers),
            "model": self.model,
            "evaluations": self.totals.evaluations,
            "rows": self.totals.rows,
            "queries_plain": round(self.profile.plain_queries, 1),
            "queries_warm": self.profile.measured_queries,
            "saved_queries": self.saved_queries,
            "saved_seconds": round(self.saved_seconds, 3),
            "saved_seconds_basis": self.saved.basis,
            "evaluations_inspected": self.totals.inspected,
            "unread_columns": {lookup: list(names) for lookup, names in self.unread_columns.items()},
            "unused_given": {text: given.evaluations for text, given in self.unused_given.items()},
            "quarantined": self.quarantined,
            "ignored": self.ignored,
            "gone": self.gone,
            "relations": [line.as_dict() for line in self.lines()],
        }


def _branches(*plans: Plan | None) -> dict[Path, Branch]:
    return {branch.path: branch for plan in plans if plan for branch in plan.walk()}


def _applied(branch: Branch, other: Branch | None) -> tuple[str, str]:
    """Say how a path is loaded and why, also where that depends on how the queryset is written."""
    if other is None or other.method is branch.method:
        return str(branch.method), branch.reason
    return f"{branch.method} or {other.method}", f"{branch.reason}; or, {other.reason}"


def decided(history: History) -> str:
    """Return what `ignored` says where people have decided, by the dashboard, that all of it runs as plain Django."""
    return "people have decided so in the dashboard" if history.is_ignored else ""


def saved_queries(history: History) -> int:
    """Return what plain Django would have run more, over all warm evaluations (queries)."""
    totals = history.totals
    return max(int(round(totals.warm * history.profile.plain_queries) - totals.warm_queries), 0) if totals.warm else 0


class Saves(Protocol):
    """A call site, by what it saved."""

    @property
    def call_site(self) -> str:
        """Its name for people."""

    @property
    def key(self) -> str:
        """Its key in the store."""

    @property
    def saved_queries(self) -> int:
        """Queries that were saved in all."""

    @property
    def saved_seconds(self) -> float:
        """What those would have taken (seconds)."""


def by_saving(site: Saves) -> tuple[float, int, str, str]:
    """Return what puts call sites in order: the one first that saved most time, then most queries."""
    return -site.saved_seconds, -site.saved_queries, site.call_site, site.key


@dataclass(frozen=True, slots=True)
class Report:
    """What is known of all call sites.

    Attributes:
        call_sites: the one first that saved most.
    """

    call_sites: tuple[CallSiteReport, ...]

    def as_dict(self) -> dict[str, object]:
        """Return plain values, for JSON."""
        return {"call_sites": [site.as_dict() for site in self.call_sites]}

    def as_text(self) -> str:
        """Return one paragraph for each call site, with its relations as an aligned table."""
        return "\n\n".join(map(tables.paragraph, self.call_sites)) or tables.NOTHING

    def as_markdown(self) -> str:
        """Return a table of the call sites, and one of the relations of each."""
        return tables.markdown(self.call_sites) if self.call_sites else tables.NOTHING
