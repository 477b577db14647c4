"""Values that a plan put where Django keeps related rows: they wait until they are used, or a write makes them stale.

A to-one value waits beside `_state.fields_cache` and enters it when it is first used; from then on it stays, as a value
that Django has loaded lazily does. If a write came first, it is as if nothing had been loaded. Django uses `[]`, `in`,
`del` and `copy()` on this dict (fields/mixins.py and `Model.__getstate__`, 5.2 to 6.1), other code `get` and `pop`; all
agree. Copies and pickles get a plain dict with what was used, as in plain Django. A row that several others share is
handed out to each of them, until a write: then each gets one of its own.

A prefetched to-many set is the same until it is first handed out. Handed out again it expires with any write, since its
rows keep what they have loaded by then, where plain Django makes new ones each time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from copy import copy
from typing import Any, Protocol

from django.db.models import Model
from django.db.models.base import ModelState

from autoprefetch.orm import states
from autoprefetch.plan.relations import Relation

AHEAD = "autoprefetch_ahead"
"""On a prefetched set: how long it is good. It is left out of pickles."""

HANDED_OUT = "autoprefetch_handed_out"
"""On a prefetched set that was handed out: what counts the use, once its rows are read. It is left out of pickles."""


class Ahead(Protocol):
    """Tells of values that were loaded ahead whether they still hold, and is told when one of them is used."""

    is_given: bool  # by the caller's own query, so that they never expire, and are copied

    def are_stale(self) -> bool:
        """Tell whether a write came after they were loaded that they may not survive."""

    def hands_out(self) -> bool:
        """Take note that one is used, and tell whether nothing was written to after they were loaded."""

    def count_use(self) -> None:
        """Take note that a set is used."""

    def used(self) -> Ahead:
        """Return what tells it of a set that was handed out."""

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle and copy as None."""


_set = dict.__setitem__
_clear = dict.clear


class WaitingCache(dict[str, Any]):
    """The `fields_cache` of an instance, with the values that wait beside it.

    The values in use lie in the dict itself, where Python finds them without any code of ours; `[]` comes to
    `__missing__` for the others.
    """

    __slots__ = ("_ahead", "_waiting")

    def __init__(self, waiting: dict[str, Any], ahead: Mapping[str, Ahead]) -> None:
        self._waiting = waiting
        self._ahead = ahead

    def __missing__(self, name: str) -> Any:
        """Hand out a value for the first time."""
        waiting = self._waiting
        if name not in waiting:
            raise KeyError(name)
        value = waiting[name]
        ahead = self._ahead[name]
        if not ahead.hands_out():
            if ahead.are_stale():
                waiting.pop(name, None)
                raise KeyError(name)
            if states.is_shared(value):
                value = renewed(value)
        _set(self, name, value)  # before it leaves the other dict: a thread beside this one finds it in either
        waiting.pop(name, None)
        return value

    def _waits(self, name: object) -> bool:
        """Tell whether a value waits, and forget it if it is stale."""
        if name not in self._waiting:
            return False
        if self._ahead[name].are_stale():
            self._waiting.pop(name, None)
            return False
        return True

    def peek(self, name: str, default: Any = None) -> Any:
        """Return a value without using it."""
        return super().get(name, self._waiting.get(name, default))

    def wait_for(self, names: Iterable[str], ahead: Mapping[str, Ahead]) -> None:
        """Let more values wait."""
        self._ahead = {**self._ahead, **ahead}
        self._waiting.update((name, super(WaitingCache, self).pop(name)) for name in names)

    def anew(self) -> WaitingCache:
        """Return a cache where all that has waited here waits again."""
        return WaitingCache({name: self.peek(name) for name in self._ahead if self._has(name)}, self._ahead)

    def _has(self, name: str) -> bool:
        return super().__contains__(name) or name in self._waiting

    def _settle(self) -> None:
        """Hand out all that waits, for whoever looks at the dict as a whole."""
        for name in [*self._waiting]:
            if self._waits(name):
                self[name]

    def __contains__(self, name: object) -> bool:
        return super().__contains__(name) or self._waits(name)

    def get(self, name: str, default: Any = None) -> Any:
        """Return a value that is loaded."""
        try:
            return self[name]
        except KeyError:
            return default

    def __setitem__(self, name: str, value: Any) -> None:
        self._waiting.pop(name, None)
        super().__setitem__(name, value)

    def __delitem__(self, name: str) -> None:
        if self._waits(name):
            del self._waiting[name]
        else:
            super().__delitem__(name)

    def pop(self, name: str, *default: Any) -> Any:
        """Take a value out."""
        if self._waits(name):
            self[name]
        return super().pop(name, *default)

    def setdefault(self, name: str, default: Any = None) -> Any:
        """Return a value that is loaded, or put one there."""
        return self[name] if name in self else super().setdefault(name, default)

    def copy(self) -> dict[str, Any]:
        """Return a plain dict of what was used, or the caller loaded, for a copy or a pickle of the instance."""
        for name in [*self._waiting]:
            if self._ahead[name].is_given:
                self[name]
        return dict(super().items())

    def clear(self) -> None:
        """Forget what is loaded."""
        self._waiting.clear()
        super().clear()

    def __iter__(self) -> Iterator[str]:
        self._settle()
        return super().__iter__()

    def __len__(self) -> int:
        self._settle()
        return super().__len__()

    def keys(self) -> Any:
        """Return the names of what is loaded."""
        self._settle()
        return super().keys()

    def values(self) -> Any:
        """Return what is loaded."""
        self._settle()
        return super().values()

    def items(self) -> Any:
        """Return what is loaded by name."""
        self._settle()
        return super().items()

    def __repr__(self) -> str:
        self._settle()
        return super().__repr__()

    def __reduce__(self) -> tuple[Any, ...]:
        return dict, (self.copy(),)


def _leave(state: Any) -> None:
    """Clear the cache of an instance that goes, if it has one; Django makes one in order to clear it."""
    cache = state.__dict__.get("fields_cache")
    if type(cache) is WaitingCache:
        _clear(cache)
        _clear(cache._waiting)
    elif cache is not None:
        cache.clear()


def install() -> None:
    """Take the place of `ModelState.__del__` (models/base.py), which only Django 6.1 has: it runs for each instance."""
    state: Any = ModelState
    if "__del__" in vars(state):
        state.__del__ = _leave


def renewed(instance: Any) -> Any:
    """Return another instance of a row that several others share, for one that asks after a write.

    What the shared one has loaded may be older than the write, where plain Django gives each its own; what was loaded
    along with it waits again.
    """
    fresh, cache = copy(instance), instance._state.fields_cache
    fresh._state.fields_cache = cache.anew() if type(cache) is WaitingCache else {}
    fresh.__dict__.pop("_prefetched_objects_cache", None)
    group = states.group_of(instance)
    if group is not None:
        group.joined_by(states.enter([fresh], group))
    return fresh


def keep_waiting(instances: Iterable[Model], ahead: Mapping[str, Ahead]) -> None:
    """Let to-one values wait that a join or a prefetch has put into the caches of instances.

    Args:
        instances: any may be among them more than once.
        ahead: for the key of each relation, how long its values are good.
    """
    names = ahead.keys()
    for instance in instances:
        cache = instance._state.fields_cache
        if type(cache) is WaitingCache:
            found = [name for name in names if dict.__contains__(cache, name)]
            if found:
                cache.wait_for(found, ahead)
        elif cache.keys() <= names:
            instance._state.fields_cache = WaitingCache(cache, ahead)
        else:
            waiting = {name: cache.pop(name) for name in names if name in cache}
            if waiting:
                instance._state.fields_cache = used = WaitingCache(waiting, ahead)
                used.update(cache)


def holds(cache: dict[str, Any], name: str) -> bool:
    """Tell whether a value lies in the cache of an instance that was made just now, used or not."""
    return dict.__contains__(cache, name) or (type(cache) is WaitingCache and name in cache._waiting)


def peek(instance: Model, name: str) -> Any:
    """Return the related row in the cache of an instance, used or not; None where there is none."""
    cache = instance._state.fields_cache
    return cache.peek(name) if type(cache) is WaitingCache else cache.get(name)


def waits(instance: Model, name: str) -> bool:
    """Tell whether a to-one value was loaded ahead by a plan and not used yet, stale or not."""
    cache = instance._state.fields_cache
    return type(cache) is WaitingCache and name in cache._waiting and not cache._ahead[name].is_given


def prefetched(instance: Model, known: Relation) -> Any:
    """Return the set that a to-many prefetch has put into the cache of an instance, or None."""
    cache = getattr(instance, "_prefetched_objects_cache", None)
    return cache.get(known.cache) if cache else None


def keep_sets_waiting(instances: Iterable[Model], known: Relation, ahead: Ahead) -> None:
    """Let to-many sets wait that a prefetch has put into the caches of instances."""
    for instance in instances:
        rows = prefetched(instance, known)
        if rows is not None:
            rows.__dict__.setdefault(AHEAD, ahead)


def handed_out(rows: Any) -> bool:
    """Take note that a to-many set is handed out, if it waits; False when a write has made it stale."""
    ahead: Ahead | None = rows.__dict__.get(AHEAD)
    if ahead is None:
        given: Ahead | None = rows.__dict__.get(HANDED_OUT)
        return given is None or given.hands_out()
    if ahead.are_stale():
        return False
    rows.__dict__[HANDED_OUT] = ahead
    rows.__dict__[AHEAD] = ahead.used()
    return True


def count_use(rows: Any) -> None:
    """Take note that the rows of a to-many set are read; `filter()` and the like of what was handed out read none."""
    ahead: Ahead | None = rows.__dict__.pop(HANDED_OUT, None)
    if ahead is not None:
        ahead.count_use()
        for tell in () if ahead.is_given else told_of_sets:
            tell(rows)


told_of_sets: list[Callable[[Any], None]] = []
"""What is told, in tests, of each set that was loaded ahead, when its rows are first read."""
