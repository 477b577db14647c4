"""The hook on the compiler: a peer's own statement is answered with raw rows instead of being run.

`SQLCompiler.execute_sql` is what every way of consuming a queryset ends in (models/sql/compiler.py, Django 5.2 to 6.1),
so one hook serves iteration, `count()`, `exists()`, `aggregate()`, `values()` and all the others.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from functools import wraps
from typing import Any

from django.core.exceptions import EmptyResultSet
from django.db.models import Prefetch, QuerySet
from django.db.models.constants import LOOKUP_SEP
from django.db.models.sql import Query
from django.db.models.sql.compiler import SQLCompiler
from django.db.models.sql.constants import MULTI, SINGLE

from autoprefetch.orm import caches, derivations, marks, sharing
from autoprefetch.orm.engine import Engine
from autoprefetch.orm.parameters import exactly
from autoprefetch.plan.relations import Kind, Relation, relation

FEED = "autoprefetch_feed"


def install(engine: Engine) -> None:
    """Wrap the execution of SELECT statements."""
    plain = SQLCompiler.execute_sql

    @wraps(plain)
    def execute_sql(self: Any, result_type: Any = MULTI, *args: Any, **kwargs: Any) -> Any:
        state = self.query.__dict__
        if FEED in state:
            self.setup_query()
            self.has_extra_select = False
            sharing.share(self)
            return [state[FEED]]
        derivation = state.get(derivations.ATTRIBUTE)
        if result_type == SINGLE and derivations.ATTRIBUTE not in state:
            derivation = engine.recognise(self)
        # An UPDATE or DELETE that was made from the queryset carries its derivation along.
        if derivation is not None and type(self.query) is Query and derivation.is_live():
            return engine.replay(self, derivation, result_type, lambda: run(self, result_type, *args, **kwargs))
        return run(self, result_type, *args, **kwargs)

    def run(self: Any, *args: Any, **kwargs: Any) -> Any:
        found = plain(self, *args, **kwargs)
        if sharing.ATTRIBUTE in self.query.__dict__:
            sharing.share(self)
        return found

    SQLCompiler.execute_sql = execute_sql  # type: ignore[method-assign]


def answer(rows: Any, result_type: Any) -> Any:
    """Return raw rows in the form in which `execute_sql` gives them."""
    return (rows[0] if rows else None) if result_type == SINGLE else [rows]


def hydrate_for_peers(queryset: Any, rows: list[Any]) -> list[Any]:
    """Make the instances that the querysets of several peers make of raw rows; they do not know their parents yet."""
    copy = queryset._chain()
    copy._known_related_objects = {}
    return hydrate(copy, rows)


def hydrate(queryset: Any, rows: list[Any]) -> list[Any]:
    """Make the instances that a queryset makes of raw rows, with what it prefetches; no query runs for the rows."""
    copy = queryset._chain()
    state = marks.query_state(copy)
    state.pop(derivations.ATTRIBUTE, None)
    state[FEED] = rows
    copy._fetch_all()
    return marks.rows_of(copy)


def fill(queryset: Any, rows: list[Any]) -> None:
    """Fill the result cache of a peer's own queryset with instances, which learn to know their parent."""
    for field, parents in queryset._known_related_objects.items():
        name, attname = field.cache_name, field.attname
        for parent in parents.values():
            for row in rows:
                cache = row._state.fields_cache
                if caches.holds(cache, name):
                    continue
                if attname in row.__dict__:
                    dict.__setitem__(cache, name, parent)
                elif not _LEAVES_DEFERRED:
                    setattr(row, field.name, parent)
    queryset._result_cache = rows
    queryset._prefetch_done = True


# `ModelIterable` sets the parent and its column too where that column is deferred; from Django 6.1 on it sets neither.
_LEAVES_DEFERRED = hasattr(QuerySet, "fetch_mode")


def prefetches_for(queryset: Any, rows: list[Any]) -> bool:
    """Tell whether some raw rows alone make a queryset run its prefetches, or it has none."""
    lookups = queryset._prefetch_related_lookups
    if not lookups or not rows:
        return not lookups
    copy = queryset._chain()
    copy._prefetch_related_lookups = ()
    made = hydrate(copy, rows)
    firsts = {getattr(lookup, "prefetch_through", lookup).partition(LOOKUP_SEP)[0] for lookup in lookups}
    return any(_leads_on(made, relation(type(made[0]), name)) for name in firsts)


def _leads_on(made: list[Any], known: Relation | None) -> bool:
    """Tell whether a relation of some instances has to be asked for: one has its key, or it is on the other side."""
    if known is None or known.kind not in (Kind.FOREIGN_KEY, Kind.ONE_TO_ONE, Kind.GENERIC_FOREIGN_KEY):
        return True
    return any(all(row.__dict__.get(name, row) is not None for name in known.columns) for row in made)


Making = tuple[Hashable, ...]
_OF_DJANGO = frozenset(QuerySet().__dict__)  # what every queryset carries


def making_of(queryset: Any) -> Making | None:
    """Return what a queryset makes of the rows of one statement: its classes, its database, its prefetches.

    None when that cannot be compared: the queryset or a prefetch of it carries something that Django does not know, a
    prefetch has a queryset that cannot be compiled, or begins with the parent, which is another one for each peer.
    """
    lookups = [_making_of_lookup(lookup) for lookup in queryset._prefetch_related_lookups]
    if None in lookups or not queryset.__dict__.keys() <= _OF_DJANGO or _prefetches_parent(queryset):
        return None
    mode = getattr(queryset, "_fetch_mode", None)
    return type(queryset), queryset._iterable_class, queryset._db, mode, *lookups


def _prefetches_parent(queryset: Any) -> bool:
    """Tell whether a queryset prefetches the parent that its rows know, or what is beyond it."""
    names = {field.name for field in queryset._known_related_objects}
    return any(
        getattr(lookup, "prefetch_through", lookup).partition(LOOKUP_SEP)[0] in names
        for lookup in queryset._prefetch_related_lookups
    )


def _making_of_lookup(lookup: Any) -> Hashable:
    if isinstance(lookup, str):
        return lookup
    if type(lookup) is not Prefetch:
        return None
    if lookup.queryset is None:
        return lookup.prefetch_to, lookup.prefetch_through
    making = making_of(lookup.queryset)
    try:
        sql, params = lookup.queryset.query.sql_with_params()
    except EmptyResultSet:
        return None
    return making and (lookup.prefetch_to, lookup.prefetch_through, sql, exactly(params), making)


def without_derivation(queryset: Any, fetch_all: Callable[[Any], None]) -> None:
    """Fill the result cache of a queryset by its own query."""
    state = marks.query_state(queryset)
    derivation = state.pop(derivations.ATTRIBUTE, None)
    try:
        fetch_all(queryset)
    finally:
        if derivation is not None:
            state[derivations.ATTRIBUTE] = derivation
