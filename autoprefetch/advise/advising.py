"""Advising: make the suggestion for a call site, and log it once."""

from __future__ import annotations

from django.db.models import Model

from autoprefetch.advise import logs
from autoprefetch.advise.chains import chain_of
from autoprefetch.advise.reports import CallSiteReport
from autoprefetch.advise.sources import names_at, source_of
from autoprefetch.advise.suggestions import Suggestion, suggestion_for
from autoprefetch.advise.writing import DerivedQuery
from autoprefetch.apply.standing import Standing
from autoprefetch.learn.histories import History
from autoprefetch.learn.profiles import Path, Profile, Usage, is_derived
from autoprefetch.orm.derivations import shape_of_chain
from autoprefetch.plan.forms import target_of
from autoprefetch.plan.plans import Plan
from autoprefetch.plan.relations import relation

BY_SCOPE = "this line evaluates the queryset; append the code where the queryset is built."
"""The note for a call site without `auto()`."""


def derived_queries(standing: Standing, profile: Profile, model: type[Model]) -> tuple[DerivedQuery, ...]:
    """Return the derived queries of a call site whose source was recognised with certainty."""
    found = (_derived_query(standing, path, usage, model) for path, usage in profile.usages.items() if is_derived(path))
    return tuple(derived for derived in found if derived is not None)


def _derived_query(standing: Standing, path: Path, usage: Usage, model: type[Model]) -> DerivedQuery | None:
    owner = target_of(model, path[:-1])
    name, _, shape = path[-1].rstrip(")").partition("(")
    known = relation(owner, name) if owner is not None and not any(map(is_derived, _parents(path))) else None
    chain = chain_of(usage.built, name)
    if known is None or known.target is None or chain is None:
        return None
    queryset = known.target._default_manager.all()
    for step in chain.steps:
        queryset = step.on(queryset)
    is_ordered = queryset.ordered
    if chain.ending == "first":
        queryset = (queryset if is_ordered else queryset.order_by("pk"))[:1]
    if shape_of_chain(queryset, chain.ending) != shape:
        return None  # the queryset went on to be changed elsewhere
    below = standing.below.get(path)
    return DerivedQuery(path, known, chain, usage.first_access, is_ordered, below.branches if below else ())


def _parents(path: Path) -> list[Path]:
    return [path[:size] for size in range(1, len(path))]


def suggestion(standing: Standing, plan: Plan, profile: Profile) -> Suggestion | None:
    """Write the plan of a call site as code; None when it loads nothing ahead, or was quarantined."""
    if standing.quarantined:
        return None  # its plan is none of its model's any more
    origin, manager = standing.site.origin, standing.mark.manager
    # Where `SCOPE` made it automatic, the origin is what evaluates: it is not known where the queryset is built.
    source = None if standing.mark.by_scope else source_of(origin)
    expression = source.expression if source else ""
    return suggestion_for(
        plan,
        profile,
        call_site=standing.site.name,
        call=source.call if source else "",
        expression=f"{expression}.{manager}" if source and manager else expression,
        names=names_at(origin),
        derived=derived_queries(standing, profile, plan.model),
        note=BY_SCOPE if standing.mark.by_scope else "",
    )


def log_once(standing: Standing, plan: Plan, profile: Profile) -> None:
    """Log the suggestion for a plan, unless the same code was logged for the call site before."""
    derived = tuple((path, usage.built) for path, usage in profile.usages.items() if is_derived(path))
    state = (plan, derived, tuple(standing.below.items()))
    if state == standing.advised:
        return  # reading and parsing the source again would cost more than the request
    standing.advised = state
    made = suggestion(standing, plan, profile)
    if made is not None and made.code not in standing.logged:
        standing.logged = (*standing.logged, made.code)
        logs.suggested(made)


def call_site_report(standing: Standing, history: History) -> CallSiteReport:
    """Report one call site."""
    return CallSiteReport(
        call_site=standing.site.name,
        key=standing.site.key,
        model=standing.site.model,
        history=history,
        plan=standing.plan,
        quarantined=standing.quarantined,
        deferred=standing.form.deferred if standing.form else frozenset(),
        below=tuple(standing.below.values()),
    )
