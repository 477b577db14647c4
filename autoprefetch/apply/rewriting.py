"""Rewriting: put a plan on a queryset, and load ahead what it does not join."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from django.db import router
from django.db.models import Model, Prefetch, QuerySet, prefetch_related_objects
from django.db.models.constants import LOOKUP_SEP

from autoprefetch.orm import forms, loaded, marks
from autoprefetch.orm.counting import QueryCount
from autoprefetch.plan.plans import Branch, Method, Plan, joins_of
from autoprefetch.plan.relations import Kind


def with_joins(queryset: marks.AnyQuerySet, plan: Plan) -> Any:
    """Return a copy of a queryset that makes the joins of a plan, and is not automatic itself."""
    plain = marks.unmarked(queryset)
    joins = plan.joins()
    return plain.select_related(*joins) if joins else plain


def joined(queryset: Any, branches: tuple[Branch, ...]) -> Any:
    """Return a queryset with the joins that branches ask for; itself when they ask for none."""
    joins = joins_of(branches)
    return queryset.select_related(*joins) if joins else queryset


def load_ahead(rows: list[Any], plan: Plan, using: str, most: int) -> int:
    """Prefetch what a plan does not join, for rows that are loaded.

    Django's own `prefetch_related_objects` does the work, after the caller's prefetches and apart from them, so that a
    lookup of the caller is never given twice.

    Args:
        rows: the rows of the root query.
        plan: what to load.
        using: the database alias of the root query.
        most: rows in one batch.

    Returns:
        how many queries it took.
    """
    branches = [branch for branch in plan.branches if _is_one_database(rows, branch)]
    if not rows or next(_lookups(branches, using), None) is None:
        return 0
    with QueryCount() as count:
        for start in range(0, len(rows), most):
            # Django adds a prefix to nested lookups in place, so each batch gets new ones.
            prefetch_related_objects(rows[start : start + most], *_lookups(branches, using))
    _restore(rows, branches)
    return count.queries


def _is_one_database(rows: list[Any], branch: Branch) -> bool:
    # Django's prefetch asks the router for the first instance only; lazy loads ask for each.
    if branch.method is not Method.PREFETCH or not forms.routers_choose():
        return True
    return len({router.db_for_read(branch.target, instance=row) for row in rows}) == 1


def _lookups(branches: Iterable[Branch], using: str, parent: str = "") -> Iterator[str | Prefetch[Any]]:
    """Yield lookups for `prefetch_related`, parents before children."""
    generic: dict[str, list[Branch]] = {}
    for branch in branches:
        lookup = parent + branch.relation.name
        if branch.relation.kind is Kind.GENERIC_FOREIGN_KEY:
            if branch.method is Method.PREFETCH:
                generic.setdefault(lookup, []).append(branch)
            continue
        if branch.method is Method.PREFETCH:
            joins = joins_of(branch.below)
            yield Prefetch(lookup, _base(branch).select_related(*joins)) if joins else lookup
        if branch.method is not Method.LAZY:
            yield from _lookups(branch.below, using, lookup + LOOKUP_SEP)
    for lookup, variants in generic.items():
        yield _generic(lookup, variants, using)


def _base(branch: Branch) -> QuerySet[Any]:
    return forms.prefetch_base(branch.relation, branch.target)


def _generic(lookup: str, variants: list[Branch], using: str) -> str | Prefetch[Any]:
    """Return the lookup of a generic foreign key, with a queryset for each model that has something below it."""
    querysets = []
    for branch in variants:
        joins, below = joins_of(branch.below), list(_lookups(branch.below, using))
        if joins or below:
            queryset = _base(branch).using(using)
            queryset = queryset.select_related(*joins) if joins else queryset
            querysets.append(queryset.prefetch_related(*below) if below else queryset)
    if not querysets:
        return lookup
    return forms.generic_prefetch(lookup, querysets)


def _restore(instances: list[Any], branches: Iterable[Branch]) -> None:
    """Take out of the caches what plain Django would not have there."""
    for branch in branches:
        if branch.method is Method.LAZY:
            continue
        if branch.method is Method.PREFETCH:
            loaded.forget_dangling(instances, branch.relation)
            if branch.relation.is_to_many and joins_of(branch.below):
                loaded.plain_again(instances, branch.relation, _base(branch).query.select_related)
        below = loaded.related(instances, branch.relation)
        if below:
            _restore(_of_model(below, branch.target), branch.below)


def _of_model(instances: list[Any], model: type[Model]) -> list[Any]:
    return [instance for instance in instances if type(instance) is model]
