"""The database store: a row for each call site, merged in short transactions on a connection of its own."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from contextvars import copy_context
from hashlib import sha256
from random import uniform
from threading import Thread
from typing import Any, TypeVar

from django.apps import apps
from django.db import OperationalError, connections, transaction

from autoprefetch import conf
from autoprefetch.learn.encoding import Reading, encoded
from autoprefetch.learn.histories import History
from autoprefetch.learn.stores import tell_nobody
from autoprefetch.observe import epochs

ATTEMPTS = 20
"""How often a transaction is tried that others stand in the way of: deadlocks, a locked file."""

T = TypeVar("T")


class DatabaseStore:
    """Keeps what is known in the table of the app `autoprefetch.database`.

    Args:
        alias: the database, by its name in `DATABASES`; routers are not asked.

    Each call uses a connection of the thread that makes it and closes it, as the thread in front of the store wants
    it. Within a transaction of the caller it uses a thread of its own, so that a rollback takes nothing away.
    """

    def __init__(self, alias: str = "default") -> None:
        self.alias = alias
        self.tell = tell_nobody
        self.may_lose = False
        self.whole: Callable[[], Mapping[str, History]] = dict
        self._reading = Reading(self._left_out)

    @staticmethod
    def fault_of(alias: object = "default") -> str:
        """Say what is wrong with the options, as a sentence; "" when nothing is."""
        if not apps.is_installed("autoprefetch.database"):
            return '"autoprefetch.database" has to be in INSTALLED_APPS. '
        return "" if alias in set(connections) else f"DATABASES has no {alias!r}. "

    def load(self, key: str) -> History | None:
        """Return the history of a call site."""
        return self._apart(lambda: self._load(key))

    def items(self) -> list[tuple[str, History]]:
        """Return all that is known."""
        return self._apart(self._items)

    def merge(self, key: str, delta: History) -> None:
        """Add counts to the history of a call site."""
        self.merge_many({key: delta})

    def merge_many(self, deltas: Mapping[str, History]) -> None:
        """Add counts to the histories of several call sites."""
        self._apart(lambda: self._persistently(lambda: self._merge(deltas)))

    def delete(self, key: str) -> None:
        """Forget one call site."""
        self._apart(lambda: self._rows.filter(digest=_digest(key)).delete())

    def is_emptied(self) -> bool:
        """Nothing is lost: what is not there was forgotten."""
        return False

    def clear(self) -> None:
        """Forget everything."""
        self._apart(lambda: self._rows.all().delete())

    @property
    def _rows(self) -> Any:
        # Not at the top: the app is optional, and the settings name this module before models can be imported.
        from autoprefetch.database.models import CallSite  # noqa: PLC0415

        return CallSite._default_manager.using(self.alias)

    def _load(self, key: str) -> History | None:
        row = self._rows.filter(digest=_digest(key)).first()
        return None if row is None else self._history(row)

    def _items(self) -> list[tuple[str, History]]:
        rows = list(self._rows.order_by("key"))
        self._reading.only(row.key for row in rows)
        read = ((row.key, self._history(row)) for row in rows)
        return [(key, history) for key, history in read if history is not None]

    def _history(self, row: Any) -> History | None:
        return self._reading.history(row.key, row.history) if row.history else None

    def _left_out(self, key: str, reason: str) -> None:
        self.tell(f"The database {self.alias!r}: {key} is left out, because {reason}.")

    def _merge(self, deltas: Mapping[str, History]) -> None:
        with transaction.atomic(using=self.alias):
            model = self._rows.model
            digests = {_digest(key): key for key in deltas}
            # Writing comes first, in one order: SQLite takes its lock then, and rows that are locked were not read yet.
            new = [
                model(digest=digest, key=key, model=key.rpartition(" < ")[2][:255]) for digest, key in digests.items()
            ]
            self._rows.bulk_create(sorted(new, key=lambda row: row.digest), ignore_conflicts=True)
            rows = list(self._rows.select_for_update().filter(digest__in=digests).order_by("digest"))
            for row in rows:
                delta, known = deltas[digests[row.digest]], self._history(row)
                merged = known.merged_with(delta) if known else delta
                row.history, row.evaluations = json.dumps(encoded(merged)), merged.evaluations
                row.save(using=self.alias, force_update=True)

    def _persistently(self, work: Callable[[], T]) -> T:
        """Run a transaction, and again when it stood in the way of another."""
        for attempt in range(1, ATTEMPTS):
            try:
                return work()
            except OperationalError:
                time.sleep(uniform(0.5, 1) * 0.01 * attempt)
        return work()

    def _apart(self, work: Callable[[], T]) -> T:
        """Run work outside of any transaction of the caller; its querysets are plain."""
        if connections[self.alias].in_atomic_block:
            return _in_thread(lambda: self._apart(work))
        try:
            return copy_context().run(_unnoticed, work)
        finally:
            connections[self.alias].close()


def _unnoticed(work: Callable[[], T]) -> T:
    """Run work whose querysets are plain, and whose writes make nothing stale that a request has loaded."""
    epochs.begin()
    with conf.override(MODE="off"):
        return work()


def _in_thread(work: Callable[[], T]) -> T:
    found: list[T] = []
    errors: list[BaseException] = []

    def run() -> None:
        try:
            found.append(work())
        except BaseException as error:
            errors.append(error)

    thread = Thread(target=run, name="autoprefetch database")
    thread.start()
    thread.join()
    if errors:
        raise errors[0]
    return found[0]


def _digest(key: str) -> str:
    return sha256(key.encode()).hexdigest()
