"""To-one relations of many instances at once, with the query that Django's own prefetch makes."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from copy import copy
from typing import Any

from django.db.models import Model

from autoprefetch.plan.relations import Kind, Relation


def is_ready(instance: Model, known: Relation) -> bool:
    """Tell whether an instance can be asked for a to-one relation without a query, and has not loaded it."""
    if known.cache in instance._state.fields_cache or instance._state.adding:
        return False
    values = instance.__dict__
    columns = known.columns or {instance._meta.pk.attname}
    return all(values.get(column) is not None for column in columns)


def load(instances: list[Any], known: Relation) -> tuple[dict[Hashable, Any], Callable[[Any], Hashable]]:
    """Load a to-one relation of instances in one query (for a generic foreign key: one for each model).

    Returns:
        the related instances by key, and what gives the key of an instance. The caches of the instances stay as they
        are.
    """
    descriptor = getattr(type(instances[0]), known.name)
    rows, key_of_row, key_of_instance, *_ = descriptor.get_prefetch_querysets(instances)
    found = {key_of_row(row): row for row in rows}
    if known.kind in (Kind.ONE_TO_ONE, Kind.REVERSE_ONE_TO_ONE):
        # Django lets each row know its instance here already, which would keep the instances alive.
        back = _back(descriptor, known)
        for row in found.values():
            row._state.fields_cache.pop(back, None)
    return found, key_of_instance


def renewed(instance: Any) -> Any:
    """Return a copy of an instance as it was loaded, with nothing cached on it."""
    fresh = copy(instance)
    fresh._state.fields_cache = {}
    fresh.__dict__.pop("_prefetched_objects_cache", None)
    return fresh


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
    """Tell whether deferred columns of a model may be loaded past its `refresh_from_db`."""
    return type(instance).refresh_from_db is Model.refresh_from_db


def lacks_column(instance: Model, attname: str) -> bool:
    """Tell whether a column of an instance is deferred."""
    return attname not in instance.__dict__ and instance.__dict__.get(instance._meta.pk.attname) is not None


def load_column(instances: list[Any], attname: str) -> dict[Any, Any]:
    """Load one column of instances in one query, by primary key."""
    first = instances[0]
    rows = type(first)._base_manager.db_manager(first._state.db, hints={"instance": first})
    return dict(rows.filter(pk__in=[instance.pk for instance in instances]).values_list("pk", attname))
