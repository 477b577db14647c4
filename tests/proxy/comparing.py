"""Run the same view plainly and automatically, and compare what it answers and what it asks the database."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from django.contrib.contenttypes.models import ContentType
from django.db import router, transaction
from django.db.models import Model

from autoprefetch import auto
from tests.databases import QueryLog, count_queries
from tests.library.models import Book

Wrap = Callable[[Any], Any]
View = Callable[[Wrap], Any]


@dataclass(frozen=True)
class Run:
    """What one run of a view showed: its answer or its error, with types, and its queries."""

    answer: object
    log: QueryLog
    raised: bool = False

    @property
    def queries(self) -> int:
        return len(self.log)

    @property
    def batched(self) -> int:
        """The queries that are left when no SELECT is sent once for each row: what a cold run takes."""
        sent = [sql.rpartition(" <- ")[0] for sql in self.log.statements]
        reads = {sql for sql in sent if is_read(sql)}
        return len(reads) + sum(not is_read(sql) for sql in sent)


def is_read(sql: str) -> bool:
    """Tell whether a statement, with its alias before it, only reads."""
    return sql.partition("] ")[2].startswith("SELECT")


def plainly(queryset: Any) -> Any:
    """Stand in for `auto` where Django itself is to show what is right."""
    return queryset


def described(value: Any) -> object:
    """Describe a value so that equal descriptions mean the same values, types and order."""
    if isinstance(value, Model):
        columns = {field.attname for field in value._meta.concrete_fields}
        return type(value), {name: held for name, held in vars(value).items() if name in columns}
    if isinstance(value, Mapping):
        return value.__class__, [(described(key), described(item)) for key, item in value.items()]
    if isinstance(value, Iterable) and not isinstance(value, str | bytes):
        return value.__class__, [described(item) for item in value]
    return type(value), value


def run(view: View, wrap: Wrap) -> Run:
    """Run a view once, and undo what it wrote."""
    ContentType.objects.clear_cache()
    with transaction.atomic(using=(alias := router.db_for_write(Book))):
        with count_queries() as log:
            raised = False
            try:
                answer = described(view(wrap))
            except Exception as error:  # whatever it is, it is to be the same
                answer, raised = (type(error), str(error)), True
        transaction.set_rollback(True, using=alias)
    return Run(answer, log, raised)


def runs(view: View, times: int = 3) -> list[Run]:
    """Run an automatic view several times from one place: the first run is cold, the others are warm."""
    return [run(view, auto) for _ in range(times)]


def assert_same(view: View, *, warm: int | None = None, cold: int | None = None, may_raise: bool = False) -> Run:
    """Assert that a view answers the same with `auto` as without, cold and warm, and what it costs.

    Args:
        view: takes `auto`, or what stands in for it, and returns what it read.
        warm: the queries of a warm run; None when there is nothing to save.
        cold: the queries of the cold run; None when it sends each SELECT of plain Django once, for all rows, or when
            there is nothing to save.
        may_raise: whether an error of the plain view is an answer like others.

    Returns:
        the plain run, for what else a test has to say about it.
    """
    plain = run(view, plainly)
    assert may_raise or not plain.raised, plain.answer
    first, *warmed = runs(view)
    expected = plain.queries if warm is None else warm
    at_first = cold if cold is not None else plain.queries if warm is None else plain.batched
    assert first.answer == plain.answer
    assert first.queries == at_first, f"plain: {plain.log}\ncold: {first.log}"
    assert first.queries <= plain.queries
    for again in warmed:
        assert again.answer == plain.answer
        assert again.queries == expected, f"plain: {plain.queries}, warm: {again.log}"
    assert expected <= plain.queries
    return plain


def assert_same_or_less(view: View) -> Run:
    """Assert that a view answers the same with `auto` as without, and never takes more queries."""
    plain = run(view, plainly)
    assert not plain.raised, plain.answer
    for attempt in runs(view):
        assert attempt.answer == plain.answer
        assert attempt.queries <= plain.queries, f"plain: {plain.queries}, auto: {attempt.log}"
    return plain
