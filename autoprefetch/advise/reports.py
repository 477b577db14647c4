"""Reports: what was learned at each call site, what is applied, why, and what it saved."""

from __future__ import annotations

from dataclasses import dataclass

from django.db.models.constants import LOOKUP_SEP

from autoprefetch.learn.histories import History
from autoprefetch.learn.profiles import Profile
from autoprefetch.plan.plans import Plan


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
    """

    call_site: str
    key: str
    model: str
    history: History
    plan: Plan | None
    quarantined: str

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

    def as_dict(self) -> dict[str, object]:
        """Return plain values, for JSON."""
        return {
            "call_site": self.call_site,
            "model": self.model,
            "evaluations": self.totals.evaluations,
            "rows": self.totals.rows,
            "queries_plain": round(self.profile.plain_queries, 1),
            "queries_warm": self.profile.measured_queries,
            "saved_queries": self.saved_queries,
            "quarantined": self.quarantined,
            "relations": [
                {"path": LOOKUP_SEP.join(branch.path), "method": str(branch.method), "reason": branch.reason}
                for branch in (self.plan.walk() if self.plan else ())
            ],
        }


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


def _paragraph(site: CallSiteReport) -> str:
    profile, totals = site.profile, site.totals
    warm = profile.measured_queries
    lines = [
        f"{site.call_site}: {site.model}, {totals.evaluations} evaluations, {totals.rows} rows",
        f"  queries: {profile.plain_queries:.0f} plain"
        + (f", {warm:.0f} warm, {site.saved_queries} saved in all" if warm is not None else ""),
    ]
    if site.quarantined:
        lines.append(f"  runs as plain Django: {site.quarantined}")
    branches = tuple(site.plan.walk()) if site.plan else ()
    width = max((len(LOOKUP_SEP.join(branch.path)) for branch in branches), default=0)
    lines += [f"  {LOOKUP_SEP.join(b.path):<{width}}  {b.method}: {b.reason}" for b in branches]
    return "\n".join(lines)
