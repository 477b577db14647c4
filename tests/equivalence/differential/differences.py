"""Run a program as plain Django and automatically, and say what differs."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from django.db import connections, transaction

import autoprefetch
from tests.databases import count_queries
from tests.equivalence.comparing import know_content_types
from tests.equivalence.differential import schema
from tests.equivalence.differential.programs import Program
from tests.equivalence.differential.vocabulary import Vocabulary, raised
from tests.equivalence.differential.worlds import WITHOUT_GIVEN_KEY
from tests.routers import CurrentDatabaseRouter
from tests.library.models import Book

WARM = 3
"""Automatic runs after the cold one."""


@dataclass(frozen=True)
class Run:
    """What one run of a program gave.

    Attributes:
        shown: what it showed, in its order.
        error: what it raised in the end, None when nothing.
        tables: what was in the database in the end.
        statements: what was sent to the database.
        quarantined: the faults of autoprefetch itself.
    """

    shown: list[Any]
    error: tuple[str, str] | None
    tables: dict[str, list[Any]]
    statements: tuple[str, ...]
    quarantined: tuple[str, ...]

    @property
    def queries(self) -> int:
        return len(self.statements)


@dataclass(frozen=True)
class Comparison:
    """A program's plain run and its automatic ones: the first is cold, all others are warm."""

    program: Program
    plain: Run
    automatic: tuple[Run, ...]
    is_repeatable: bool

    def difference(self) -> str:
        """Say what differs first; "" when nothing does, or when plain Django differs from itself."""
        if not self.is_repeatable:
            return ""
        for number, run in enumerate(self.automatic):
            found = self.difference_of(run)
            if found:
                return f"{self.program}\n{'cold' if not number else f'warm ({number})'}: {found}"
        return ""

    def difference_of(self, run: Run) -> str:
        plain = self.plain
        if run.quarantined:
            return f"a fault of autoprefetch: {run.quarantined}"
        for number, (ours, theirs) in enumerate(zip(run.shown, plain.shown, strict=False)):
            if ours != theirs:
                return f"shown as number {number}\n  plain: {theirs}\n  ours:  {ours}\n{log(plain, run)}"
        if run.error != plain.error:
            return f"error\n  plain: {plain.error}\n  ours:  {run.error}\n{log(plain, run)}"
        if len(run.shown) != len(plain.shown):
            return f"{len(run.shown)} values shown, not {len(plain.shown)}\n{log(plain, run)}"
        for name, rows in plain.tables.items():
            if run.tables[name] != rows:
                return f"table {name}\n  plain: {rows}\n  ours:  {run.tables[name]}\n{log(plain, run)}"
        if run.queries > plain.queries + self.allowance():
            return f"{run.queries} queries, plain Django {plain.queries}\n{log(plain, run)}"
        return ""

    def allowance(self) -> int:
        return 1000

    # Laziness

    def repeated_loads(self) -> tuple[int, int]:
        """Count plain Django's repeated lazy loads, and those of them that the last run did not make one by one."""
        theirs, ours = Counter(self.plain.statements), Counter(self.automatic[-1].statements)
        repeated = {sql: n for sql, n in theirs.items() if n > 1 and sql.startswith("SELECT")}
        answered = sum(n - max(ours[sql], 1) for sql, n in repeated.items() if ours[sql] < n)
        return sum(n - 1 for n in repeated.values()), answered


def log(plain: Run, run: Run) -> str:
    return "\n".join(["plain:", *plain.statements, "ours:", *run.statements])


def compared(program: Program) -> Comparison:
    """Run a program plainly, cold, warm several times, and plainly again, each time on the same rows."""
    autoprefetch.reset()
    know_content_types()
    using = CurrentDatabaseRouter().db_for_write(Book)
    function = program.function()
    with undone(using):
        program.world.build()
        overrides = [{"MODE": "off"}, *[program.settings] * (1 + WARM)]
        plain, *automatic = (run(function, using, settings) for settings in overrides)
        comparison = Comparison(program, plain, tuple(automatic), is_repeatable=True)
        if comparison.difference():
            again = run(function, using, {"MODE": "off"})
            is_same = (again.shown, again.error, again.tables) == (plain.shown, plain.error, plain.tables)
            comparison = Comparison(program, plain, tuple(automatic), is_repeatable=is_same)
    autoprefetch.reset()
    return comparison


def run(function: Callable[[Vocabulary], None], using: str, settings: dict[str, Any]) -> Run:
    vocabulary, error = Vocabulary(using), None
    with autoprefetch.override(**settings), undone(using):
        with count_queries() as queries:
            try:
                function(vocabulary)
            except Exception as raising:
                error = raised(raising)
        tables = contents(using) if any(map(is_write, queries.statements)) else {}
        sites = autoprefetch.report().call_sites
        quarantined = tuple(fault for site in sites if (fault := site.as_dict()["quarantined"]))
    return Run(vocabulary.shown, error, tables, tuple(map(without_values, queries.statements)), quarantined)


@contextmanager
def undone(using: str) -> Iterator[None]:
    """Roll back in the end what the block writes."""
    with transaction.atomic(using=using):
        yield
        transaction.set_rollback(True, using=using)


def contents(using: str) -> dict[str, list[Any]]:
    """Return what is in all tables, but for keys that differ from run to run."""
    if connections[using].needs_rollback:
        return {"the transaction is broken": []}
    found = {}
    with autoprefetch.override(MODE="off"):
        for model in schema.tables():
            is_given = not model._meta.auto_created and model not in WITHOUT_GIVEN_KEY
            names = [f.attname for f in model._meta.concrete_fields if is_given or f.name not in ("id", "pk")]
            found[model._meta.label] = sorted(plain_manager(model).values_list(*names), key=repr)
    return found


def plain_manager(model: Any) -> Any:
    """Return all rows of a model, hidden ones too."""
    from django.db.models import QuerySet

    return QuerySet(model)


def is_write(statement: str) -> bool:
    return re.match(r"\[\w+\] (SELECT|SAVEPOINT|RELEASE|ROLLBACK)", statement) is None


def without_values(statement: str) -> str:
    """Return the text of a statement without its alias and parameters."""
    sql = statement.partition("] ")[2].rpartition(" <- ")[0]
    return re.sub(r"s\d+_x\d+", "savepoint", sql)
