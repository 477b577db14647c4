"""The words that programs are written in, beside Python and the models."""

from __future__ import annotations

import asyncio
import datetime
import uuid
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from itertools import count
from typing import Any

from asgiref.sync import async_to_sync, sync_to_async
from django.db import connections, models, transaction
from django.db.models import Avg, Count, Exists, F, Max, Min, OuterRef, Prefetch, Q, Sum, prefetch_related_objects
from django.db.models.manager import BaseManager

from autoprefetch import auto
from tests.equivalence.differential.schema import ROOTS
from tests.equivalence.differential.worlds import FIRST_DAY, WITHOUT_GIVEN_KEY, is_link, key_for
from tests.library.models import Reader

_FIRST_NEW = 100
_MOST_NEW = 50
_MOST_SHOWN = 2_000


class Stop(Exception):  # noqa: N818  (a word of the programs)
    """What a program raises by itself."""


class Vocabulary:
    """The words of one run, and what it has shown so far.

    Args:
        using: the database alias.
        is_late: whether the call sites have learned already what the program does without what it does late.
        by_scope: whether the setting makes all querysets automatic, so that `auto()` has nothing to do.
    """

    def __init__(self, using: str, *, is_late: bool, by_scope: bool = False) -> None:
        self.is_late = is_late
        self.auto = in_scope if by_scope else auto
        self.using = using
        self.shown: list[Any] = []
        self._new = count(_FIRST_NEW)
        self._calls = count(1)

    def words(self) -> dict[str, Any]:
        """Return the namespace that a program runs in."""
        own = (
            *("auto", "out", "each", "awaited", "arows", "nth", "late"),
            *("write", "in_task", "sql", "savepoint", "rolled_back", "make"),
        )
        django = (Avg, Count, Exists, F, Max, Min, OuterRef, Prefetch, Q, Sum, prefetch_related_objects)
        free = (any_order, by_key, day, odd, given, vars_of, uuid, Stop)
        return (
            {name: getattr(self, name) for name in own}
            | {word.__name__: word for word in (*django, *free)}
            | {model.__name__: model for model in ROOTS}
        )

    def show(self, value: Any) -> None:
        """Keep what a run gave; a program that adds to what its inner loops go through would run for hours."""
        if len(self.shown) > _MOST_SHOWN:
            msg = "too long"
            raise Stop(msg)
        self.shown.append(value)

    def out(self, value: Any) -> None:
        """Show a value; a callable is called, and what it raises is shown."""
        try:
            found = plain(value() if callable(value) else value)
        except Exception as error:
            found = raised(error)
        self.show(found)

    def each(self, source: Callable[[], Iterable[Any]]) -> Iterator[Any]:
        """Go through rows; when they cannot be had, show why and go on."""
        try:
            rows = iter(source())
        except Exception as error:
            self.show(raised(error))
            return
        yield from rows

    def write(self, action: Callable[[], Any]) -> None:
        """Do what writes, and show what came of it."""
        try:
            result = action()
        except Exception as error:
            self.show(raised(error))
        else:
            self.show(result if isinstance(result, int) else "written")

    def in_task(self, action: Callable[[], Any]) -> None:
        """Write in a child task and its thread."""

        async def child() -> None:
            await sync_to_async(self.write)(action)

        async def parent() -> None:
            await asyncio.gather(child(), asyncio.sleep(0))

        async_to_sync(parent)()

    def awaited(self, method: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        """Call what async code awaits."""
        return async_to_sync(method)(*args, **kwargs)

    def arows(self, queryset: Any) -> list[Any]:
        """Go through a queryset by `async for`."""

        async def rows() -> list[Any]:
            return [row async for row in queryset]

        return async_to_sync(rows)()

    def sql(self, statement: str, *params: Any) -> None:
        """Run SQL past the ORM."""
        with connections[self.using].cursor() as cursor:
            cursor.execute(statement, params)

    @contextmanager
    def savepoint(self) -> Iterator[None]:
        with transaction.atomic(using=self.using):
            yield

    @contextmanager
    def rolled_back(self) -> Iterator[None]:
        """Undo in the end what the block writes."""
        with transaction.atomic(using=self.using):
            yield
            transaction.set_rollback(True, using=self.using)

    def make(self, model: type[models.Model], **given: Any) -> Any:
        """Return a new row with a key that no other row has."""
        number = next(self._new)
        if number - _FIRST_NEW > _MOST_NEW:  # a cursor of SQLite's comes to the rows that are added while it is read
            msg = "too many new rows"
            raise Stop(msg)
        values: dict[str, Any] = {}
        for field in model._meta.fields:
            if is_link(field) or field.name == "pk" or field.name in given or field.attname in given:
                continue
            if field.primary_key and not field.is_relation and model not in WITHOUT_GIVEN_KEY:
                values[field.attname] = key_for(model, number)
            elif not field.primary_key or field.is_relation:
                values[field.attname] = _filling(field, number)
        return model(**values | given)

    def nth(self, every: int) -> bool:
        """Be true at every nth call in a run."""
        return next(self._calls) % every == 0

    def late(self) -> bool:
        """Be true in later runs: then a view does what it has never done before."""
        return self.is_late


def _filling(field: Any, number: int) -> Any:
    if field.is_relation:
        is_reader = field.related_model is Reader
        return None if field.null else uuid.UUID(int=1) if is_reader else 1
    if field.unique:
        return f"C{number}"
    if isinstance(field, models.DateField):
        return FIRST_DAY
    return 1 if isinstance(field, models.IntegerField) else "" if field.has_default() else "b"


def in_scope(source: Any, name: str) -> Any:
    """Stand for `auto()`."""
    return source.all()


def day(number: int) -> datetime.date:
    return FIRST_DAY + datetime.timedelta(days=number)


def odd(row: Any) -> bool:
    """Tell rows apart by their key, in the same way in every run."""
    return sum(map(ord, str(row.pk))) % 2 == 1


def given(name: str, value: Any, row: Any) -> Any:
    """Set an attribute of a row and return the row."""
    setattr(row, name, value)
    return row


def vars_of(row: Any) -> dict[str, Any]:
    """Return the columns of a row, to create it by."""
    return {field.attname: getattr(row, field.attname) for field in row._meta.concrete_fields}


def by_key(rows: Iterable[Any]) -> list[Any]:
    """Return rows in one order where the database promises none."""
    return sorted(rows, key=lambda row: repr(plain(row)))


def any_order(values: Iterable[Any]) -> list[Any]:
    """Return values in one order where the database promises none."""
    return sorted(map(plain, values), key=repr)


def raised(error: Exception) -> tuple[str, str]:
    return f"raised {type(error).__module__}.{type(error).__qualname__}", str(error)


def plain(value: Any) -> Any:
    """Return a value as what compares by its contents: rows as their loaded columns."""
    if isinstance(value, models.Model):
        hidden = {"id"} if isinstance(value, WITHOUT_GIVEN_KEY) else set()
        columns = {k: plain(v) for k, v in vars(value).items() if not k.startswith("_") and k not in hidden}
        return type(value).__name__, value._state.adding, sorted(columns.items())
    if isinstance(value, dict):
        return [(plain(key), plain(item)) for key, item in value.items()]
    if isinstance(value, BaseManager):
        value = value.all()
    if isinstance(value, Iterable) and not isinstance(value, (str, bytes)):
        return [plain(item) for item in value]
    return value
