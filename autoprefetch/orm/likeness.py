"""Likeness: whether two queries compile to the same statement but for the parent's key, told without compiling them.

Compiling takes longer than all else that a derived query costs. What is compared here decides the SQL; where something
is compared that only compiling could tell apart, the answer is no.
"""

from __future__ import annotations

import datetime
import decimal
import uuid
from copy import copy
from typing import Any

from django.db.models.expressions import Col
from django.db.models.lookups import Lookup
from django.db.models.sql.where import WhereNode

from autoprefetch.orm import derivations, marks

# Caches and counters of `Query` (models/sql/query.py, Django 5.2 to 6.1), and what is compared on its own.
_LEFT_OUT = frozenset(
    {
        "_annotation_select_cache",
        "_extra_select_cache",
        "alias_refcount",
        "base_table",
        "used_aliases",
        "where",
        derivations.ATTRIBUTE,
        marks.ATTRIBUTE,
    }
)
_PLAIN = (
    bool, int, float, str, bytes, type(None), decimal.Decimal, uuid.UUID, datetime.date, datetime.datetime,
    datetime.time, datetime.timedelta,
)  # fmt: skip


def is_simple(query: Any) -> bool:
    """Tell whether a query is made of nothing but what `are_alike` compares exactly."""
    return (
        not query.annotations
        and not query.extra
        and query.group_by is None
        and not query.combined_queries
        and not query._filtered_relations
        and all(isinstance(part, str) for part in query.order_by)
        and all(isinstance(part, Col) for part in query.select)
        and _is_simple(query.where)
    )


def _is_simple(where: Any) -> bool:
    for child in where.children:
        if isinstance(child, WhereNode):
            if not _is_simple(child):
                return False
        elif not (isinstance(child, Lookup) and isinstance(child.lhs, Col) and _is_plain(child.rhs)):
            return False
    return True


def _is_plain(value: Any) -> bool:
    if type(value) in (list, tuple):
        return all(type(item) in _PLAIN for item in value)
    return type(value) in _PLAIN


def kept(query: Any, node: Any) -> tuple[Any, Any]:
    """Return a copy of a simple query to compare others with, and its comparison with the parent's key.

    A lookup remembers what it was constructed with (`deconstructible`), which may be the parent itself: the copy does
    not, so that it keeps no instance alive. It is not to be run.
    """
    copied = query.chain()
    copied.__dict__.pop(derivations.ATTRIBUTE, None)  # it has the lookup too
    lookups: dict[int, Any] = {}
    copied.where = _without_arguments(query.where, lookups)
    return copied, lookups[id(node)]


def _without_arguments(where: Any, lookups: dict[int, Any]) -> Any:
    new = where.copy()
    for at, child in enumerate(where.children):
        if isinstance(child, WhereNode):
            new.children[at] = _without_arguments(child, lookups)
        else:
            new.children[at] = lookups[id(child)] = copy(child)
            for name in ("_constructor_args", "identity"):
                new.children[at].__dict__.pop(name, None)
    return new


def are_alike(query: Any, node: Any, other: Any, other_node: Any) -> bool:
    """Compare two simple queries.

    Args:
        query: one query.
        node: its comparison with the parent's key.
        other: a query that is simple.
        other_node: that query's comparison with its parent's key.
    """
    # What a method has not touched yet is no attribute of the query but of its class, on either side.
    state, other_state = query.__dict__, other.__dict__
    for name, theirs in other_state.items():
        # Clones share what they have not changed, so that most are the same object.
        own = state.get(name, _LEFT_OUT)
        if own is not theirs and name not in _LEFT_OUT:
            if own is _LEFT_OUT:
                own = getattr(query, name, _LEFT_OUT)
            if own != theirs:
                return False
    for name in state.keys() - other_state.keys():
        if name not in _LEFT_OUT and state[name] != getattr(other, name, _LEFT_OUT):
            return False
    return _same_where(query.where, node, other.where, other_node)


def _same_where(where: Any, node: Any, other: Any, other_node: Any) -> bool:
    if (where.connector, where.negated, len(where.children)) != (other.connector, other.negated, len(other.children)):
        return False
    for child, theirs in zip(where.children, other.children, strict=True):
        if child is node or theirs is other_node:
            if child is not node or theirs is not other_node:
                return False
        elif isinstance(theirs, WhereNode):
            if not isinstance(child, WhereNode) or not _same_where(child, node, theirs, other_node):
                return False
        elif not _same_lookup(child, theirs):
            return False
    return True


def _same_lookup(lookup: Any, other: Any) -> bool:
    return (
        type(lookup) is type(other)
        and isinstance(lookup.lhs, Col)
        and lookup.lhs.alias == other.lhs.alias
        and lookup.lhs.target is other.lhs.target
        and _same_value(lookup.rhs, other.rhs)
    )


def _same_value(value: Any, other: Any) -> bool:
    # 1, 1.0 and True are equal for Python and not for a database.
    if type(value) is not type(other):
        return False
    if type(value) in (list, tuple):
        return len(value) == len(other) and all(map(_same_value, value, other))
    return type(value) in _PLAIN and bool(value == other)
