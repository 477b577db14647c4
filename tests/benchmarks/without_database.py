"""Build and compile querysets, and run nothing: what a derived query costs plain Django, the database aside."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.db.models.sql.compiler import SQLCompiler
from django.db.models.sql.constants import MULTI


@contextmanager
def compiled_only() -> Iterator[None]:
    """Let each statement be compiled and none be executed; each has no rows."""
    plain = SQLCompiler.execute_sql

    def execute_sql(self: Any, result_type: Any = MULTI, *args: Any, **kwargs: Any) -> Any:
        self.as_sql()
        return iter([]) if result_type == MULTI else None

    SQLCompiler.execute_sql = execute_sql  # type: ignore[method-assign]
    try:
        yield
    finally:
        SQLCompiler.execute_sql = plain  # type: ignore[method-assign]
