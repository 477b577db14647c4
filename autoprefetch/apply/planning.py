"""Planning: the plan for an evaluation, made anew only when the profile or the form of the queryset has changed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import lru_cache
from typing import Any

from django.db.models import Model

from autoprefetch.apply.standing import Standing
from autoprefetch.conf import Config
from autoprefetch.learn.decisions import left_lazy
from autoprefetch.learn.histories import History
from autoprefetch.learn.profiles import Path
from autoprefetch.orm import forms
from autoprefetch.orm.counting import round_trip
from autoprefetch.plan.choosing import Choices, loads_ahead, plan_below, plan_for
from autoprefetch.plan.costs import ROUND_TRIP, Situation
from autoprefetch.plan.forms import Form
from autoprefetch.plan.plans import Branch, Method, Plan
from autoprefetch.plan.relations import Relation, relation


def plan(standing: Standing, history: History, form: Form, config: Config) -> tuple[Plan, bool]:
    """Return the plan for the next evaluation of a call site, and whether it was made just now."""
    chosen = choices(standing, config)
    state = history.state
    known = standing.plans.get((state, form, chosen))
    if known is not None and known is standing.plan:
        return known, False  # of the form that the call site had before
    standing.form = form = _same(form)
    standing.plan = known or plan_for(history, form, _form_of_base, chosen)
    standing.keep((state, form, chosen), standing.plan)
    return standing.plan, known is None


@lru_cache(10_000)
def _same(form: Form) -> Form:
    """Return the form that other call sites have as well, so that all of them keep one."""
    return form


def choices(standing: Standing, config: Config) -> Choices:
    """Return what the settings, the caller of `auto()` and those who decided about it say about planning."""
    return Choices(
        config.join_unordered,
        config.ahead,
        _situation(standing.using, config),
        standing.mark.ignore + standing.site.comment.ignore + standing.decided,
        config.ignore,
        standing.forgotten() if standing.idle and config.learns else _NOTHING,
    )


_NOTHING: frozenset[Path] = frozenset()


def _situation(using: str, config: Config) -> Situation:
    # What is applied without learning is the same on each machine.
    return situation_of(config, round_trip(using) if config.learns else ROUND_TRIP)


def situation_of(config: Config, measured: float = ROUND_TRIP) -> Situation:
    """Return what costs depend on beside the counts.

    Args:
        config: "strict" makes no batches, and what "learn" advises is for the time when it is over.
        measured: the round trip (seconds); by default, the one that counts where nothing is learned.
    """
    return _same_situation(measured, 0 if config.mode == "strict" else config.max_batch)


_same_situation = lru_cache(100)(Situation)


def foreseen(history: History, form: Form, config: Config, ignore: tuple[str, ...] = ()) -> Plan:
    """Return the plan for a call site that this process may never have evaluated.

    Args:
        history: what is known of it.
        form: how its queryset is thought to be written.
        config: the settings.
        ignore: what the caller of `auto()` wants to stay lazy, where that is known.
    """
    return plan_for(history, form, _form_of_base, foreseen_choices(history, config, ignore))


def foresees_any(history: History, form: Form, config: Config) -> bool:
    """Tell whether the plan for such a call site loads anything ahead."""
    return history.has_paths and loads_ahead(history, form, _form_of_base, foreseen_choices(history, config))


def foreseen_choices(history: History, config: Config, ignore: tuple[str, ...] = ()) -> Choices:
    """Return what the settings, and those who decided about it, say about planning for such a call site."""
    ignore += left_lazy(history.decisions)
    return Choices(config.join_unordered, config.ahead, situation_of(config), ignore, config.ignore)


def foreseen_below(history: History, queryset: Any, path: Path, known: Relation, config: Config) -> tuple[Branch, ...]:
    """Return what is joined to a derived query of such a call site.

    Args:
        history: what is known of the call site.
        queryset: that of the derived query, of all parents.
        path: where it is.
        known: the relation that it is derived from.
        config: the settings.
    """
    chosen = replace(foreseen_choices(history, config), ahead=False)
    return plan_below(history, forms.form_of(queryset), path, known, _form_of_base, chosen).branches


def knows_below(history: History, path: Path) -> bool:
    """Tell whether it is known of relations below a path."""
    size = len(path)
    return any(len(known) > size and known[:size] == path for known in history.paths())


def below(
    standing: Standing, history: History, queryset: Any, path: Path, known: Relation, config: Config
) -> tuple[Branch, ...]:
    """Plan what is joined to a derived query; what is not joined is batched when it is touched."""
    standing.derived[path] = (forms.form_of(queryset), known)
    return _below(standing, history, path, config).branches if knows_below(history, path) else ()


def replan_below(standing: Standing, history: History, config: Config) -> None:
    """Plan what will be joined to the derived queries of a call site, so that it can be advised."""
    for path in list(standing.derived):
        if knows_below(history, path):
            _below(standing, history, path, config)


def _below(standing: Standing, history: History, path: Path, config: Config) -> Plan:
    form, known = standing.derived[path]
    chosen = replace(choices(standing, config), ahead=False)
    key = (path, history.state, form, chosen)
    plan = standing.plans.get(key)
    if plan is None:
        plan = plan_below(history, form, path, known, _form_of_base, chosen)
        standing.keep(key, plan)
    standing.below[path] = plan
    return plan


def _form_of_base(known: Relation, target: type[Model]) -> Form:
    return forms.form_of(forms.prefetch_base(known, target))


def targets(model: type[Model], history: History) -> frozenset[type[Model]]:
    """Return the models that the known to-one paths lead to."""
    found: set[type[Model]] = set()
    for path in history.paths():
        current: type[Model] | None = model
        for step in path:
            known = relation(current, step) if current is not None else None
            current = known.target if known is not None else None
            if current is not None:
                found.add(current)
    return frozenset(found)


def without(plan: Plan, paths: frozenset[Path]) -> Plan:
    """Return a plan that does not load some paths, nor what is below them."""
    return replace(plan, branches=_without(plan.branches, paths))


def _without(branches: tuple[Branch, ...], paths: frozenset[Path]) -> tuple[Branch, ...]:
    return tuple(replace(b, below=_without(b.below, paths)) for b in branches if b.path not in paths)


def observing(plan: Plan) -> Plan:
    """Return a plan that loads nothing, and still knows what the caller's own query loads."""
    return Plan(plan.model, tuple(_given(plan.branches)))


def _given(branches: tuple[Branch, ...]) -> Iterator[Branch]:
    for branch in branches:
        if branch.method is Method.GIVEN:
            yield replace(branch, below=tuple(_given(branch.below)))
