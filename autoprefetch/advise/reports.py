"""Reports: what was learned at each call site, what is applied, why, and what it saved."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from django.db.models.constants import LOOKUP_SEP

from autoprefetch.learn.histories import History
from autoprefetch.learn.profiles import Path, Profile, is_derived
from autoprefetch.plan.costs import DEFAULT, ROUND_TRIP, Situation, costs, share_of_use
from autoprefetch.plan.plans import Plan


@dataclass(frozen=True, slots=True)
class Line:
    """One relation path of a call site.

    Attributes:
        path: the lookup.
        method: how it is loaded, as far as that is known here.
        reason: why.
        used: the share of evaluations that use it, from 0 to 1.
        loads: what plain Django loads in an evaluation (queries).
        costs: what each way to load it would cost in an evaluation (milliseconds).
    """

    path: str
    method: str
    reason: str
    used: float
    loads: float
    costs: Mapping[str, float]

    def as_dict(self) -> dict[str, object]:
        """Return plain values, for JSON."""
        return {
            "path": self.path,
            "method": self.method,
            "reason": self.reason,
            "used": round(self.used, 3),
            "loads": round(self.loads, 1),
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
        plan: what is applied, with the reasons; None before anything was planned, and where another process did.
        quarantined: why its plan was taken away; "" when it was not.
        situation: what the plan was made for.
    """

    call_site: str
    key: str
    model: str
    history: History
    plan: Plan | None
    quarantined: str
    situation: Situation = DEFAULT

    @property
    def profile(self) -> Profile:
        """What was learned, as it counts for the next plan."""
        return self.history.profile

    @property
    def totals(self) -> Profile:
        """The counts of the call site as a whole, over all its life."""
        return self.history.totals

    @property
    def saved_queries(self) -> int:
        """Queries that plain Django would have run and autoprefetch did not, over all warm evaluations."""
        return max(int(round(self.totals.warm * self.profile.plain_queries) - self.totals.warm_queries), 0)

    @property
    def saved_seconds(self) -> float:
        """What those queries would have taken at the least, at half a millisecond each (seconds)."""
        return self.saved_queries * ROUND_TRIP

    def lines(self) -> Iterator[Line]:
        """Yield what is known of each path, parents first."""
        planned = {branch.path: branch for branch in self.plan.walk()} if self.plan else {}
        for path in sorted(planned.keys() | self.profile.usages.keys()):
            branch = planned.get(path)
            method, reason = (str(branch.method), branch.reason) if branch else self._seen(path)
            yield Line(LOOKUP_SEP.join(path), method, reason, *self._figures(path))

    def _seen(self, path: Path) -> tuple[str, str]:
        """Say how a path is loaded of which this process has made no plan."""
        usage = self.profile.usages[path]
        if is_derived(path):
            return "batched", "a query for each parent is answered for all at first touch"
        ahead = usage.eager / max(self.profile.evaluations, 1)
        return ("ahead", f"in {ahead:.0%} of evaluations") if ahead else ("at touch", "it was not loaded ahead yet")

    def _figures(self, path: Path) -> tuple[float, float, Mapping[str, float]]:
        if path not in self.profile.usages:
            return 0.0, 0.0, {}
        found = costs(self.profile, path, self.situation)
        ways = {"lazy": found.lazy, "batch": found.batch, "join": found.join, "prefetch": found.prefetch}
        if is_derived(path):
            del ways["join"], ways["prefetch"]
        loads = self.profile.loads_per_evaluation(path)
        return share_of_use(self.profile, path), loads, {way: cost * 1000 for way, cost in ways.items()}

    def as_dict(self) -> dict[str, object]:
        """Return plain values, for JSON."""
        return {
            "call_site": self.call_site,
            "key": self.key,
            "model": self.model,
            "evaluations": self.totals.evaluations,
            "rows": self.totals.rows,
            "queries_plain": round(self.profile.plain_queries, 1),
            "queries_warm": self.profile.measured_queries,
            "saved_queries": self.saved_queries,
            "saved_seconds": round(self.saved_seconds, 3),
            "quarantined": self.quarantined,
            "relations": [line.as_dict() for line in self.lines()],
        }


def report_of(known: Mapping[str, History]) -> Report:
    """Report what a store knows, also of call sites that this process has never evaluated."""
    sites = [_of_store(key, history) for key, history in known.items()]
    return Report(tuple(sorted(sites, key=by_saving)))


def by_saving(site: CallSiteReport) -> tuple[float, str]:
    """Return what puts call sites in order: the one first that saved most."""
    return -site.saved_queries, site.call_site


def _of_store(key: str, history: History) -> CallSiteReport:
    parts = key.split(" < ")
    return CallSiteReport(parts[0].partition("@")[0], key, parts[-1], history, None, "")


@dataclass(frozen=True, slots=True)
class Report:
    """All call sites, the one that saved most first."""

    call_sites: tuple[CallSiteReport, ...]

    def as_dict(self) -> dict[str, object]:
        """Return plain values, for JSON."""
        return {"call_sites": [site.as_dict() for site in self.call_sites]}

    def as_text(self) -> str:
        """Return one paragraph for each call site."""
        if not self.call_sites:
            return "Nothing was learned yet."
        return "\n\n".join(_paragraph(site) for site in self.call_sites)

    def as_markdown(self) -> str:
        """Return a table of the call sites, and one of the relations of each."""
        if not self.call_sites:
            return "Nothing was learned yet."
        head = [
            "| call site | model | evaluations | rows | plain | warm | saved queries | saved time |",
            "|---|---|---:|---:|---:|---:|---:|---:|",
        ]
        return "\n".join([*head, *map(_row, self.call_sites), *(line for s in self.call_sites for line in _section(s))])


def _row(site: CallSiteReport) -> str:
    totals, warm = site.totals, site.profile.measured_queries
    cells = [f"`{site.call_site}`", site.model, f"{totals.evaluations}", f"{totals.rows}"]
    cells += [f"{site.profile.plain_queries:.0f}", "" if warm is None else f"{warm:.0f}", f"{site.saved_queries}"]
    return f"| {' | '.join([*cells, _time(site.saved_seconds)])} |"


def _section(site: CallSiteReport) -> Iterator[str]:
    if not site.profile.usages and not site.plan:
        return
    yield from ("", f"### `{site.call_site}`", "", "| relation | loaded | used | loads | why | costs |")
    yield "|---|---|---:|---:|---|---|"
    for line in site.lines():
        cells = (f"`{line.path}`", line.method, f"{line.used:.0%}", f"{line.loads:.0f}", line.reason, _ways(line))
        yield f"| {' | '.join(cells)} |"


def _paragraph(site: CallSiteReport) -> str:
    profile, totals = site.profile, site.totals
    warm = profile.measured_queries
    lines = [
        f"{site.call_site}: {site.model}, {totals.evaluations} evaluations, {totals.rows} rows",
        f"  queries: {profile.plain_queries:.0f} plain"
        + (
            f", {warm:.0f} warm, {site.saved_queries} saved in all (about {_time(site.saved_seconds)})"
            if warm is not None
            else ""
        ),
    ]
    if site.quarantined:
        lines.append(f"  runs as plain Django: {site.quarantined}")
    found = list(site.lines())
    width = max((len(line.path) for line in found), default=0)
    lines += [f"  {line.path:<{width}}  {_line(line)}" for line in found]
    return "\n".join(lines)


def _line(line: Line) -> str:
    if not line.costs:
        return f"{line.method}: {line.reason}"
    used = f"used in {line.used:.0%}, {line.loads:.0f} loads"
    return f"{line.method}: {line.reason} ({used}; {_ways(line)})"


def _ways(line: Line) -> str:
    return ", ".join(f"{way} {cost:.2g} ms" for way, cost in line.costs.items())


def _time(seconds: float) -> str:
    return f"{seconds:.1f} s" if seconds >= 1 else f"{seconds * 1000:.0f} ms"
