"""Read from a queryset what matters for planning."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from functools import cache
from typing import Any, cast

from django.db import connections, router
from django.db.models import F, Model, OrderBy, Prefetch, QuerySet
from django.db.models.constants import LOOKUP_SEP
from django.db.models.expressions import Col, RawSQL
from django.db.models.fields.reverse_related import ForeignObjectRel
from django.db.models.lookups import Exact
from django.db.models.query import MAX_GET_RESULTS, ModelIterable, RawQuerySet
from django.db.models.sql.where import AND, ExtraWhere

from autoprefetch.learn.profiles import Path
from autoprefetch.orm.marks import AnyQuerySet
from autoprefetch.plan.forms import Form, unique_keys
from autoprefetch.plan.relations import Relation, relations

_GET = QuerySet.get.__code__
_NOTHING: frozenset[Any] = frozenset()
_FRAMES_TO_GET = 10  # from here up through the hook, `_fetch_all` and `__len__` to `get`, with room to spare


def loads_instances(queryset: AnyQuerySet) -> bool:
    """Tell whether a queryset gives model instances, not `values()` or the like."""
    return isinstance(queryset, RawQuerySet) or issubclass(queryset._iterable_class, ModelIterable)


def loads_related(queryset: AnyQuerySet) -> bool:
    """Tell whether a queryset loads related instances along with its own, by the caller's choice."""
    is_raw = isinstance(queryset, RawQuerySet)
    return bool(queryset._prefetch_related_lookups) or (not is_raw and bool(queryset.query.select_related))


def routers_choose() -> bool:
    """Tell whether the project has database routers of its own."""
    return bool(router.routers)


def read_from(instance: Model, target: type[Model] | None) -> tuple[str | None, str | None]:
    """Return where an instance is from, and where the project's routers have it read what it refers to."""
    chosen = router.db_for_read(target, instance=instance) if target is not None and router.routers else None
    return instance._state.db, chosen


def form_of(queryset: Any, targets: frozenset[type[Model]] = frozenset()) -> Form:
    """Describe how a queryset is written.

    Args:
        queryset: it is not evaluated and not changed.
        targets: the models that might be joined; those that the routers read elsewhere are named in the form.
    """
    prefetched = frozenset(_prefetched(queryset)) if queryset._prefetch_related_lookups else _NOTHING
    if isinstance(queryset, RawQuerySet):
        raw, gives = "it is a raw query", frozenset(_given_to(queryset))
        model = cast("type[Model]", queryset.model)
        return Form(model, no_joins=raw, no_annotations=raw, prefetched=prefetched, gives=gives)
    query, model = queryset.query, queryset.model
    names, is_defer = query.deferred_loading
    nested = bool(names) and any(LOOKUP_SEP in name for name in names)
    fixed = frozenset(_fixed(query))
    is_single = any(key <= fixed for key in unique_keys(model)) or _is_asked_by_get(query)
    return Form(
        model=model,
        no_joins=_no_joins(queryset, nested),
        no_prefetches="combined queries take no prefetch" if query.combinator else "",
        no_annotations=_no_annotations(query),
        ordering=tuple(_ordering(query)),
        is_ordered_by_model=_is_ordered_by_model(query),
        fixed=fixed,
        is_single=is_single,
        is_sliced=query.is_sliced and not is_single,
        joined=frozenset(_joined(model, query.select_related)) if query.select_related else _NOTHING,
        prefetched=prefetched,
        is_partial=nested,
        names_columns=bool(names) and not is_defer,
        deferred=_deferred(model, frozenset(names), is_defer) if names else _NOTHING,
        elsewhere=frozenset(t._meta.label for t in targets if router.db_for_read(t) != queryset.db),
        gives=frozenset(_given_to(queryset)) if query.annotations or queryset._prefetch_related_lookups else _NOTHING,
    )


def _given_to(queryset: Any) -> Iterator[str]:
    """Yield the attributes that the caller has a queryset give its rows."""
    if not isinstance(queryset, RawQuerySet):
        yield from queryset.query.annotations
    for lookup in queryset._prefetch_related_lookups:
        if isinstance(lookup, Prefetch) and lookup.to_attr:
            yield str(lookup.to_attr)


def _no_joins(queryset: QuerySet[Any], nested: bool) -> str:
    query = queryset.query
    if query.combinator:
        return "combined queries take no join"
    if query.select_for_update:
        return "select_for_update() locks what is joined"
    if query.distinct:
        return "distinct() would compare the joined columns"
    if query.group_by is not None:
        return "an aggregation would group by the joined columns"
    if query.extra or query.extra_tables or has_raw(query):
        return "extra() may name columns that a join makes ambiguous"
    return _no_joins_by_columns(queryset, nested)


def _no_joins_by_columns(queryset: QuerySet[Any], nested: bool) -> str:
    if nested:
        return "only() or defer() reaches into a relation"
    if queryset.query.select_related is True:
        return "select_related() without names chooses by itself"
    if not connections[queryset.db].features.supports_foreign_keys:
        return "the database has no foreign keys"
    return ""


def _no_annotations(query: Any) -> str:
    """Say why nothing may be counted for each row within the query itself."""
    if query.combinator:
        return "combined queries take no annotation"
    if query.select_for_update:
        return "select_for_update() locks no rows that are grouped"
    if query.distinct:
        return "distinct() would compare the annotation"
    if query.group_by is not None:
        return "the query aggregates what is joined to it, and would what is joined for the annotation"
    if any(_is_to_many(join) for join in query.alias_map.values()):
        return "the query joins a to-many relation, whose rows the annotation would be counted by"
    if query.extra or query.extra_tables or has_raw(query):
        return "extra() may name columns that a join makes ambiguous"
    is_sliced = query.is_sliced and _is_ordered_by_model(query)
    return "a slice cannot be ordered any more, and a count loses the ordering of the model" if is_sliced else ""


def _is_to_many(join: Any) -> bool:
    field = getattr(join, "join_field", None)
    return isinstance(field, ForeignObjectRel) and not field.one_to_one


def has_raw(query: Any) -> bool:
    """Tell whether SQL that the caller wrote is in a query."""
    return any(isinstance(found, (ExtraWhere, RawSQL)) for found in expressions_of(query))


def expressions_of(query: Any) -> list[Any]:
    """Return every expression in the filters, annotations and ordering of a query."""
    found = [*query.where.children, *query.annotations.values(), *query.order_by]
    for expression in found:  # which grows while it is gone through
        if type(expression) is str:
            continue
        if children := getattr(expression, "children", None):
            found += children
        elif hasattr(expression, "get_source_expressions"):
            found += expression.get_source_expressions()
    return found


def is_totally_ordered(query: Any) -> bool:
    """Tell whether no two rows of a query compare equal in its ordering."""
    form = Form(query.model, ordering=tuple(_ordering(query)), fixed=frozenset(_fixed(query)))
    return form.is_totally_ordered()


def _ordering(query: Any) -> Iterator[str]:
    options: Any = query.model._meta
    if query.extra_order_by:
        return
    ordering = query.order_by or (options.ordering if query.default_ordering else ())
    for part in ordering or ():
        expression = part.expression if isinstance(part, OrderBy) else part
        name: Any = getattr(expression, "name", None) if isinstance(expression, F) else expression
        if not isinstance(name, str) or name.lstrip("-+") in query.annotations:
            continue
        name = name.lstrip("-+")
        if name == "pk" or name in _columns(query.model):
            yield name


def _is_ordered_by_model(query: Any) -> bool:
    return (
        query.default_ordering and not query.order_by and not query.extra_order_by and bool(query.get_meta().ordering)
    )


@cache
def _columns(model: type[Model]) -> frozenset[str]:
    """Return what names a column of a model in an ordering, other than "pk" and the names of relations."""
    fields = model._meta.concrete_fields
    return frozenset([field.attname for field in fields] + [field.name for field in fields if not field.is_relation])


def _fixed(query: Any) -> Iterator[str]:
    """Yield the columns of the model's own table that a filter compares with one value."""
    if query.where.connector != AND or query.where.negated:
        return
    table = query.get_initial_alias() if query.alias_map else None
    for child in query.where.children:
        is_own = isinstance(child, Exact) and isinstance(child.lhs, Col) and child.lhs.alias == table
        if is_own and not hasattr(child.rhs, "resolve_expression"):
            yield child.lhs.target.attname


def _is_asked_by_get(query: Any) -> bool:
    # `get()` takes away the ordering, reads at most MAX_GET_RESULTS rows and raises when there is more than one
    # (models/query.py): so a join cannot change which row it returns.
    if query.low_mark != 0 or query.high_mark != MAX_GET_RESULTS or query.order_by or query.default_ordering:
        return False
    frame = sys._getframe(1)
    for _ in range(_FRAMES_TO_GET):
        if frame.f_code is _GET:
            return True
        if frame.f_back is None:
            return False
        frame = frame.f_back
    return False


def _joined(model: type[Model], select_related: object, parent: Path = ()) -> Iterator[Path]:
    if not isinstance(select_related, dict):
        return
    by_query_name = {known.query_name: known for known in relations(model).values() if not known.is_to_many}
    for query_name, nested in select_related.items():
        known = by_query_name.get(query_name)
        if known is not None and known.target is not None:
            yield (*parent, known.name)
            yield from _joined(known.target, nested, (*parent, known.name))


def _prefetched(queryset: Any) -> Iterator[Path]:
    for lookup in queryset._prefetch_related_lookups:
        if isinstance(lookup, Prefetch) and lookup.to_attr:
            continue
        steps = (lookup.prefetch_through if isinstance(lookup, Prefetch) else lookup).split(LOOKUP_SEP)
        yield from (tuple(steps[:size]) for size in range(1, len(steps) + 1))


def _deferred(model: type[Model], names: frozenset[str], is_defer: bool) -> frozenset[str]:
    columns = {name: field.attname for field in model._meta.concrete_fields for name in (field.name, field.attname)}
    named = frozenset(columns[name] for name in names if name in columns)
    if is_defer or not names:
        return named
    return frozenset(columns.values()) - named


def prefetch_base(known: Relation, target: type[Model]) -> QuerySet[Any]:
    """Return the queryset that Django itself starts from when it loads a relation.

    To-many relations start from the default manager, to-one relations from the base manager (related_descriptors.py).
    """
    manager = target._default_manager if known.is_to_many else target._base_manager
    return manager.all()


def generic_prefetch(lookup: str, querysets: list[QuerySet[Any]]) -> Prefetch[Any]:
    """Return the lookup of a generic foreign key with a queryset for some of the models that it leads to."""
    from django.contrib.contenttypes.prefetch import GenericPrefetch  # noqa: PLC0415  (needs the app to be installed)

    return GenericPrefetch(lookup, querysets)
