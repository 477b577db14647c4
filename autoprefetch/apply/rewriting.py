"""Rewriting: put a plan on a queryset, and load ahead what it does not join."""

from __future__ import annotations

from itertools import groupby
from operator import attrgetter
from typing import Any

from django.db import router
from django.db.models import Prefetch, QuerySet, prefetch_related_objects

from autoprefetch.observe.timing import Timing
from autoprefetch.orm import forms, loaded, marks, sharing, singles
from autoprefetch.orm.counting import QueryCount
from autoprefetch.plan.plans import Branch, Method, Plan, joins_of
from autoprefetch.plan.relations import Kind, Relation


def with_joins(queryset: marks.AnyQuerySet, plan: Plan) -> Any:
    """Return what runs a queryset with the joins of a plan; it is not automatic itself."""
    joins = plan.joins()
    return sharing.joined(marks.unmarked(queryset), joins) if joins else marks.runnable(queryset)


def joined(queryset: Any, branches: tuple[Branch, ...]) -> Any:
    """Return a queryset with the joins that branches ask for; itself when they ask for none."""
    return sharing.joined(queryset, joins_of(branches))


def load_ahead(rows: list[Any], plan: Plan, using: str, most: int, timing: Timing) -> int:
    """Prefetch what a plan does not join, for rows that are loaded.

    It comes after the caller's prefetches and apart from them, so that a lookup of the caller is never given twice, and
    goes down level by level, each as large as it is found to be.

    Args:
        rows: the rows of the root query.
        plan: what to load.
        using: the database alias of the root query.
        most: rows in one batch.
        timing: is told what each query takes.

    Returns:
        how many queries it took.
    """
    if not rows or not any(branch.method is Method.PREFETCH for branch in plan.walk()):
        return 0
    with QueryCount() as count:
        _load_branches(rows, plan.branches, using, most, timing)
    return count.queries


def _load_branches(instances: list[Any], branches: tuple[Branch, ...], using: str, most: int, timing: Timing) -> None:
    """Load what branches prefetch, and what is below them."""
    for known, same in groupby(branches, key=attrgetter("relation")):
        variants = [branch for branch in same if branch.method is not Method.LAZY]
        prefetched = [branch for branch in variants if branch.method is Method.PREFETCH]
        if prefetched and _is_one_database(instances, prefetched[0]):
            with QueryCount() as count:
                _load_level(instances, known, prefetched, using, most)
            timing.batched([branch.path for branch in prefetched], len(instances), count)
        for branch in variants:
            if branch.below and (below := _below(instances, branch)):
                _load_branches(below, branch.below, using, most, timing)


def _is_one_database(instances: list[Any], branch: Branch) -> bool:
    # A batch asks the router for its first instance only; lazy loads ask for each.
    if not forms.routers_choose():
        return True
    return len({router.db_for_read(branch.target, instance=instance) for instance in instances}) == 1


def _load_level(instances: list[Any], known: Relation, branches: list[Branch], using: str, most: int) -> None:
    """Load one relation of instances; a generic foreign key has a branch for each model that it leads to."""
    if not known.is_to_many and known.kind is not Kind.GENERIC_FOREIGN_KEY:
        singles.load_ahead(instances, known, joins_of(branches[0].below), most)
        return
    for start in range(0, len(instances), most):
        some = instances[start : start + most]
        if known.is_to_many:
            prefetch_related_objects(some, _lookup(branches[0]))
            if joins_of(branches[0].below):
                loaded.plain_again(some, known, _base(branches[0]).query.select_related)
        else:
            leading = singles.leading_to(some, known, [branch.target for branch in branches], using)
            prefetch_related_objects(leading, _generic_lookup(known.name, branches, using))


def _lookup(branch: Branch) -> str | Prefetch[Any]:
    joins = joins_of(branch.below)
    name = branch.relation.name
    return Prefetch(name, sharing.joined(_base(branch), joins)) if joins else name


def _base(branch: Branch) -> QuerySet[Any]:
    return forms.prefetch_base(branch.relation, branch.target)


def _generic_lookup(name: str, variants: list[Branch], using: str) -> str | Prefetch[Any]:
    """Return the lookup of a generic foreign key, with a queryset for each model that has something joined to it."""
    joined = [(branch, joins) for branch in variants if (joins := joins_of(branch.below))]
    querysets = [sharing.joined(_base(branch).using(using), joins) for branch, joins in joined]
    return forms.generic_prefetch(name, querysets) if querysets else name


def _below(instances: list[Any], branch: Branch) -> list[Any]:
    """Return the instances that a branch has led to, each once."""
    found = {id(row): row for row in loaded.related(instances, branch.relation)}
    return [row for row in found.values() if type(row) is branch.target]
