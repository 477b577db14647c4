"""Advising: make the suggestion for a call site, and log it once."""

from __future__ import annotations

from autoprefetch.advise import logs
from autoprefetch.advise.reports import CallSiteReport
from autoprefetch.advise.sources import names_at, source_of
from autoprefetch.advise.suggestions import Suggestion, suggestion_for
from autoprefetch.apply.standing import Standing
from autoprefetch.learn.profiles import Profile
from autoprefetch.plan.plans import Plan


def suggestion(standing: Standing, plan: Plan, profile: Profile) -> Suggestion | None:
    """Write the plan of a call site as code; None when it loads nothing ahead."""
    origin, manager = standing.site.origin, standing.mark.manager
    source = source_of(origin)
    expression = source.expression if source else ""
    return suggestion_for(
        plan,
        profile,
        call_site=standing.site.name,
        call=source.call if source else "",
        expression=f"{expression}.{manager}" if source and manager else expression,
        names=names_at(origin),
    )


def log_once(standing: Standing, plan: Plan, profile: Profile) -> None:
    """Log the suggestion for a plan, unless the same code was logged for the call site before."""
    made = suggestion(standing, plan, profile)
    if made is not None and made.code not in standing.logged:
        standing.logged.add(made.code)
        logs.suggested(made)


def call_site_report(standing: Standing, profile: Profile) -> CallSiteReport:
    """Report one call site."""
    return CallSiteReport(
        call_site=standing.site.name,
        key=standing.site.key,
        model=standing.site.model,
        profile=profile,
        plan=standing.plan,
        quarantined=standing.quarantined,
    )
