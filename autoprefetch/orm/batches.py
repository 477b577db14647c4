"""Batches: one statement that gives every peer the raw rows that its own statement would give it.

A peer's own statement is compiled as Django compiles it, and only its execution is answered from the batch, so whatever
consumes the rows hydrates them itself. Two statements have the same shape when their SQL and parameters are equal but
for the parent's key. The key's place is marked by a lookup of our own while it is compiled, never found by its value:
values collide. Joist batches by shape in this way.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.db import connections
from django.db.models.expressions import RawSQL
from django.db.models.functions import Random
from django.db.models.sql.constants import MULTI, SINGLE
from django.db.models.sql.where import AND, ExtraWhere

from autoprefetch.orm import derivations
from autoprefetch.orm.aggregates import UNKNOWN, without_rows
from autoprefetch.orm.arms import KEY, Correlated, Keyed, KeyParameter, chunks, lateral, shortened, union
from autoprefetch.orm.effects import nameable
from autoprefetch.orm.forms import expressions_of, is_totally_ordered
from autoprefetch.orm.parameters import exactly
from autoprefetch.orm.statements import reading

_ARMS = 500  # SQLite's limit on the terms of a compound SELECT
_PARAMETERS = 30_000  # SQLite's limit on the parameters of a statement is 32,766, PostgreSQL's 65,535

Rows = list[tuple[Any, ...]]


@dataclass(frozen=True, slots=True)
class Shape:
    """What makes the statements of two peers the same but for the parent's key.

    Attributes:
        sql: the statement.
        params: its parameters but for the key, each with its type.
        result_type: MULTI or SINGLE, as in `SQLCompiler.execute_sql`.
        using: the database alias.
        given: the parameters as the database gets them, the key's marked.
    """

    sql: str
    params: tuple[Hashable, ...]
    result_type: str
    using: str
    given: tuple[Any, ...] = field(compare=False)


def shape_of(compiler: Any, derivation: Any, result_type: str) -> Shape | None:
    """Compile a peer's own statement and return its shape.

    The compiler is left as `execute_sql` would leave it, ready to hydrate rows. None means that the statement cannot be
    batched; `EmptyResultSet` passes to the caller.
    """
    query = compiler.query
    at = _place(query, derivation.node)
    if at is None or not _may_be_batched(query, result_type):
        return None
    query.where.children[at] = Keyed(derivation.node)
    try:
        sql, params = compiler.as_sql()
    finally:
        query.where.children[at] = derivation.node
    if sum(type(param) is KeyParameter for param in params) != 1:
        return None
    rest = tuple(KEY if type(param) is KeyParameter else exactly(param) for param in params)
    return Shape(sql, rest, result_type, compiler.using, tuple(params))


def _place(query: Any, node: Any) -> int | None:
    where = query.where
    if node is None or where.connector != AND or where.negated:
        return None
    return next((at for at, child in enumerate(where.children) if child is node), None)


def _may_be_batched(query: Any, result_type: str) -> bool:
    if query.combinator or query.select_for_update or query.distinct_fields or query.explain_info:
        return False
    if query.extra or query.extra_tables or query.extra_order_by or "?" in query.order_by:
        return False
    if result_type == SINGLE:
        return _is_exists(query) or _is_aggregate(query)
    return result_type == MULTI


def is_repeatable(query: Any) -> bool:
    """Tell whether no expression of a query gives another value where it stands in a statement for many parents.

    It walks all expressions, so it is asked once for each shape.
    """
    return not any(
        isinstance(found, (ExtraWhere, RawSQL, Random)) or getattr(found, "contains_over_clause", False)
        for found in expressions_of(query)
    )


def _is_exists(query: Any) -> bool:
    # `Query.exists()`: the annotation `a`, at most one row (models/sql/query.py, Django 5.2 to 6.1).
    return (
        (query.low_mark, query.high_mark) == (0, 1)
        and query.group_by is None
        and tuple(query.annotation_select) == ("a",)
    )


def _is_aggregate(query: Any) -> bool:
    # `Query.get_aggregation()` where it needs no subquery: nothing is selected but aggregates.
    return (
        not query.is_sliced
        and not query.distinct
        and query.group_by is None
        and not query.select
        and not query.default_cols
        and bool(query.annotation_select)
        and all(getattr(a, "contains_aggregate", False) for a in query.annotation_select.values())
    )


def rows_by_key(compiler: Any, derivation: Any, shape: Shape, keys: Sequence[Any]) -> dict[Any, Rows] | None:
    """Run the batch of a shape.

    Args:
        compiler: that of one peer's own statement, compiled.
        derivation: that of the same peer.
        shape: the shape of the statement.
        keys: the keys of the peers, prepared for the column that they are compared with.

    Returns:
        for each key its raw rows, as many and in the form that its own statement gives; None when the rows cannot be
        told apart with certainty.
    """
    batch = _Batch(compiler, derivation.node)
    if shape.result_type == SINGLE:
        return batch.single(keys)
    return batch.sliced(keys, shape) if compiler.query.is_sliced else batch.unsliced(keys)


class _Batch:
    """The statements for the peers of one statement."""

    def __init__(self, compiler: Any, node: Any) -> None:
        self.compiler = compiler
        self.plain = compiler.query
        self.node = node
        self.using = compiler.using
        self.connection = connections[self.using]
        self.column = node.lhs.target.get_col(node.lhs.alias)

    def place_of_key(self) -> int | None:
        """Return which column of the peer's own rows is the key; None where it is not among them."""
        if self.plain.group_by is not None:
            return None
        return next((at for at, (column, *_) in enumerate(self.compiler.select) if column == self.column), None)

    def copy(self) -> tuple[Any, int]:
        """Return a copy of the peer's query that selects the key as well, and where the key is compared."""
        query = self.plain.chain()
        query.__dict__[derivations.ATTRIBUTE] = None  # it is nobody's derived query, and is not to be recognised as one
        at = _place(query, self.node)
        assert at is not None
        return query, at

    def for_all(self, keys: Sequence[Any]) -> Any:
        query, at = self.copy()
        query.where.children[at] = self.node.lhs.output_field.get_lookup("in")(self.node.lhs, list(keys))
        return query

    def unsliced(self, keys: Sequence[Any]) -> dict[Any, Rows] | None:
        query, at = self.for_all(keys), self.place_of_key()
        if at is None:
            query.add_annotation(self.column, KEY)
        compiler = query.get_compiler(self.using)
        rows = (row for chunk in compiler.execute_sql(MULTI) for row in chunk)
        return self.grouped(rows, compiler, keys, at)

    def single(self, keys: Sequence[Any]) -> dict[Any, Rows] | None:
        query = self.for_all(keys)
        exists = _is_exists(query)
        aggregates = list(query.annotation_select.values())
        query.clear_limits()
        query.clear_ordering(force=True)
        query.group_by = None if exists else (self.column,)
        query.distinct = exists
        query.add_annotation(self.column, KEY)
        compiler = query.get_compiler(self.using)
        rows = (row for chunk in compiler.execute_sql(MULTI) for row in chunk)
        found = self.grouped(rows, compiler, keys)
        missing = [key for key in keys if found is not None and key not in found]
        if found is not None and missing and not exists:
            # A parent without rows has no group; what its own statement gives is the same for all of them.
            values = [without_rows(aggregate) for aggregate in aggregates]
            row = self.alone(missing[0]) if UNKNOWN in values else tuple(values)
            found |= {key: [row] for key in missing}
        return found

    def alone(self, key: Any) -> tuple[Any, ...]:
        """Run the statement of one peer."""
        query, at = self.copy()
        query.where.children[at] = type(self.node)(self.node.lhs, key)
        return tuple(query.get_compiler(self.using).execute_sql(SINGLE))

    def sliced(self, keys: Sequence[Any], shape: Shape) -> dict[Any, Rows] | None:
        """Run the peer's own statement once for each key: each arm ends where its own LIMIT ends.

        `CROSS JOIN LATERAL` where PostgreSQL may choose the plan, because the ordering leaves it no choice of rows;
        else the statement as it is, arm by arm.
        """
        is_lateral = self.connection.vendor == "postgresql" and is_totally_ordered(self.plain)
        at = None if self.connection.vendor == "mysql" else self.place_of_key()
        if at is not None and not is_lateral:
            compiler, arm, params = self.compiler, shape.sql, shape.given
            if tables_of(self.plain) is not None:
                arm = shortened(arm, params, compiler, self.node)
        else:
            query = self.compared_by(Correlated if is_lateral else Keyed)
            if at is None:
                query.add_annotation(self.column, KEY)
            compiler = query.get_compiler(self.using)
            arm, params = compiler.as_sql(with_col_aliases=True)  # MariaDB wants each column to have a name of its own
        rows: Rows = []
        most = min(_ARMS, max(_PARAMETERS // max(len(params), 1), 1))
        for some in chunks(keys, len(keys) if is_lateral else most):
            with self.connection.cursor() as cursor, reading(self.connection):
                prepared = self.prepared(some)
                kind = self.column.output_field.rel_db_type(self.connection) if is_lateral else ""
                vendor = self.connection.vendor
                run = lateral(arm, params, prepared, kind) if kind else union(arm, params, prepared, vendor)
                cursor.execute(*run)
                rows += cursor.fetchall()
        width = compiler.col_count
        return self.grouped((row[:width] for row in rows), compiler, keys, at)

    def compared_by(self, comparison: type[Keyed]) -> Any:
        """Return the peer's query as it compares the key in another way."""
        query, at = self.copy()
        query.where.children[at] = comparison(self.node)
        return query

    def prepared(self, keys: Sequence[Any]) -> list[Any]:
        compared = self.node.lhs.output_field
        return [compared.get_db_prep_value(key, self.connection, prepared=True) for key in keys]

    def grouped(
        self, rows: Iterator[Any], compiler: Any, keys: Sequence[Any], at: int | None = None
    ) -> dict[Any, Rows] | None:
        """Group rows by the key; where it was added to them, take it out of each."""
        is_added = at is None
        at = compiler.annotation_col_map[KEY] if at is None else at
        converters = compiler.get_converters([self.column]).get(0)
        asked = set(keys)
        found: dict[Any, Rows] = {}
        for row in rows:
            key = row[at]
            for convert in converters[0] if converters else ():
                key = convert(key, self.column, self.connection)
            if key not in asked:  # equal for the database (collation, padding) and not for us
                return None
            found.setdefault(key, []).append((*row[:at], *row[at + 1 :]) if is_added else row)
        return found


def prepared_key(derivation: Any, value: Any) -> Any:
    """Return a parent's key as the database column compares it."""
    return derivation.node.lhs.output_field.get_prep_value(value)


def tables_of(query: Any) -> frozenset[str] | None:
    """Return the tables that a query reads, or None when they cannot all be named (subqueries)."""
    tables = {join.table_name for join in query.alias_map.values()}
    if any(getattr(found, "subquery", False) or hasattr(found, "query") for found in expressions_of(query)):
        return None
    return nameable(frozenset(tables))
