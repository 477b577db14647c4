"""Proposing: the suggestions that follow from what a store knows, with the places in the source where they apply."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from django.db.models import Model

from autoprefetch.advise.advising import Advised, accessor_of, derived_from, queryset_of, suggestion
from autoprefetch.advise.foreseeing import model_of, written_as
from autoprefetch.advise.keeping import kept
from autoprefetch.advise.keys import label_of, name_of, place_of
from autoprefetch.advise.locating import NotLocatedError, chain_at
from autoprefetch.advise.loops import is_in_loop_over
from autoprefetch.advise.naming import Named, located, named_in
from autoprefetch.advise.sources import Source, names_at, source_of
from autoprefetch.advise.suggestions import Suggestion
from autoprefetch.advise.uses import by_call, others
from autoprefetch.apply import planning
from autoprefetch.conf import Config
from autoprefetch.learn.histories import History
from autoprefetch.learn.profiles import Path, Profile, Span, is_derived
from autoprefetch.observe.callsites import CallSite, Location
from autoprefetch.plan.forms import agreeing
from autoprefetch.plan.patterns import matching
from autoprefetch.plan.plans import Plan
from autoprefetch.plan.relations import Relation

LEAST = 2
"""The evaluations that a suggestion is made from, at the least: one may be the one that is different."""


@dataclass(frozen=True, slots=True)
class Proposal:
    """What is proposed for one call site of a store.

    Attributes:
        key: its key in the store.
        suggestion: the code.
        origin: where the call of `auto()` stands now; None where there is none, or nobody can tell.
        unplaced: why nobody can tell where; "" otherwise.
    """

    key: str
    suggestion: Suggestion
    origin: Location | None
    unplaced: str

    def as_text(self) -> str:
        """Return the suggestion, how sure it is, and why its place is not known where that is so."""
        return "\n".join([self.suggestion.as_text(), *self._remarks(), self.suggestion.evidence])

    def as_markdown(self) -> str:
        """Return the same as Markdown."""
        return "\n\n".join([self.suggestion.as_markdown(), *self._remarks()])

    def as_dict(self) -> dict[str, Any]:
        """Return plain values, for JSON."""
        return {"key": self.key, **self.suggestion.as_dict(), "unplaced": self.unplaced}

    def _remarks(self) -> list[str]:
        unplaced = f"Nobody can tell where to write it: {self.unplaced}." if self.unplaced else ""
        left = ", ".join(self.suggestion.left)
        stays = f"Keep auto(): without it each row loads {left} by itself." if left else ""
        return [remark for remark in (unplaced, stays) if remark]


def proposals(
    known: Mapping[str, History], config: Config, everything: Mapping[str, History] | None = None
) -> list[Proposal]:
    """Return what is proposed for the call sites of a store, that first which saves most time.

    Args:
        known: the histories by the keys of the call sites.
        config: the settings that plans are made by.
        everything: the same of all call sites, where these are some of them.
    """
    named = named_in(known)
    together = by_call(known if everything is None else everything)
    made = (
        _proposal(key, site, others(key, together))
        for key, history in known.items()
        if (site := _site_of(key, history, config, named)) is not None
    )
    found = [proposal for proposal in made if proposal is not None]
    return sorted(found, key=lambda one: (-one.suggestion.saved_seconds, one.suggestion.call_site, one.key))


def kept_by_auto(known: Mapping[str, History], config: Config) -> list[str]:
    """Say of each call site for which nothing is proposed what `auto()` alone loads for all rows at once there.

    Args:
        known: the histories by the keys of the call sites.
        config: the settings that plans are made by.
    """
    named = named_in(known)
    sites = [(key, _site_of(key, history, config, named)) for key, history in known.items()]
    found = [kept(*site.ways[0], site.profile) for key, site in sites if site and _proposal(key, site, ()) is None]
    return sorted(filter(None, found))


@dataclass(frozen=True, slots=True)
class _Site:
    """A call site of a store as one that is advised, with the plan for each way in which its queryset is written."""

    history: History
    profile: Profile
    origin: Location | None
    unplaced: str
    ways: list[tuple[Advised, Plan]]


def _site_of(key: str, history: History, config: Config, named: Named) -> _Site | None:
    model = model_of(key)
    if model is None or history.is_ignored or history.profile.observed < LEAST:
        return None
    place = place_of(key)
    location, unplaced = _located(key, named)
    by_scope = location is None and not unplaced
    name = CallSite(key, location, label_of(key)).name if location is not None else name_of(key)
    source = source_of(location) if location is not None else None
    if matching(config.ignore, *place.names) or (source is not None and source.is_ignored):
        return None
    manager = _manager(location, source) if location is not None and source is not None else ""
    ignore = source.ignore if source is not None else ()
    choices, below = planning.foreseen_choices(history, config, ignore), partial(_below, history, config)
    ways = [
        (
            Advised(name, location, manager, by_scope, form, choices, below),
            planning.foreseen(history, form, config, ignore),
        )
        for form in agreeing(written_as(model, history))
    ]
    return _Site(history, _with_places(history.profile, model, location), location, unplaced, ways)


def _proposal(key: str, site: _Site, alike: Sequence[History]) -> Proposal | None:
    # Advice is for one way to write the queryset: where there are several, for that which gives most of it.
    made = [suggestion(advised, plan, site.profile, site.history, alike) for advised, plan in site.ways]
    found = max((one for one in made if one is not None), key=lambda one: one.saved_queries, default=None)
    return None if found is None else Proposal(key, found, site.origin, site.unplaced)


def _located(key: str, named: Named) -> tuple[Location | None, str]:
    """Return where `auto()` is called, or why nobody can tell; neither where nobody called it."""
    try:
        return located(key, named), ""
    except NotLocatedError as error:
        return None, str(error)


def _manager(location: Location, source: Source) -> str:
    """Return the name of the default manager where `auto()` was given a model class, else ""."""
    first, *rest = source.expression.split(".")
    given = names_at(location).get(first)
    for name in rest:
        given = getattr(given, name, None) if name.isidentifier() else None
    return given._default_manager.name if isinstance(given, type) and issubclass(given, Model) else ""


def _with_places(profile: Profile, model: type[Model], origin: Location | None) -> Profile:
    """Return the same counts with the places where derived queries are built now, where nobody can take another."""
    usages = {
        path: replace(usage, built=_built(path, usage.first_access, model, origin)) if is_derived(path) else usage
        for path, usage in profile.usages.items()
    }
    return replace(profile, usages=usages)


def _built(path: Path, place: str, model: type[Model], origin: Location | None) -> Span:
    known = derived_from(model, path)
    if known is None:
        return ()
    at = chain_at(place, accessor_of(path))
    found = {span: chain for span, chain in at if queryset_of(chain, known, path) is not None}
    own = [span for span, chain in found.items() if origin and is_in_loop_over(origin.span, span, chain.receiver)]
    is_one = len({chain.text for chain in found.values()}) == 1  # however often it is written
    return own[0] if own else next(iter(found)) if is_one else ()


def _below(history: History, config: Config, path: Path, known: Relation, queryset: Any) -> tuple[Any, ...]:
    return planning.foreseen_below(history, queryset, path, known, config)
