"""Filters of related managers: Django builds the one of the first parent, and it is repeated for the others.

`_apply_rel_filters` ends in a filter that is put off (`_deferred_filter`, models/query.py, Django 5.2 to 6.1). Run on a
query that nothing was added to yet, it gives the same joins and the same comparison for every parent, but for the value
compared with; resolving names and joins anew takes longer than all else that building a derived query takes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.db.models.expressions import Col
from django.db.models.lookups import Exact
from django.db.models.sql import Query
from django.db.models.sql.where import AND

# What the filter fills in a query, empty before it but for the last two: a cache, and what each filter leaves anew.
_FILLED = ("alias_map", "alias_refcount", "table_map", "used_aliases", "base_table", "_lookup_joins")
_EMPTY = (*_FILLED[:4], "annotations", "external_aliases", "extra", "_filtered_relations")


@dataclass(frozen=True, slots=True)
class _Built:
    """What the filter of one manager class makes of a query.

    Attributes:
        lookup: the class of the comparison.
        lhs: what it compares.
        filled: the attributes of the query that it fills.
    """

    lookup: type[Exact]
    lhs: Any
    filled: dict[str, Any]


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
        _built[kind] = _repeatable(before, query)
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


def _is_untouched(query: Any) -> bool:
    where = query.where
    return (
        type(query) is Query
        and not where.children
        and where.connector == AND
        and not where.negated
        and not any(getattr(query, name) for name in _EMPTY)
    )


def _repeatable(before: dict[str, Any], query: Any) -> _Built | None:
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
    return _Built(type(node), node.lhs, filled)


def _copied(filled: Any) -> Any:
    """Copy what a query changes in place."""
    if isinstance(filled, dict):
        return {key: value.copy() if isinstance(value, list) else value for key, value in filled.items()}
    return filled.copy() if isinstance(filled, (list, set)) else filled
