"""Hooks on what changes the database, or the view of it: statements that write, rollbacks, locks, new transactions.

All SQL of the ORM and of raw cursors runs through `CursorWrapper` (db/backends/utils.py), on every alias, so one hook
sees both. What is not plainly an INSERT or UPDATE of one table counts as a write to all tables: a DELETE reaches others
by the cascades of the database.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import wraps
from typing import Any

from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.utils import CursorWrapper

from autoprefetch.orm.engine import Engine

_READS = ("SELECT", "select", "SAVEPOINT", "RELEASE", "EXPLAIN", "PRAGMA", "SHOW", "BEGIN", "SET ")
_WRITE = re.compile(
    r'\s*(?:INSERT\s+(?:OR\s+\w+\s+|IGNORE\s+)?INTO|UPDATE|DELETE\s+FROM)\s+["`]?(\w+)["`]?(?![."`])', re.IGNORECASE
)


def install(engine: Engine) -> None:
    """Tell the engine of everything that may make a loaded value stale."""
    cursor: Any = CursorWrapper
    for name in ("execute", "executemany", "callproc"):
        setattr(cursor, name, _watched(getattr(cursor, name), engine))
    connection: Any = BaseDatabaseWrapper
    for name in ("rollback", "savepoint_rollback", "set_autocommit"):
        setattr(connection, name, _announced(getattr(connection, name), engine))


def _watched(plain: Callable[..., Any], engine: Engine) -> Callable[..., Any]:
    @wraps(plain)
    def run(self: Any, sql: Any, *args: Any, **kwargs: Any) -> Any:
        if not (type(sql) is str and sql.startswith(_READS)) or sql.endswith(("FOR UPDATE", "FOR NO KEY UPDATE")):
            engine.wrote(*_effect(sql))
        return plain(self, sql, *args, **kwargs)

    return run


def _effect(sql: Any) -> tuple[frozenset[str], bool]:
    """Return the tables that a statement names as written, and whether others may be reached too."""
    found = _WRITE.match(sql) if isinstance(sql, str) else None
    if found is None:
        return frozenset(), True
    return frozenset({found[1]}), sql.lstrip()[:6].upper() == "DELETE" or ";" in sql


def _announced(plain: Callable[..., Any], engine: Engine) -> Callable[..., Any]:
    # Values may differ after a rollback, and where a transaction begins code reads afresh what it locks.
    @wraps(plain)
    def run(self: Any, *args: Any, **kwargs: Any) -> Any:
        engine.wrote(frozenset(), True)
        return plain(self, *args, **kwargs)

    return run
