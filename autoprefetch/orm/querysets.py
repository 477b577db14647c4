"""Hooks on `QuerySet` and `RawQuerySet`: where rows are fetched.

Each is one wrapper around a method that Django 5.2, 6.0 and 6.1 share. A queryset that is neither marked, nor in scope,
nor built from a related manager of a tracked instance passes after one dict lookup and the question for the scope.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from functools import wraps
from typing import Any

from asgiref.sync import sync_to_async
from django.db import connections
from django.db.models import QuerySet
from django.db.models.query import RawQuerySet
from wrapt import wrap_function_wrapper

from autoprefetch.orm import caches, derivations, replay, scopes
from autoprefetch.orm.engine import Engine
from autoprefetch.orm.forms import is_totally_ordered, loads_instances
from autoprefetch.orm.marks import ATTRIBUTE, query_state

_DERIVED = frozenset({derivations.ATTRIBUTE, scopes.BUILT, scopes.CHILD})
_COROUTINES = ("aget", "afirst", "alast", "aearliest", "alatest", "ain_bulk")


def install(engine: Engine) -> None:
    """Wrap what fetches rows."""
    plain: Any = QuerySet
    raw: Any = RawQuerySet
    plain._fetch_all = _fetching(plain._fetch_all, engine)
    # A raw queryset fetches through its `iterator()`, which is hooked too.
    raw._fetch_all = _fetching(scopes.left_alone(raw._fetch_all), engine)
    plain.__getitem__ = _slicing(plain.__getitem__, engine)
    for name in ("count", "exists", "contains"):  # they look at the rows past `_fetch_all()`
        setattr(plain, name, _looking(getattr(plain, name)))
    for cls in (plain, raw):
        cls.__aiter__ = _async_iterating(cls.__aiter__, engine)
    plain.__getstate__ = _pickling(plain.__getstate__)
    plain._iterator = _streaming(plain._iterator, engine)
    plain.aiterator = _async_streaming(plain.aiterator, engine)
    raw.iterator = _streaming_raw(raw.iterator, engine)
    for name in _COROUTINES:
        wrap_function_wrapper(QuerySet, name, _awaiting(engine))


def _fetching(plain: Callable[[Any], None], engine: Engine) -> Callable[[Any], None]:
    # A closure and not a wrapt wrapper: every evaluation of every queryset comes through here.
    @wraps(plain)
    def fetch_all(self: Any) -> None:
        if self._result_cache is None:
            state = query_state(self)
            if ATTRIBUTE in state:
                engine.evaluate(self, plain)
                return
            derivation = state.get(derivations.ATTRIBUTE)
            if derivation is None and not getattr(self, "_hints", None) and replay.FEED not in state:
                # With hints, a descriptor of Django's is loading for one instance, and has been asked already.
                derivation = engine.recognise(self)
            if derivation is not None and derivation.is_live() and loads_instances(self) and _is_connected(self):
                engine.load_set(derivation, self, plain)
                return
            if derivation is None and replay.FEED not in state and engine.is_in_scope(self):
                engine.evaluate(self, plain)
                return
        elif caches.HANDED_OUT in self.__dict__:
            caches.count_use(self)
        plain(self)

    return fetch_all


def _looking(plain: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(plain)
    def looking(self: Any, *args: Any, **kwargs: Any) -> Any:
        if self._result_cache is not None and caches.HANDED_OUT in self.__dict__:
            caches.count_use(self)
        return plain(self, *args, **kwargs)

    return looking


def _slicing(plain: Callable[[Any, Any], Any], engine: Engine) -> Callable[[Any, Any], Any]:
    # Django slices a prefetched set into a list, which has no `values()` and counts something else.
    @wraps(plain)
    def getitem(self: Any, k: Any) -> Any:
        if self._result_cache is None or caches.AHEAD not in self.__dict__ or not isinstance(k, slice) or k.step:
            if caches.HANDED_OUT in self.__dict__:
                caches.count_use(self)
            return plain(self, k)
        found = plain(self._chain(), k)
        try:
            if is_totally_ordered(self.query):
                caches.count_use(self)
                found._result_cache = self._result_cache[k]
                found._prefetch_done = True
        except Exception as fault:
            engine.faulted(query_state(self)[derivations.ATTRIBUTE].instance, fault)
        return found

    return getitem


def _is_connected(queryset: Any) -> bool:
    """Tell whether the database that a queryset names is one of the project's; else its own query says so."""
    return queryset._db is None or queryset._db in connections


def _is_automatic(queryset: Any, engine: Engine) -> bool:
    """Tell whether a queryset is marked or in scope, and not that of a peer, which the compiler's hook answers."""
    state = query_state(queryset)
    return ATTRIBUTE in state or (state.get(derivations.ATTRIBUTE) is None and engine.is_in_scope(queryset))


def _pickling(plain: Callable[[Any], dict[str, Any]]) -> Callable[[Any], dict[str, Any]]:
    # Where a queryset was derived from is of no use to whoever loads the pickle.
    @wraps(plain)
    def getstate(self: Any) -> dict[str, Any]:
        state = plain(self)
        for name in (caches.AHEAD, caches.HANDED_OUT):
            state.pop(name, None)
        if not _DERIVED.isdisjoint(self._query.__dict__):
            state["_query"] = self._query.chain()
            for name in _DERIVED:
                state["_query"].__dict__.pop(name, None)
        return state

    return getstate


def _async_iterating(plain: Callable[[Any], AsyncIterator[Any]], engine: Engine) -> Callable[[Any], AsyncIterator[Any]]:
    @wraps(plain)
    def iterate(self: Any) -> AsyncIterator[Any]:
        if self._result_cache is not None or not _is_automatic(self, engine):
            return plain(self)
        frames = engine.taking_frames(self)

        async def rows() -> AsyncIterator[Any]:
            with frames:
                await sync_to_async(self._fetch_all)()
            for row in self._result_cache:
                yield row

        return rows()

    return iterate


def _streaming(plain: Callable[..., Iterator[Any]], engine: Engine) -> Callable[..., Iterator[Any]]:
    @wraps(plain)
    def iterator(self: Any, use_chunked_fetch: bool, chunk_size: int | None) -> Iterator[Any]:
        if not _is_automatic(self, engine):
            return plain(self, use_chunked_fetch, chunk_size)
        return engine.stream(self, chunk_size, lambda rewritten: plain(rewritten, use_chunked_fetch, chunk_size))

    return iterator


def _streaming_raw(plain: Callable[[Any], Iterator[Any]], engine: Engine) -> Callable[[Any], Iterator[Any]]:
    @wraps(plain)
    def iterator(self: Any) -> Iterator[Any]:
        if not _is_automatic(self, engine):
            return plain(self)
        return engine.stream(self, None, plain)

    return iterator


def _async_streaming(plain: Callable[..., AsyncIterator[Any]], engine: Engine) -> Callable[..., AsyncIterator[Any]]:
    @wraps(plain)
    def aiterator(self: Any, chunk_size: int = 2000) -> AsyncIterator[Any]:
        if chunk_size <= 0 or not _is_automatic(self, engine):
            return plain(self, chunk_size=chunk_size)
        return engine.astream(self, chunk_size, lambda rewritten: plain(rewritten, chunk_size=chunk_size))

    return aiterator


def _awaiting(engine: Engine) -> Callable[..., Any]:
    def awaiting(wrapped: Callable[..., Any], instance: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        if not _is_automatic(instance, engine):
            return wrapped(*args, **kwargs)

        async def with_frames() -> Any:
            with engine.taking_frames(instance):
                return await wrapped(*args, **kwargs)

        return with_frames()

    return awaiting
