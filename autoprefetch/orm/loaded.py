"""What lies in the caches of instances: related rows that a join or a prefetch has put there."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.db.models import Model

from autoprefetch.orm import sharing
from autoprefetch.orm.caches import AHEAD, HANDED_OUT, Ahead, peek, prefetched
from autoprefetch.plan.relations import Relation


def related(instances: Iterable[Model], known: Relation) -> list[Any]:
    """Return the related instances that are loaded already, in the order of their parents.

    Args:
        instances: the parents.
        known: the relation to look at; nothing is loaded for it.
    """
    if known.is_to_many:
        sets = (prefetched(instance, known) for instance in instances)
        return [row for rows in sets if rows is not None for row in rows._result_cache or ()]
    return [row for instance in instances if (row := peek(instance, known.cache)) is not None]


def leading_to(model: type[Model], instances: Iterable[Model], known: Relation) -> list[Model]:
    """Return the instances whose to-one relation has led to a row of a model."""
    return [instance for instance in instances if type(peek(instance, known.cache)) is model]


def plain_again(instances: Iterable[Model], known: Relation, select_related: Any) -> None:
    """Take the joins of a plan off the cached sets of a to-many prefetch.

    Querysets that the caller derives from such a set are then those of plain Django: an `only()` that excludes a joined
    column, for example, would otherwise raise `FieldError`.
    """
    for instance in instances:
        rows = prefetched(instance, known)
        if rows is not None:
            rows._query.select_related = select_related
            rows._query.__dict__.pop(sharing.ATTRIBUTE, None)


def keep_noting(parents: Iterable[Model], known: Relation, noted: Ahead) -> bool:
    """Have it noted when the rows are read of to-many sets that the caller prefetches; False where that cannot be."""
    sets = [prefetched(parent, known) for parent in parents]
    if any(rows is None or rows.__dict__.keys() & {AHEAD, HANDED_OUT} for rows in sets):
        return False
    for rows in sets:
        rows.__dict__[HANDED_OUT] = noted
    return True
