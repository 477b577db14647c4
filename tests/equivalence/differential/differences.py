"""Run a program as plain Django and automatically, and say what differs."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import zip_longest
from typing import Any
from unittest.mock import patch

from django.db import DatabaseError, connections, transaction

import autoprefetch
from autoprefetch import evaluation
from autoprefetch.observe.recordings import Recording
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

FAULT = "a fault of autoprefetch"


@dataclass(frozen=True)
class Site:
    """What one call site did in one run.

    Attributes:
        paths: relations and shapes that its evaluations loaded, ahead or when they were touched.
    """

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
        unused: relations that an evaluation loaded ahead by a query of its own, of which it used nothing.
    """

    shown: list[Any]
    error: tuple[str, str] | None
    tables: dict[str, list[Any]]
    statements: tuple[str, ...]
    quarantined: tuple[str, ...]
    sites: tuple[Site, ...]
    is_consistent: bool
    unused: int

    @property
    def outcome(self) -> Any:
        return self.shown, self.error, self.tables

    @property
    def queries(self) -> int:
        return len(self.statements)


#: What takes a few rows of an ordering that does not end in the key, be it that of `Loan` itself.
TIES = re.compile(
    r"""\.earliest\('(?!pk')\w+'\)|(order_by\("-?(?!pk)\w+"\)|\bloans\b|\bLoan\b).*(\.a?first\b|\.a?last\b|\[)"""
)


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

        It is what promise P3 says: one for each relation that was loaded ahead and not used; where the program writes,
        two for each relation or shape of an evaluation, whose batches may have expired. Where it meets keys that lead
        nowhere, one for each of those: the batch was of no use to the row that caused it. Deferred columns are batched
        together in an evaluation, and count as one more. What a batch prefetches by a lookup of the caller may be for
        rows of peers that are not asked for.
        """
        meets_nothing = any("DoesNotExist" in repr(shown) for shown in plain.shown)
        defers = any(method in self.program.source for method in ("only(", "defer("))
        loaded = sum(site.paths + defers for site in run.sites)
        return (
            run.unused
            + self.program.source.count("prefetch_related(")
            + loaded * (2 * self.program.writes + meets_nothing)
        )

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
            comparison = replace(comparison, is_repeatable=is_same and not is_undecided(program, using))
    autoprefetch.reset()
    return comparison


def is_undecided(program: Program, using: str) -> bool:
    """Tell whether a program takes a few of rows that sort alike from MariaDB.

    Where it sorts a join in a temporary table, the very same statement gives others of them on other connections: of
    1,200 runs of `friends.order_by("name")[:1]` 920, 140 and 140 gave each of three friends of one name.
    """
    return connections[using].vendor == "mysql" and TIES.search(program.source) is not None


def run(function: Callable[[Vocabulary], None], using: str, settings: dict[str, Any], is_late: bool) -> Run:
    """Run a program once and undo what it wrote."""
    vocabulary, error = Vocabulary(using, is_late=is_late, by_scope="SCOPE" in settings), None
    before = evaluations()
    recordings: list[Recording] = []
    with autoprefetch.override(**settings), undone(using), noting(recordings):
        with count_queries() as queries:
            try:
                function(vocabulary)
            except Exception as raising:
                error = raised(raising)
        is_changed = any(map(is_write, queries.statements))
        tables = contents(using) if is_changed else {}
        is_consistent = not is_changed or constraints_hold(using)
    quarantined = tuple(site.quarantined for site in autoprefetch.report().call_sites if site.quarantined)
    statements = tuple(map(without_values, queries.statements))
    unused = sum(len(recording.tally.unused()) for recording in recordings)
    sites = tuple(sites_since(before))
    return Run(vocabulary.shown, error, tables, statements, quarantined, sites, is_consistent, unused)


@contextmanager
def noting(recordings: list[Recording]) -> Iterator[None]:
    """Keep the recordings of the block."""

    def noted(*args: Any, **options: Any) -> Recording:
        recordings.append(Recording(*args, **options))
        return recordings[-1]

    with patch.object(evaluation, "Recording", noted):
        yield


def evaluations() -> dict[str, int]:
    """Return how often each call site was evaluated."""
    return {site.key: site.totals.evaluations for site in autoprefetch.report().call_sites}


def sites_since(before: dict[str, int]) -> Iterator[Site]:
    """Yield what each call site has done since."""
    for site in autoprefetch.report().call_sites:
        times = site.totals.evaluations - before.get(site.key, 0)
        yield Site(times * len(site.profile.usages))


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
