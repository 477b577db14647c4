"""Advising: make the suggestion for a call site, and log it once."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Any

from django.core.exceptions import FieldError
from django.db.models import Model

from autoprefetch import conf
from autoprefetch.advise import logs
from autoprefetch.advise.chains import Chain, chain_of
from autoprefetch.advise.columns import notes
from autoprefetch.advise.locating import chain_at
from autoprefetch.advise.loops import is_in_loop_over, is_read_at_once
from autoprefetch.advise.removing import Removal, removals
from autoprefetch.advise.reports import CallSiteReport, decided
from autoprefetch.advise.savings import Basis, worst
from autoprefetch.advise.sources import Source, names_at, source_of
from autoprefetch.advise.suggestions import Suggestion, suggestion_for
from autoprefetch.advise.uses import unneeded
from autoprefetch.advise.writing import DerivedQuery
from autoprefetch.apply import planning
from autoprefetch.apply.standing import Standing
from autoprefetch.learn.histories import History
from autoprefetch.learn.profiles import Path, Profile, Span, Usage, is_derived
from autoprefetch.observe.callsites import Location
from autoprefetch.orm.derivations import shape_of_chain
from autoprefetch.plan.choosing import Choices, stays_lazy
from autoprefetch.plan.forms import Form, agreeing, target_of
from autoprefetch.plan.plans import Branch, Plan
from autoprefetch.plan.relations import Relation, relation
from autoprefetch.plan.traits import forms_from

BY_SCOPE = "this line evaluates the queryset; append the code where the queryset is built{places}."
"""The note for a call site without `auto()`."""


@dataclass(frozen=True, slots=True)
class Advised:
    """A call site that is advised.

    Attributes:
        name: its name for people.
        origin: where `auto()` is called; with `SCOPE`, what evaluates; None where nobody knows.
        manager: the name of the manager where a model class was given to `auto()`, else "".
        by_scope: whether nobody called `auto()`.
        form: how its queryset is written, where that is known.
        choices: what the settings and people say about planning.
        below: returns what is joined to a derived query, given its path, its relation and its queryset.
    """

    name: str
    origin: Location | None
    manager: str
    by_scope: bool
    form: Form | None
    choices: Choices
    below: Callable[[Path, Relation, Any], tuple[Branch, ...]]


def advised(standing: Standing, history: History) -> Advised:
    """Return a call site of this process as one that is advised."""

    def below(path: Path, known: Relation, queryset: Any) -> tuple[Branch, ...]:
        plan = standing.below.get(path)
        return plan.branches if plan else ()

    site, mark = standing.site, standing.mark
    choices, form = planning.choices(standing, conf.current()), standing.form
    if form is not None:
        form, *_ = agreeing([form, *forms_from(form.model, history.profile.forms)])
    return Advised(site.name, site.origin, mark.manager, mark.by_scope, form, choices, below)


def derived_queries(site: Advised, profile: Profile, model: type[Model]) -> tuple[DerivedQuery, ...]:
    """Return the derived queries of a call site whose source was recognised with certainty."""
    found = (
        _derived_query(site, path, usage, chain, model)
        for path, usage in profile.usages.items()
        if is_derived(path) and (chain := chain_of(usage.built, accessor_of(path))) is not None
    )
    return tuple(derived for derived in found if derived is not None)


def _derived_query(site: Advised, path: Path, usage: Usage, chain: Chain, model: type[Model]) -> DerivedQuery | None:
    known = derived_from(model, path)
    queryset = queryset_of(chain, known, path) if known is not None else None
    if known is None or queryset is None:
        return None
    is_ordered = chain.ending != "first" or queryset.ordered
    below = site.below(path, known, queryset)
    again = _asked_again(site, path, usage, chain, known)
    return DerivedQuery(path, known, chain, usage.first_access, is_ordered, below, usage.built, again)


def _asked_again(site: Advised, path: Path, usage: Usage, chain: Chain, known: Relation) -> tuple[Span, ...]:
    """Return where else a function asks the same of its rows; of those of another loop it is another query."""
    origin = site.origin.span if site.origin is not None else ()
    is_own = is_in_loop_over(origin, usage.built, chain.receiver)
    return tuple(
        span
        for span, other in chain_at(usage.first_access, accessor_of(path))
        if other.text == chain.text
        and not _begins_at(span, usage.built)
        and queryset_of(other, known, path) is not None
        and (not is_own or is_in_loop_over(origin, span, other.receiver))
    )


def _begins_at(one: Span, other: Span) -> bool:
    """Tell whether two parts of expressions are of the same one: each begins with the instance."""
    return (*one[:2], *one[3:4]) == (*other[:2], *other[3:4])


def accessor_of(path: Path) -> str:
    """Return the attribute that a derived query starts from."""
    return path[-1].partition("(")[0]


def derived_from(model: type[Model], path: Path) -> Relation | None:
    """Return the relation that a derived query starts from; None below another one, and where it is gone."""
    owner = None if any(map(is_derived, _parents(path))) else target_of(model, path[:-1])
    known = relation(owner, accessor_of(path)) if owner is not None else None
    return known if known is not None and known.target is not None else None


def queryset_of(chain: Chain, known: Relation, path: Path) -> Any:
    """Return the queryset that a chain builds, of all parents; None when that is not the query of the path."""
    target: Any = known.target
    queryset = target._default_manager.all()
    try:
        for step in chain.steps:
            queryset = step.on(queryset)
        shape_now = _shape(queryset, chain)
    except FieldError:  # it was edited since, and names what its model does not have
        return None
    # A queryset that went on to be changed elsewhere has another shape.
    return queryset if shape_now == path[-1].rstrip(")").partition("(")[2] else None


def _shape(queryset: Any, chain: Chain) -> str:
    one = (queryset if queryset.ordered else queryset.order_by("pk"))[:1] if chain.ending == "first" else queryset
    aggregates = {aggregate.alias: aggregate.expression() for aggregate in chain.aggregates}
    return shape_of_chain(one, chain.ending, aggregates)


def _parents(path: Path) -> list[Path]:
    return [path[:size] for size in range(1, len(path))]


def suggestion(
    site: Advised, plan: Plan, profile: Profile, history: History, alike: Iterable[History] = ()
) -> Suggestion | None:
    """Write the plan of a call site as code, with what can be taken off its query; None when there is neither.

    Args:
        site: the call site.
        plan: what is loaded ahead.
        profile: the counts behind it, with the places where derived queries are built.
        history: what is known of it.
        alike: what is known of the other call sites that evaluate the same call of `auto()`.
    """
    totals = history.totals
    # Where `SCOPE` made it automatic, the origin is what evaluates: it is not known where the queryset is built.
    source = None if site.by_scope or site.origin is None else source_of(site.origin)
    made = suggestion_for(
        plan,
        profile,
        call_site=site.name,
        call=source.call if source else "",
        expression=source.expression if source else "",
        names=names_at(site.origin) if site.origin is not None else {},
        manager=site.manager if source else "",
        form=site.form,
        ignored=frozenset(path for path in profile.usages if stays_lazy(site.choices, plan.model, path)),
        derived=derived_queries(site, profile, plan.model),
        notes=((built_note(totals),) if site.by_scope else ())
        + notes(plan.model, totals, profile.usages, site.form.deferred if site.form is not None else frozenset()),
        evaluations=totals.observed,
        times=totals.times,
    )
    # Who else evaluates a queryset that is built nobody knows where, cannot be asked.
    removed = () if site.by_scope else _removals(site, source, plan.model, history, alike)
    if not removed:
        return made
    if made is None:
        made = _nothing_to_add(site, plan, profile, totals, removed)
    seconds = sum(removal.seconds for removal in removed)
    basis = worst((made.basis, Basis.MEASURED))
    return replace(made, removals=removed, saved_seconds=made.saved_seconds + seconds, basis=basis)


def built_note(totals: Profile) -> str:
    """Say of a call site without `auto()` where the code belongs."""
    return BY_SCOPE.format(places=f": {' or '.join(sorted(totals.built))}" if totals.built else "")


def _removals(
    site: Advised, source: Source | None, model: type[Model], history: History, alike: Iterable[History]
) -> tuple[Removal, ...]:
    found = unneeded(history, alike)
    if not found:
        return ()
    at_once = site.origin is not None and is_read_at_once(site.origin.span)
    expression = source.expression if source else ""
    return removals(model, history.totals.given, found, expression, is_read_at_once=at_once)


def _nothing_to_add(
    site: Advised, plan: Plan, profile: Profile, totals: Profile, removed: tuple[Removal, ...]
) -> Suggestion:
    before = profile.measured_queries or profile.plain_queries
    return Suggestion(
        call_site=site.name,
        model=plan.model._meta.label,
        code="",
        replaces="",
        imports=(),
        edits=(),
        queries_before=round(before),
        queries_after=round(before - sum(removal.queries for removal in removed)),
        measured=False,
        evaluations=round(totals.observed),
        basis=Basis.MEASURED,
    )


def suggestion_here(
    standing: Standing, plan: Plan, history: History, alike: Iterable[History] = ()
) -> Suggestion | None:
    """Write the plan of a call site of this process as code; None when there is none, or it is not applied."""
    # The plan of a quarantined call site is none of its model's any more.
    is_left = standing.quarantined or history.is_ignored
    return None if is_left else suggestion(advised(standing, history), plan, history.profile, history, alike)


def log_once(standing: Standing, plan: Plan, history: History, alike: Iterable[History] = ()) -> None:
    """Log the suggestion for a plan, unless the same code was logged for the call site before."""
    usages = history.profile.usages
    derived = tuple((path, usage.built) for path, usage in usages.items() if is_derived(path))
    unused = tuple(unneeded(history, alike)) if history.totals.given else ()
    state = (plan, derived, tuple(standing.below.items()), unused)
    if state == standing.advised:
        return  # reading and parsing the source again would cost more than the request
    standing.advised = state
    made = suggestion_here(standing, plan, history, alike)
    if made is None:
        return
    code = "".join([made.code, *(removal.code for removal in made.removals)])
    if code not in standing.logged:
        standing.logged = (*standing.logged, code)
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
        choices=planning.choices(standing, conf.current()),
        ignored=decided(history),
        deferred=standing.form.deferred if standing.form else frozenset(),
        below=tuple(standing.below.values()),
    )
