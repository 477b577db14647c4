"""Hooks on what changes the database, or the view of it: statements that write, transactions and their ends, locks.

All SQL of the ORM and of raw cursors runs through `CursorWrapper` (db/backends/utils.py, Django 5.2 to 6.1), on every
alias, so one hook sees both. The ORM's compilers tell it beforehand what their statement does, so that only SQL that
somebody wrote has to be read. What goes past Django's cursors (`connection.connection`, another process) is not seen.

An effect is told after the statement: what another thread reads while it runs counts as older than the write.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from typing import Any

from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.utils import CursorWrapper
from django.db.models.sql.compiler import SQLCompiler, SQLInsertCompiler, SQLUpdateCompiler
from django.db.transaction import Atomic, get_connection

from autoprefetch.orm import effects
from autoprefetch.orm.effects import EVERYTHING, NOTHING, Effect
from autoprefetch.orm.engine import Engine

_EXPECTED = "autoprefetch_expected"
"""On a connection: NOTHING while a compiler runs a statement that only reads, or what gives the effect of another."""

_WRITTEN = "autoprefetch_written"
"""On a connection: what the transaction that is under way has written. Other connections see it once it commits."""

_WRITING_METHODS = frozenset(("copy", "copy_expert", "copy_from", "executescript", "stream"))
"""Methods of the drivers' cursors that Django's cursor passes on and that may write (psycopg 2 and 3, sqlite3)."""


def install(engine: Engine) -> None:
    """Tell the engine of everything that may make a loaded value stale."""
    compilers: list[tuple[Any, str]] = [
        (SQLCompiler, "execute_sql"),
        (SQLInsertCompiler, "execute_sql"),
        (SQLUpdateCompiler, "execute_returning_sql"),  # Django 6.1
    ]
    for compiler, name in compilers:
        if name in compiler.__dict__:
            setattr(compiler, name, _expecting(compiler.__dict__[name]))
    cursor: Any = CursorWrapper
    for name in ("execute", "executemany", "callproc"):
        setattr(cursor, name, _watched(getattr(cursor, name), engine))
    cursor.__getattr__ = _passing_on(cursor.__getattr__, engine)
    connection: Any = BaseDatabaseWrapper
    connection.rollback = _undoing(connection.rollback, engine)
    connection.savepoint_rollback = _undoing(connection.savepoint_rollback, engine)
    connection.close = _closing(connection.close, engine)
    connection.commit = _committing(connection.commit, engine)
    connection.needs_rollback = _Broken(engine)
    atomic: Any = Atomic
    atomic.__enter__ = _entering(atomic.__enter__, engine)


@contextmanager
def reading(connection: Any) -> Iterator[None]:
    """Say beforehand that the statements only read, or need no telling, that run on a connection within the block."""
    state = connection.__dict__
    outer = state.get(_EXPECTED)
    state[_EXPECTED] = NOTHING
    try:
        yield
    finally:
        state[_EXPECTED] = outer


def _expecting(plain: Callable[..., Any]) -> Callable[..., Any]:
    # Spelled out and not by `reading`, because every SELECT comes through here.
    @wraps(plain)
    def execute(self: Any, *args: Any, **kwargs: Any) -> Any:
        state, query = self.connection.__dict__, self.query
        outer = state.get(_EXPECTED)
        state[_EXPECTED] = NOTHING if effects.reads(query) else lambda: effects.of_query(query)
        try:
            return plain(self, *args, **kwargs)
        finally:
            state[_EXPECTED] = outer

    return execute


def _watched(plain: Callable[..., Any], engine: Engine) -> Callable[..., Any]:
    @wraps(plain)
    def run(self: Any, sql: Any, *args: Any, **kwargs: Any) -> Any:
        state = self.db.__dict__
        expected = state.get(_EXPECTED)
        state[_EXPECTED] = None  # an execute wrapper of the caller may run statements of its own in between
        try:
            return plain(self, sql, *args, **kwargs)
        except Exception:  # each driver has its own, and so have wrappers of the caller; it is raised again
            if self.db.in_atomic_block:
                engine.wrote(lambda: EVERYTHING)  # it may be broken, and whatever is asked next has to raise that
            raise
        finally:
            state[_EXPECTED] = expected
            if expected is not NOTHING:
                engine.wrote(lambda: _noted(self.db, expected() if expected else _effect(self, sql)))
            elif " FOR " in sql and effects.locks(sql):
                engine.wrote(lambda: EVERYTHING)

    return run


def _effect(cursor: Any, sql: Any) -> Effect:
    """Return the effect of SQL that somebody wrote; psycopg's composed SQL is put into words by its own cursor."""
    return effects.of_sql(sql.as_string(cursor.cursor) if hasattr(sql, "as_string") else sql)


def _noted(connection: Any, effect: Effect) -> Effect:
    if effect != NOTHING and not connection.autocommit:
        connection.__dict__[_WRITTEN] = connection.__dict__.get(_WRITTEN, NOTHING) | effect
    return effect


def _passing_on(plain: Callable[[Any, str], Any], engine: Engine) -> Callable[[Any, str], Any]:
    @wraps(plain)
    def getattribute(self: Any, name: str) -> Any:
        if name in _WRITING_METHODS:
            engine.wrote(lambda: _noted(self.db, EVERYTHING))
        return plain(self, name)

    return getattribute


def _undoing(plain: Callable[..., Any], engine: Engine) -> Callable[..., Any]:
    @wraps(plain)
    def roll_back(self: Any, *args: Any, **kwargs: Any) -> Any:
        try:
            with reading(self):
                return plain(self, *args, **kwargs)
        finally:
            engine.wrote(lambda: EVERYTHING)

    return roll_back


def _closing(plain: Callable[..., Any], engine: Engine) -> Callable[..., Any]:
    # A connection that closes in a transaction rolls back.
    @wraps(plain)
    def close(self: Any) -> Any:
        try:
            return plain(self)
        finally:
            if self.__dict__.pop(_WRITTEN, None) is not None:
                engine.wrote(lambda: EVERYTHING)

    return close


class _Broken:
    """Stands for `BaseDatabaseWrapper.needs_rollback`, which Django sets where an error has broken a transaction.

    Plain Django raises `TransactionManagementError` at the next lazy load; so does one that was loaded ahead, because
    nothing that waits counts as fresh any more.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def __get__(self, connection: Any, owner: type[Any]) -> Any:
        return self if connection is None else connection.__dict__.get("needs_rollback", False)

    def __set__(self, connection: Any, value: bool) -> None:
        connection.__dict__["needs_rollback"] = value
        if value:
            self._engine.wrote(lambda: EVERYTHING)


def _committing(plain: Callable[..., Any], engine: Engine) -> Callable[..., Any]:
    @wraps(plain)
    def commit(self: Any) -> Any:
        try:
            return plain(self)
        finally:
            written = self.__dict__.pop(_WRITTEN, None)
            if written is not None:
                engine.wrote(lambda: written)

    return commit


def _entering(plain: Callable[[Any], Any], engine: Engine) -> Callable[[Any], Any]:
    # Where a transaction begins, code reads afresh what it locks. Blocks without a savepoint are left out: so Django
    # wraps a single write of its own (`add()`, `delete()`, `bulk_create()`, a row with parents), where nobody reads.
    @wraps(plain)
    def enter(self: Any) -> Any:
        connection: Any = get_connection(self.using)
        is_beginning = self.savepoint and not connection.in_atomic_block
        with reading(connection):
            entered = plain(self)
        if is_beginning:
            engine.wrote(lambda: EVERYTHING)
        return entered

    return enter
