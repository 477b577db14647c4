"""Run a view as plain Django and then with autoprefetch, and compare what it returns, raises and asks of the database.

A call site includes the frames that evaluate, so every run of a view is made from one and the same line.
"""

import contextvars
import re
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from asgiref.sync import async_to_sync
from django.apps import apps
from django.contrib.contenttypes.models import ContentType
from django.db import transaction

import autoprefetch
from tests.databases import QueryLog, count_queries
from tests.routers import CurrentDatabaseRouter, on_database

View = Callable[[], Any]


@dataclass(frozen=True)
class Run:
    """What one run of a view gave: a value or an error, and the queries that it took."""

    value: Any
    error: tuple[type[Exception], str] | None
    log: QueryLog

    @property
    def queries(self) -> int:
        return len(self.log)

    @property
    def outcome(self) -> Any:
        """What the caller sees, so that `plain.outcome == warm.outcome` compares errors too."""
        return self.error or self.value

    def joins(self, table: str) -> bool:
        """Tell whether a statement joined the table."""
        return any(re.search(rf'JOIN ["`]{table}["`]', sql) for sql in self.log.statements)

    def prefetches(self, table: str) -> bool:
        """Tell whether a statement asked for rows of the table by a list of keys.

        It is written with IN, or with OR where Django 5.2 does.
        """
        return any(re.search(rf'FROM ["`]{table}["`].*( IN \(| OR )', sql) for sql in self.log.statements[1:])


def runs(view: View, times: int = 3, *, keep_writes: bool = False, **settings: Any) -> list[Run]:
    """Run a view once with MODE "off" and then `times` times as the settings say.

    Args:
        view: it takes nothing and returns plain values.
        times: the first is cold, all others are warm.
        keep_writes: let a run see what the runs before it wrote.
        settings: what to override besides, such as `JOIN_UNORDERED=True`.
    """
    know_content_types()
    found = []
    for overrides in [{"MODE": "off"}, *[settings] * times]:
        with autoprefetch.override(**overrides), undoing(not keep_writes), count_queries() as log:
            found.append(result(view, log))
    return found


def plain_cold_warm(view: View, **settings: Any) -> tuple[Run, Run, Run]:
    """Run a view plainly, cold and warm, and see that it stays as it is when it is warm."""
    plain, cold, warm, again = runs(view, 3, **settings)
    assert cold.outcome == plain.outcome, cold.log
    assert warm.outcome == plain.outcome, warm.log
    assert again.outcome == plain.outcome, again.log
    assert again.queries == warm.queries, f"the third run\n{again.log}\nafter the second\n{warm.log}"
    return plain, cold, warm


def same_when_it_writes_at_last(view: View, writes: list[bool]) -> Any:
    """Run a view that learns by reading alone and then writes for the first time; return what plain Django gives.

    Args:
        view: it writes if `writes[0]` is set.
        writes: a list of one truth.
    """
    know_content_types()
    found = []
    for mode, does_write in [("off", True), ("auto", False), ("auto", False), ("auto", True), ("auto", True)]:
        writes[0] = does_write
        with undoing(True), autoprefetch.override(MODE=mode):
            outcome = view()
        if does_write:
            found.append(outcome)
    plain, *automatic = found
    assert automatic == [plain] * 2
    return plain


def same_in_new_contexts(view: Callable[[], Coroutine[Any, Any, Any]], database: str) -> Any:
    """Await a view plainly, cold and warm, in contexts that know nothing; return what plain Django gives."""

    def run(mode: str) -> Any:
        with on_database(database), undoing(True), autoprefetch.override(MODE=mode):
            return async_to_sync(view)()

    plain, *automatic = [contextvars.Context().run(run, mode) for mode in ("off", "auto", "auto", "auto")]
    assert automatic == [plain] * 3
    return plain


def result(view: View, log: QueryLog) -> Run:
    try:
        return Run(view(), None, log)
    except Exception as error:
        return Run(None, (type(error), str(error)), log)


@contextmanager
def undoing(is_wanted: bool) -> Iterator[None]:
    """Roll back what the block writes."""
    alias = CurrentDatabaseRouter().db_for_write(ContentType)
    if not is_wanted or not transaction.get_connection(alias).in_atomic_block:
        yield
        return
    with transaction.atomic(using=alias):
        yield
        transaction.set_rollback(True, using=alias)


def know_content_types() -> None:
    """Fill the cache of content types, whose queries belong to no view."""
    ContentType.objects.get_for_models(*apps.get_models(), for_concrete_models=True)


def plan_of(model: str | None = None) -> dict[str, tuple[str, str]]:
    """Return how each path of the only call site (of a model) is loaded, and why."""
    sites = [site.as_dict() for site in autoprefetch.report().call_sites]
    (site,) = [site for site in sites if model in (None, site["model"])]
    assert site["quarantined"] == ""
    return {row["path"]: (row["method"], row["reason"]) for row in site["relations"]}


def raised(action: Callable[[], Any]) -> Any:
    """Return the value of an action, or the type and the message of what it raised, for use in a view's value."""
    try:
        return action()
    except Exception as error:
        return type(error).__qualname__, str(error)
