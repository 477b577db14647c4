"""Foreseeing: what is applied at a call site of which only the history is known, as a store keeps it.

A store may know of call sites that this process has never seen. It tells how their querysets are written; where it does
not, the plan is made for a plain queryset of the model, with a total ordering and without one. Where a queryset is
written in two ways that are loaded differently, both are reported, beside the share of evaluations that did load ahead.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from django.apps import apps
from django.db.models import Model

from autoprefetch.advise.keys import label_of, name_of, place_of
from autoprefetch.advise.locating import NotLocatedError
from autoprefetch.advise.naming import Named, located, named_in
from autoprefetch.advise.reports import CallSiteReport, Report, by_saving, decided
from autoprefetch.advise.sources import source_of
from autoprefetch.apply import planning
from autoprefetch.conf import Config
from autoprefetch.learn.histories import History
from autoprefetch.plan.forms import Form
from autoprefetch.plan.patterns import matching
from autoprefetch.plan.traits import forms_from


def report_of(known: Mapping[str, History], config: Config) -> Report:
    """Report what a store knows, also of call sites that this process has never evaluated.

    Args:
        known: the histories by the keys of the call sites.
        config: the settings that plans are made by.
    """
    named = named_in(known)
    sites = [foreseen_report(key, history, config, said_at(key, named, config)) for key, history in known.items()]
    return Report(tuple(sorted(sites, key=by_saving)))


def model_of(key: str) -> type[Model] | None:
    """Return the model of a call site, or None when no such model is installed (any more)."""
    try:
        return apps.get_model(label_of(key))
    except (LookupError, ValueError):
        return None


@dataclass(frozen=True, slots=True)
class Said:
    """What a person has said is to be left alone at a call site.

    Attributes:
        ignore: the relations to leave lazy, as lookups.
        whole: what lets all of it run as plain Django; "" when nothing does.
    """

    ignore: tuple[str, ...] = ()
    whole: str = ""


NOTHING_SAID = Said()


def said_at(key: str, named: Named, config: Config) -> Said:
    """Read what the settings, and in the source the call of `auto()` and its comment, say of a call site."""
    if pattern := matching(config.ignore, *place_of(key).names):
        return Said(whole=f"IGNORE has {pattern!r}")
    try:
        location = located(key, named)
    except NotLocatedError:  # it was learned from what the source was before
        location = None
    source = source_of(location) if location is not None else None
    if source is None:
        return NOTHING_SAID
    return Said(source.ignore, "its comment says `autoprefetch: ignore`" if source.is_ignored else "")


def foreseen_report(key: str, history: History, config: Config, said: Said = NOTHING_SAID) -> CallSiteReport:
    """Report one call site of a store.

    Args:
        key: its key.
        history: what is known of it.
        config: the settings that plans are made by.
        said: what is to be left alone, where the source was read.
    """
    model, label = model_of(key), label_of(key)
    if model is None:
        gone = f"no installed model is called {label!r}"
        return CallSiteReport(name_of(key), key, label, history, None, "", gone=gone)
    written = written_as(model, history)
    plan, *others = (planning.foreseen(history, form, config, said.ignore) for form in written)
    return CallSiteReport(
        name_of(key),
        key,
        label,
        history,
        plan,
        "",
        planning.situation_of(config),
        planning.foreseen_choices(history, config, said.ignore),
        deferred=frozenset().union(*(form.deferred for form in written)),
        ignored=said.whole or decided(history),
        other=next((other for other in others if other != plan), None),
    )


def loads_ahead(key: str, history: History, config: Config) -> bool:
    """Tell whether the plan of a call site of a store loads anything ahead, which is known sooner than the plan."""
    model = model_of(key)
    return model is not None and planning.foresees_any(history, written_as(model, history)[0], config)


def written_as(model: type[Model], history: History) -> list[Form]:
    """Return the forms that the queryset of a call site has, one at the least."""
    return forms_from(model, history.profile.forms) or [Form(model, ordering=("pk",)), Form(model)]
