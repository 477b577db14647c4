"""Run a program as plain Django and automatically, and say what differs."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import zip_longest
from typing import Any

from django.db import DatabaseError, connections, transaction

import autoprefetch
from autoprefetch.plan.plans import Method
from tests.databases import count_queries
from tests.equivalence.comparing import know_content_types
from tests.equivalence.differential import schema
from tests.equivalence.differential.programs import Program
from tests.equivalence.differential.vocabulary import Vocabulary, raised
from tests.equivalence.differential.worlds import WITHOUT_GIVEN_KEY
from tests.library.models import Book
from tests.routers import CurrentDatabaseRouter

LATE = (False, False, True, True)
"""The automatic runs of a program: whether each does what the program does late only."""

GENERIC, FURTHER_MODELS = ".subject", 2
"""The generic foreign key of the library, and how many models it leads to besides the one that is touched."""

FAULT = "a fault of autoprefetch"


@dataclass(frozen=True)
class Site:
    """What one call site did in one run.

    Attributes:
        evaluations: how often it was evaluated.
        ahead: how often it loaded a relation ahead by a query of its own.
        paths: relations and shapes that its evaluations loaded, ahead or when they were touched.
    """

    evaluations: int
    ahead: int
    paths: int


@dataclass(frozen=True)
class Run:
    """What one run of a program gave.

    Attributes:
        shown: what it showed, in its order.
        error: what it raised in the end, None when nothing.
        tables: what was in the database in the end.
        statements: what was sent to the database.
        sites: what each call site did.
        quarantined: the faults of autoprefetch itself.
    """

    shown: list[Any]
    error: tuple[str, str] | None
    tables: dict[str, list[Any]]
    statements: tuple[str, ...]
    quarantined: tuple[str, ...]
    sites: tuple[Site, ...]
    is_consistent: bool

    @property
    def outcome(self) -> Any:
        return self.shown, self.error, self.tables

    @property
    def queries(self) -> int:
        return len(self.statements)


@dataclass(frozen=True)
class Comparison:
    """A program's automatic runs, the first cold and all others warm, each with the plain run that it is to equal."""

    program: Program
    pairs: tuple[tuple[Run, Run], ...]
    is_repeatable: bool = True

    def difference(self) -> str:
        """Say what differs first; "" when nothing does, or when plain Django differs from itself."""
        if not self.is_repeatable:
            return ""
        for number, (plain, run) in enumerate(self.pairs):
            if found := self.difference_of(plain, run):
                return f"{self.program}\n{f'warm ({number})' if number else 'cold'}: {found}"
        return ""

    def difference_of(self, plain: Run, run: Run) -> str:
        """Say in which way one automatic run differs."""
        if run.quarantined:
            return f"{FAULT}: {run.quarantined}"
        found = next(
            (
                f"shown as number {number}\n  plain: {theirs}\n  ours:  {ours}"
                for number, (theirs, ours) in enumerate(zip_longest(plain.shown, run.shown, fillvalue="nothing"))
                if theirs != ours
            ),
            "",
        )
        if not found and run.error != plain.error:
            found = f"error\n  plain: {plain.error}\n  ours:  {run.error}"
        if not found and run.tables != plain.tables:
            found = f"the database\n  plain: {plain.tables}\n  ours:  {run.tables}"
        if not found and run.queries > plain.queries + self.allowance(plain, run):
            found = f"{run.queries} queries, plain Django {plain.queries}, allowed besides {self.allowance(plain, run)}"
        return found and "\n".join([found, "plain:", *plain.statements, "ours:", *run.statements])

    def allowance(self, plain: Run, run: Run) -> int:
        """Return how many queries more than plain Django a run may take.

        One for each relation that was loaded ahead by a query of its own, for each chunk of a stream; one for each
        further model that a generic foreign key leads to. Where the program meets keys that lead nowhere, one for each
        relation or shape of an evaluation: what was loaded for all peers was of no use to some. Where it writes, two
        more for each of those, whose batches may have expired.
        """
        chunks = self.program.world.size if "chunk_size" in self.program.source else 1
        ahead = chunks * sum(site.ahead for site in run.sites)
        if GENERIC in self.program.source:
            ahead += chunks * FURTHER_MODELS * sum(site.evaluations for site in run.sites)
        meets_nothing = any("DoesNotExist" in repr(shown) for shown in plain.shown)
        return ahead + sum(site.paths for site in run.sites) * (2 * self.program.writes + meets_nothing)

    def repeated_loads(self) -> tuple[int, int]:
        """Count plain Django's repeated lazy loads, and those of them that the last run did not make one by one."""
        plain, run = self.pairs[-1]
        theirs, ours = Counter(plain.statements), Counter(run.statements)
        repeated = {sql: n for sql, n in theirs.items() if n > 1 and sql.startswith("SELECT")}
        answered = sum(n - max(ours[sql], 1) for sql, n in repeated.items() if ours[sql] < n)
        return sum(n - 1 for n in repeated.values()), answered


def compared(program: Program) -> Comparison:
    """Run a program plainly, cold, warm several times, and plainly again, each time on the same rows."""
    autoprefetch.reset()
    know_content_types()
    using = CurrentDatabaseRouter().db_for_write(Book)
    function = program.function()
    with undone(using):
        program.world.build()
        late = LATE if "late()" in program.source else (False,) * len(LATE)
        plain = {is_late: run(function, using, {"MODE": "off"}, is_late) for is_late in sorted(set(late))}
        automatic = [run(function, using, program.settings, is_late) for is_late in late]
        comparison = Comparison(program, tuple((plain[at], ran) for at, ran in zip(late, automatic, strict=True)))
        if comparison.difference():
            again = {is_late: run(function, using, {"MODE": "off"}, is_late) for is_late in plain}
            is_same = all(again[at].outcome == plain[at].outcome and again[at].is_consistent for at in plain)
            comparison = replace(comparison, is_repeatable=is_same)
    autoprefetch.reset()
    return comparison


def run(function: Callable[[Vocabulary], None], using: str, settings: dict[str, Any], is_late: bool) -> Run:
    """Run a program once and undo what it wrote."""
    vocabulary, error = Vocabulary(using, is_late=is_late), None
    before = evaluations()
    with autoprefetch.override(**settings), undone(using):
        with count_queries() as queries:
            try:
                function(vocabulary)
            except Exception as raising:
                error = raised(raising)
        is_changed = any(map(is_write, queries.statements))
        tables = contents(using) if is_changed else {}
        is_consistent = not is_changed or constraints_hold(using)
    sites = autoprefetch.report().call_sites
    quarantined = tuple(site.quarantined for site in sites if site.quarantined)
    statements = tuple(map(without_values, queries.statements))
    return Run(vocabulary.shown, error, tables, statements, quarantined, tuple(sites_since(before)), is_consistent)


def evaluations() -> dict[str, tuple[int, int]]:
    """Return for each call site its evaluations, and how often they loaded a relation ahead that was not joined."""
    found = {}
    for site in autoprefetch.report().call_sites:
        queried = {branch.path for branch in site.plan.walk() if branch.method is Method.PREFETCH} if site.plan else ()
        ahead = sum(usage.eager for path, usage in site.profile.usages.items() if path in queried)
        found[site.key] = site.profile.evaluations, ahead
    return found


def sites_since(before: dict[str, tuple[int, int]]) -> Iterator[Site]:
    """Yield what each call site has done since."""
    after = evaluations()
    for site in autoprefetch.report().call_sites:
        times, ahead = (now - then for now, then in zip(after[site.key], before.get(site.key, (0, 0)), strict=True))
        yield Site(times, ahead, times * len(site.profile.usages))


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
    quote = connections[using].ops.quote_name
    with connections[using].cursor() as cursor:
        for model in schema.tables():
            is_given = not model._meta.auto_created and model not in WITHOUT_GIVEN_KEY
            names = [
                quote(f.column) for f in model._meta.local_concrete_fields if f.column and (is_given or f.name != "id")
            ]
            cursor.execute(f"SELECT {', '.join(names)} FROM {quote(model._meta.db_table)}")  # hidden rows too
            found[model._meta.label] = sorted(cursor.fetchall(), key=repr)
    return found


def constraints_hold(using: str) -> bool:
    """Tell whether a commit would be accepted; the transaction may be broken afterwards."""
    try:
        connections[using].check_constraints()
    except DatabaseError:
        return False
    return True


def is_write(statement: str) -> bool:
    return re.match(r"\[\w+\] (SELECT|SAVEPOINT|RELEASE|ROLLBACK)", statement) is None


def without_values(statement: str) -> str:
    """Return the text of a statement without its alias and parameters."""
    sql = statement.partition("] ")[2].rpartition(" <- ")[0]
    return re.sub(r"s\d+_x\d+", "savepoint", sql)
