"""Querysets of related managers: Django builds the one of the first parent, and it is repeated for the others.

`_apply_rel_filters` ends in a filter that is put off (`_deferred_filter`, models/query.py, Django 5.2 to 6.1). Run on a
query that nothing was added to yet, it gives the same joins and the same comparison for every parent, but for the value
compared with; resolving names and joins anew takes longer than all else that building a derived query takes. Behind a
foreign key to the primary key, the whole queryset is repeated.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.db.models import QuerySet
from django.db.models.expressions import Col
from django.db.models.lookups import Exact
from django.db.models.manager import BaseManager
from django.db.models.sql import Query
from django.db.models.sql.where import AND, WhereNode

# What the filter fills in a query, empty before it but for the last two: a cache, and what each filter leaves anew.
_FILLED = ("alias_map", "alias_refcount", "table_map", "used_aliases", "base_table", "_lookup_joins")
_EMPTY = (*_FILLED[:4], "annotations", "external_aliases", "extra", "_filtered_relations")
_MUTABLE = frozenset({*_FILLED, *_EMPTY})


@dataclass(frozen=True, slots=True)
class _Built:
    """What the filter of one manager class makes of a query.

    Attributes:
        lookup: the class of the comparison.
        lhs: what it compares.
        filled: the attributes of the query that it fills.
        whole: what to repeat the whole queryset by; None when only its filter is repeated.
    """

    lookup: type[Exact]
    lhs: Any
    filled: dict[str, Any]
    whole: _Whole | None


@dataclass(frozen=True, slots=True)
class _Whole:
    """The queryset of one manager class, but for its parent.

    Attributes:
        field: the foreign key.
        attname: the attribute of the parent that it refers to.
        made_by: the class of the queryset.
        state: the attributes of its query, but for the where tree.
    """

    field: Any
    attname: str
    made_by: type[QuerySet[Any]]
    state: dict[str, Any]


_built: dict[type, _Built | None] = {}


def run(manager: Any, queryset: Any) -> None:
    """Run the filter that a related manager has put off, as it was built for another parent if it was.

    What cannot be repeated stays put off, and Django runs it when it is needed.
    """
    put_off, query = queryset._deferred_filter, queryset._query
    if not put_off or not _is_untouched(query):
        return
    kind = type(manager)
    if kind not in _built:
        before = dict(query.__dict__)
        queryset.query  # noqa: B018  (runs it)
        _built[kind] = _repeatable(before, query, _whole(manager, queryset))
        return
    built, (negate, args, named) = _built[kind], put_off
    if built is None or negate or args or len(named) != 1:
        return
    (value,) = named.values()
    comparison = built.lookup(built.lhs, value)
    if comparison.rhs is None:
        return  # Django makes another comparison, or refuses
    query.where.children.append(comparison)
    state = query.__dict__
    for name, filled in built.filled.items():
        state[name] = _copied(filled)
    queryset._deferred_filter = None


def repeated(manager: Any) -> Any:
    """Return the queryset of a related manager, as it was built for another parent; None when Django has to build it.

    It is what `get_queryset` of a reverse foreign key returns (related_descriptors.py, Django 5.2 to 6.1), and has one
    comparison in its where tree.
    """
    built, instance = _built.get(type(manager)), manager.instance
    if built is None or built.whole is None or manager._db or manager._hints:
        return None
    values, whole = instance.__dict__, built.whole
    value = values.get(whole.attname)
    if value is None or value == "" or "_prefetched_objects_cache" in values:
        return None
    query: Any = Query.__new__(Query)
    state = query.__dict__
    state.update(whole.state)
    for name in _MUTABLE:
        if name in state:
            state[name] = _copied(state[name])
    query.where = WhereNode()
    query.where.children.append(built.lookup(built.lhs, instance))
    queryset: Any = whole.made_by(manager.model, query, hints={"instance": instance})
    queryset._known_related_objects = {whole.field: {value: instance}}
    if _HAS_FETCH_MODE:
        queryset._fetch_mode = instance._state.fetch_mode
    return queryset


def _whole(manager: Any, queryset: Any) -> _Whole | None:
    """Return what to repeat a queryset by, if it is all Django's own; its filter has just been run."""
    kind, made_by = type(manager), type(queryset)
    if not kind.__qualname__.startswith("create_reverse_many_to_one_manager") or manager._db or manager._hints:
        return None
    above = next(cls.__dict__["get_queryset"] for cls in kind.__mro__[1:] if "get_queryset" in cls.__dict__)
    is_djangos = above is BaseManager.get_queryset and all(
        getattr(made_by, name) is getattr(QuerySet, name) for name in ("__init__", "_clone", "_chain")
    )
    targets = manager.field.foreign_related_fields
    if not is_djangos or len(targets) != 1 or not targets[0].primary_key or not manager.field.many_to_one:
        return None
    state = {name: _copied(value) for name, value in queryset._query.__dict__.items() if name != "where"}
    return _Whole(manager.field, targets[0].attname, made_by, state)


_HAS_FETCH_MODE = hasattr(QuerySet, "fetch_mode")


def _is_untouched(query: Any) -> bool:
    where = query.where
    return (
        type(query) is Query
        and not where.children
        and where.connector == AND
        and not where.negated
        and not any(getattr(query, name) for name in _EMPTY)
    )


def _repeatable(before: dict[str, Any], query: Any, whole: _Whole | None) -> _Built | None:
    """Return what a filter has made of a query that was untouched; None when it cannot simply be repeated."""
    where, after = query.where, query.__dict__
    if len(where.children) != 1 or where.connector != AND or where.negated:
        return None
    node = where.children[0]
    if not isinstance(node, Exact) or not isinstance(node.lhs, Col):
        return None
    filled = {name: _copied(after[name]) for name in _FILLED if name in after}
    others = after.keys() - filled.keys()
    if any(after[name] is not before.get(name) for name in others) or any(
        after[name] for name in _EMPTY if name not in filled
    ):
        return None
    return _Built(type(node), node.lhs, filled, whole)


def _copied(filled: Any) -> Any:
    """Copy what a query changes in place."""
    if isinstance(filled, dict):
        return {key: value.copy() if isinstance(value, list) else value for key, value in filled.items()}
    return filled.copy() if isinstance(filled, (list, set)) else filled
