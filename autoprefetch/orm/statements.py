"""Hooks on the compilers of statements that write: which tables they write to.

`SQLDeleteCompiler` has no `execute_sql` of its own (models/sql/compiler.py, Django 5.2 to 6.1); the wrapper set there
continues along the method resolution order, which the backends' own compilers share.
"""

from __future__ import annotations

from typing import Any

from django.db.models.sql.compiler import SQLDeleteCompiler, SQLInsertCompiler, SQLUpdateCompiler

from autoprefetch.orm.engine import Engine


def install(engine: Engine) -> None:
    """Tell the engine of every INSERT, UPDATE and DELETE of the ORM."""
    for compiler in (SQLInsertCompiler, SQLUpdateCompiler, SQLDeleteCompiler):
        _watch(compiler, engine)


def _watch(compiler: Any, engine: Engine) -> None:
    own = compiler.__dict__.get("execute_sql")

    def execute_sql(self: Any, *args: Any, **kwargs: Any) -> Any:
        engine.wrote(frozenset({self.query.get_meta().db_table}))
        if own is not None:
            return own(self, *args, **kwargs)
        return super(compiler, self).execute_sql(*args, **kwargs)

    compiler.execute_sql = execute_sql
