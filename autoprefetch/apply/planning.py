"""Planning: the plan for an evaluation, made anew only when the profile or the form of the queryset has changed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import lru_cache
from typing import Any

from django.db.models import Model

from autoprefetch.apply.standing import Standing, profile_state
from autoprefetch.conf import Config
from autoprefetch.learn.profiles import Path, Profile
from autoprefetch.orm import forms
from autoprefetch.plan.forms import Form
from autoprefetch.plan.plans import Branch, Choices, Method, Plan, plan_below, plan_for
from autoprefetch.plan.relations import Relation, relation


def plan(standing: Standing, profile: Profile, form: Form, config: Config) -> tuple[Plan, bool]:
    """Return the plan for the next evaluation of a call site, and whether it was made just now."""
    chosen = choices(standing, config)
    state = profile_state(profile)
    known = standing.plans.get((state, form, chosen))
    if known is not None and known is standing.plan:
        return known, False  # of the form that the call site had before
    standing.form = form = _same(form)
    standing.plan = known or plan_for(profile, form, _form_of_base, chosen)
    standing.keep((state, form, chosen), standing.plan)
    return standing.plan, known is None


@lru_cache(10_000)
def _same(form: Form) -> Form:
    """Return the form that other call sites have as well, so that all of them keep one."""
    return form


def choices(standing: Standing, config: Config) -> Choices:
    """Return what the settings and the caller of `auto()` say about planning."""
    return Choices(config.join_unordered, config.ahead, standing.mark.ignore, config.ignore)


def knows_below(profile: Profile, path: Path) -> bool:
    """Tell whether a profile knows of relations below a path."""
    size = len(path)
    return any(len(known) > size and known[:size] == path for known in profile.usages)


def below(
    standing: Standing, profile: Profile, queryset: Any, path: Path, known: Relation, config: Config
) -> tuple[Branch, ...]:
    """Plan what is joined to a derived query; what is not joined is batched when it is touched."""
    standing.derived[path] = (forms.form_of(queryset), known)
    return _below(standing, profile, path, config).branches if knows_below(profile, path) else ()


def replan_below(standing: Standing, profile: Profile, config: Config) -> None:
    """Plan what will be joined to the derived queries of a call site, so that it can be advised."""
    for path in list(standing.derived):
        if knows_below(profile, path):
            _below(standing, profile, path, config)


def _below(standing: Standing, profile: Profile, path: Path, config: Config) -> Plan:
    form, known = standing.derived[path]
    chosen = replace(choices(standing, config), ahead=False)
    key = (path, profile_state(profile), form, chosen)
    plan = standing.plans.get(key)
    if plan is None:
        plan = plan_below(profile, form, path, known, _form_of_base, chosen)
        standing.keep(key, plan)
    standing.below[path] = plan
    return plan


def _form_of_base(known: Relation, target: type[Model]) -> Form:
    return forms.form_of(forms.prefetch_base(known, target))


def targets(model: type[Model], profile: Profile) -> frozenset[type[Model]]:
    """Return the models that the to-one paths of a profile lead to."""
    found: set[type[Model]] = set()
    for path in profile.usages:
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
