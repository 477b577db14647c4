"""The peer group of an instance, kept in its `_state`, and how such instances load.

The attribute is left out of pickles and copies, as Django 6.1 leaves out its own `peers` (`ModelState.__getstate__`,
models/base.py; 5.2 and 6.0 have no such method). On 6.1 the instances also get a fetch mode of ours, which is how their
lazy loads become known; it pickles as Django's own `FETCH_ONE`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pkgutil import resolve_name
from typing import Any

from django.db.models import Model
from django.db.models.base import ModelState
from django.db.models.query_utils import DeferredAttribute

from autoprefetch.orm.engine import Engine

FETCH_ONE: Any = None
TRACKED: Any = None
try:
    from django.db.models import fetch_modes
except ImportError:  # Django 5.2 and 6.0
    pass
else:
    FETCH_ONE = fetch_modes.FETCH_ONE

    class _Tracked(fetch_modes.FetchMode):
        """Tells the engine of each lazy load of an instance that belongs to a peer group."""

        __slots__ = ("engine",)
        engine: Engine

        def fetch(self, fetcher: Any, instance: Model) -> None:
            field = fetcher.field
            # Django 6.1 asks the fetch mode for an empty generic foreign key too.
            # It also asks for the link to an inherited parent, which Django fills from the child's own columns.
            is_link = field.is_relation and getattr(field.remote_field, "parent_link", False)
            if group_of(instance) is None or is_link or is_empty_generic(field, instance):
                fetcher.fetch_one(instance)
            elif field.is_relation and not isinstance(fetcher, DeferredAttribute):  # else the column of a foreign key
                self.engine.load_one(instance, _attribute(field), lambda: _fetched(fetcher, instance))
            else:
                self.load_column(fetcher, instance)

        def load_column(self, fetcher: Any, instance: Model) -> None:
            if not self.engine.load_column(instance, fetcher.field.attname):
                fetcher.fetch_one(instance)

        def __reduce__(self) -> tuple[Any, ...]:
            return resolve_name, ("django.db.models.fetch_modes:FETCH_ONE",)

    TRACKED = _Tracked()


def _attribute(field: Any) -> str:
    # A reverse one-to-one comes as its OneToOneRel, which has the accessor's name and not a field's.
    return str(field.get_accessor_name() if hasattr(field, "get_accessor_name") else field.name)


def is_empty_generic(field: Any, instance: Model) -> bool:
    """Tell whether a field is a generic foreign key without a content type, which is loaded without a query."""
    if not hasattr(field, "ct_field"):
        return False
    return getattr(instance, field.model._meta.get_field(field.ct_field).attname, None) is None


def _fetched(fetcher: Any, instance: Model) -> Any:
    fetcher.fetch_one(instance)
    return fetcher.field.get_cached_value(instance, default=None)


_ATTRIBUTE = "autoprefetch_peers"
_CLAIMS = "autoprefetch_claims"
_SHARED = "autoprefetch_shared"  # see `sharing.py`

_NO_CLAIMS: dict[str, int] = {}
DANGLING = -1


def group_of(instance: Model) -> Any:
    """Return the peer group that an instance belongs to, or None."""
    return instance._state.__dict__.get(_ATTRIBUTE)


def enter_rows(rows: list[Any], group: object) -> None:
    """Make the rows of an evaluation peers: one attribute a row is all the work that tracking adds to hydration."""
    for row in rows:
        row._state.autoprefetch_peers = group


def enter(instances: Iterable[Any], group: object) -> list[Any]:
    """Make related instances members of a peer group, and return those that were not yet."""
    entered = []
    for instance in instances:
        state = instance._state
        if state.__dict__.get(_ATTRIBUTE) is not group:
            state.autoprefetch_peers = group
            entered.append(instance)
            if FETCH_ONE is not None and state.fetch_mode is FETCH_ONE:
                state.fetch_mode = TRACKED
    return entered


def is_shared(row: Model | None) -> bool:
    """Tell whether a related row may be that of several others."""
    return row is not None and _SHARED in row._state.__dict__


def enter_joined(parents: list[Any], name: str, column: str, group: object) -> list[Any]:
    """Make the rows that a join has just made members of a peer group, and return them.

    Where the join of a foreign key found no row, the relation is as if it had not been loaded. Without a key a lazy
    load needs no query; with one, as in a transaction whose constraints are deferred, it raises what it raises.

    Args:
        parents: the rows of the query that makes the join.
        name: what Django keeps the joined row of each under.
        column: the attribute that holds the key of the joined row; "" where the joined row holds that of the parent.
        group: their peer group.
    """
    entered = []
    for parent in parents:
        row = parent._state.fields_cache.get(name)
        if row is not None:
            # On Django 6.1 it has the fetch mode of its parent (`RelatedPopulator`, models/query.py).
            state = row._state.__dict__
            if state.get(_ATTRIBUTE) is not group:
                state[_ATTRIBUTE] = group
                entered.append(row)
        elif column:
            parent._state.fields_cache.pop(name, None)
    return entered


def claims(instance: Model, name: str) -> int:
    """Return how often a relation of an instance was answered from a batch, or that it is `DANGLING`."""
    known: dict[str, int] = instance._state.__dict__.get(_CLAIMS, _NO_CLAIMS)
    return known.get(name, 0)


def dangles(instance: Model, name: str) -> None:
    """Take note that the key of an instance was looked for ahead, and has no row."""
    instance._state.__dict__.setdefault(_CLAIMS, {})[name] = DANGLING


def claimed(instance: Model, name: str) -> None:
    """Take note that a relation of an instance was answered from a batch."""
    known = instance._state.__dict__.setdefault(_CLAIMS, {})
    known[name] = known.get(name, 0) + 1


@contextmanager
def tracked_rows(queryset: Any) -> Iterator[None]:
    """Give the rows that a queryset loads within the block our fetch mode, if the caller chose none (Django 6.1)."""
    if FETCH_ONE is None or queryset._fetch_mode is not FETCH_ONE:
        yield
        return
    queryset._fetch_mode = TRACKED
    try:
        yield
    finally:
        queryset._fetch_mode = FETCH_ONE


def install() -> None:
    """Leave the peer group out of what is pickled and copied, and tell it that this reads all columns."""
    state: Any = ModelState
    plain = state.__dict__.get("__getstate__", lambda self: self.__dict__.copy())

    def getstate(self: Any) -> dict[str, Any]:
        kept: dict[str, Any] = plain(self)
        if (group := kept.pop(_ATTRIBUTE, None)) is not None:
            group.read_all()
        kept.pop(_CLAIMS, None)
        kept.pop(_SHARED, None)
        if FETCH_ONE is not None and kept.get("fetch_mode") is TRACKED:
            kept["fetch_mode"] = FETCH_ONE
        return kept

    state.__getstate__ = getstate
