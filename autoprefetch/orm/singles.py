"""To-one relations of many instances at once, with the rows that Django's own prefetch gives."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Hashable, Iterable
from functools import cache
from operator import attrgetter
from typing import Any

from django.db.models import ForeignObject, Model
from django.db.models.fields.related_descriptors import (
    ForwardManyToOneDescriptor,
    ForwardOneToOneDescriptor,
    ReverseOneToOneDescriptor,
)

from autoprefetch.orm import sharing, states
from autoprefetch.plan.relations import Kind, Relation


@cache
def is_djangos(model: type[Model], name: str) -> bool:
    """Tell whether a to-one relation of a model is followed as Django itself follows one, by a single column."""
    descriptor = inspect.getattr_static(model, name, None)
    if type(descriptor) is ReverseOneToOneDescriptor:
        field: Any = descriptor.related.field
    elif type(descriptor) in (ForwardManyToOneDescriptor, ForwardOneToOneDescriptor):
        field = descriptor.field
    else:
        return type(descriptor).__module__.startswith("django.contrib.contenttypes.")
    # What a custom field adds to the filter of a lazy load is not in that of a prefetch.
    is_plain = type(field).get_extra_descriptor_filter is ForeignObject.get_extra_descriptor_filter
    return is_plain and len(field.foreign_related_fields) == 1


def is_ready(instance: Model, known: Relation) -> bool:
    """Tell whether an instance can be asked for a to-one relation without a query, and has not loaded it."""
    if known.cache in instance._state.fields_cache or instance._state.adding:
        return False
    values = instance.__dict__
    columns = known.columns or {instance._meta.pk.attname}
    return all(values.get(column) is not None for column in columns)


def model_behind(instance: Model, known: Relation) -> Any:
    """Return the key of the content type that a generic foreign key of an instance leads to; None for other relations.

    Each has a query of its own, and so a batch of its own: a program may be interested in one of them only.
    """
    if known.kind is not Kind.GENERIC_FOREIGN_KEY:
        return None
    options: Any = instance._meta
    return getattr(instance, options.get_field(options.get_field(known.name).ct_field).attname)


def leading_to(instances: list[Any], known: Relation, models: Iterable[type[Model]], using: str) -> list[Any]:
    """Return the instances whose generic foreign key leads to one of some models."""
    field: Any = instances[0]._meta.get_field(known.name)
    keys = {field.get_content_type(model=model, using=using).pk for model in models}
    return [instance for instance in instances if model_behind(instance, known) in keys]


def load(
    instances: list[Any], known: Relation, joins: tuple[str, ...] = ()
) -> tuple[dict[Hashable, Any], Callable[[Any], Hashable]]:
    """Load a to-one relation of instances in one query (for a generic foreign key: one for each model).

    Args:
        instances: at least one; all are ready.
        known: the relation.
        joins: what is to be joined to the related rows; not for a generic foreign key.

    Returns:
        the related instances by key, and what gives the key of an instance. The caches of the instances stay as they
        are.
    """
    descriptor = getattr(type(instances[0]), known.name)
    if known.kind in (Kind.FOREIGN_KEY, Kind.ONE_TO_ONE):
        rows, key_of_row, key_of_instance = _forward(descriptor, instances, joins)
    else:
        rows, key_of_row, key_of_instance, *_ = descriptor.get_prefetch_querysets(instances)
        rows = sharing.joined(rows, joins)
    found = {key_of_row(row): row for row in rows}
    if known.kind in (Kind.ONE_TO_ONE, Kind.REVERSE_ONE_TO_ONE):
        # Django lets each row know its instance here already, which would keep the instances alive.
        back = _back(descriptor, known)
        for row in found.values():
            row._state.fields_cache.pop(back, None)
    return found, key_of_instance


def load_ahead(instances: list[Any], known: Relation, joins: tuple[str, ...], most: int) -> None:
    """Load a to-one relation of instances into their caches; a key without a row stays to be loaded lazily.

    Django's prefetch would cache None for it, and then answer None or raise `RelatedObjectDoesNotExist`, where a lazy
    load raises the target's `DoesNotExist`. It is one query for each `most` keys, however many instances have them.
    """
    ready = [instance for instance in instances if is_ready(instance, known)]
    model: type[Model] | None = type(ready[0]) if ready else None
    if model is None or not is_djangos(model, known.name):
        return
    key = attrgetter(next(iter(known.columns)) if len(known.columns) == 1 else model._meta.pk.attname)
    by_key: dict[Any, list[Any]] = {}
    for instance in ready:
        by_key.setdefault(key(instance), []).append(instance)
    firsts = [same[0] for same in by_key.values()]
    for start in range(0, len(firsts), most):
        found, key_of = load(firsts[start : start + most], known, joins)
        for first in firsts[start : start + most]:
            _give_all(by_key[key(first)], known, found.get(key_of(first)))


def _give_all(instances: list[Any], known: Relation, row: Model | None) -> None:
    for instance in instances:
        if row is not None or known.kind is Kind.REVERSE_ONE_TO_ONE:
            give(instance, known, row)
        else:
            states.dangles(instance, known.name)


def _forward(
    descriptor: Any, instances: list[Any], joins: tuple[str, ...]
) -> tuple[Any, Callable[[Any], Hashable], Callable[[Any], Hashable]]:
    """Return what a foreign key's own prefetch returns, by a plain IN.

    Django's compares tuples (`ForwardManyToOneDescriptor.get_prefetch_querysets`, 5.2 to 6.1), which SQLite gets as one
    OR for each key on 5.2: beyond 1,000 keys it refuses them.
    """
    source, target = descriptor.field.related_fields[0]
    key_of_row, key_of_instance = attrgetter(target.attname), attrgetter(source.attname)
    rows = descriptor.get_queryset(instance=instances[0])
    rows = rows.filter(**{f"{target.attname}__in": {key_of_instance(instance) for instance in instances}})
    rows.query.clear_ordering()
    return sharing.joined(rows, joins), key_of_row, key_of_instance


def _back(descriptor: Any, known: Relation) -> str:
    if known.kind is Kind.ONE_TO_ONE:
        return str(descriptor.field.remote_field.cache_name)
    return str(descriptor.related.field.cache_name)


def give(instance: Model, known: Relation, found: Model | None) -> None:
    """Put what was found where Django puts it after a lazy load."""
    instance._state.fields_cache[known.cache] = found
    if found is not None and known.kind in (Kind.ONE_TO_ONE, Kind.REVERSE_ONE_TO_ONE):
        found._state.fields_cache[_back(getattr(type(instance), known.name), known)] = instance


def may_load_columns(instance: Model) -> bool:
    """Tell whether deferred columns of a model are loaded by Django's own `refresh_from_db`."""
    return type(instance).refresh_from_db is Model.refresh_from_db


def lacks_column(instance: Model, attname: str) -> bool:
    """Tell whether a column of an instance is deferred."""
    return attname not in instance.__dict__ and instance.__dict__.get(instance._meta.pk.attname) is not None


def load_column(instances: list[Any], attname: str) -> dict[Any, Any]:
    """Load one column of instances in one query, by primary key, through instances as `refresh_from_db` does."""
    first = instances[0]
    rows = type(first)._base_manager.db_manager(first._state.db, hints={"instance": first})
    found = rows.filter(pk__in=[instance.pk for instance in instances]).only(attname)
    return {row.pk: getattr(row, attname) for row in found}
