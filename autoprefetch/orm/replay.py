"""The hook on the compiler: a peer's own statement is answered with raw rows instead of being run.

`SQLCompiler.execute_sql` is what every way of consuming a queryset ends in (models/sql/compiler.py, Django 5.2 to 6.1),
so one hook serves iteration, `count()`, `exists()`, `aggregate()`, `values()` and all the others.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.db.models.sql import Query
from django.db.models.sql.compiler import SQLCompiler
from django.db.models.sql.constants import MULTI, SINGLE

from autoprefetch.orm import derivations, marks
from autoprefetch.orm.engine import Engine

_FEED = "autoprefetch_feed"


def install(engine: Engine) -> None:
    """Wrap the execution of SELECT statements."""
    plain = SQLCompiler.execute_sql

    @wraps(plain)
    def execute_sql(self: Any, result_type: Any = MULTI, *args: Any, **kwargs: Any) -> Any:
        state = self.query.__dict__
        if _FEED in state:
            self.setup_query()
            self.has_extra_select = False
            return [state[_FEED]]
        derivation = state.get(derivations.ATTRIBUTE)
        # An UPDATE or DELETE that was made from the queryset carries its derivation along.
        if derivation is not None and type(self.query) is Query and derivation.is_live():
            rows = engine.replay(self, derivation, result_type)
            if rows is not None:
                return (rows[0] if rows else None) if result_type == SINGLE else [rows]
        return plain(self, result_type, *args, **kwargs)

    SQLCompiler.execute_sql = execute_sql  # type: ignore[method-assign]


def hydrate(queryset: Any, rows: list[Any]) -> list[Any]:
    """Make the instances that a queryset makes of raw rows, with what it prefetches; no query runs for the rows."""
    copy = queryset._chain()
    copy._known_related_objects = {}
    state = marks.query_state(copy)
    state.pop(derivations.ATTRIBUTE, None)
    state[_FEED] = rows
    copy._fetch_all()
    return marks.rows_of(copy)


def fill(queryset: Any, rows: list[Any]) -> None:
    """Fill the result cache of a peer's own queryset with instances, which learn to know their parent."""
    for field, parents in queryset._known_related_objects.items():
        for parent in parents.values():
            for row in rows:
                if not field.is_cached(row):
                    field.set_cached_value(row, parent)
    queryset._result_cache = rows
    queryset._prefetch_done = True


def same_rows(queryset: Any, other: Any) -> bool:
    """Tell whether two querysets make the same of the rows of one statement: class, database, prefetches."""
    lookups = queryset._prefetch_related_lookups
    return (
        queryset._iterable_class is other._iterable_class
        and queryset.__class__ is other.__class__
        and queryset._db == other._db
        and len(lookups) == len(other._prefetch_related_lookups)
        and all(isinstance(a, str) and a == b for a, b in zip(lookups, other._prefetch_related_lookups, strict=True))
    )


def without_derivation(queryset: Any, fetch_all: Callable[[Any], None]) -> None:
    """Fill the result cache of a queryset by its own query."""
    state = marks.query_state(queryset)
    derivation = state.pop(derivations.ATTRIBUTE)
    try:
        fetch_all(queryset)
    finally:
        state[derivations.ATTRIBUTE] = derivation
