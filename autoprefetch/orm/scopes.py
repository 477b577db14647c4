"""What `SCOPE` reaches: every queryset of instances, but for those that Django evaluates for itself.

Left alone are the queries of a prefetch, of a lazy load, of `delete()` collecting what it reaches, of migrations,
fixtures and deserialisers, of system checks, and of a test database that is set up. They are known by what runs around
them, kept in a context variable, or by how they are made.
"""

from __future__ import annotations

from collections.abc import Callable
from contextvars import ContextVar
from functools import wraps
from threading import Lock
from typing import Any

from django.core import checks
from django.core.checks import registry
from django.db.models import deletion, query
from django.db.models.manager import BaseManager

from autoprefetch.orm.forms import loads_instances
from autoprefetch.orm.marks import AnyQuerySet, query_state

CHILD = "autoprefetch_child"
"""Marks the query of a related manager whose parent is tracked by nobody."""

BUILT = "autoprefetch_built"
"""Marks a query with the place where the application built it, for the advice to name."""

_COMMANDS = frozenset(
    f"django.core.management.commands.{name}"
    for name in ("check", "createcachetable", "dumpdata", "flush", "loaddata", "makemigrations", "migrate")
)
_HISTORICAL = "__fake__"  # the module of the models that migrations make (db/migrations/state.py, Django 5.2 to 6.1)

_is_left_alone: ContextVar[bool] = ContextVar("autoprefetch_left_alone", default=False)


class leaving_alone:  # noqa: N801  (a context manager)
    """Let `SCOPE` make nothing automatic inside the block."""

    __slots__ = ("_token",)

    def __enter__(self) -> None:
        self._token = _is_left_alone.set(True)

    def __exit__(self, *exc_info: object) -> None:
        _is_left_alone.reset(self._token)


def is_in_scope(queryset: AnyQuerySet, scope: str | frozenset[str]) -> bool:
    """Tell whether `SCOPE` makes a queryset automatic that carries no mark.

    Args:
        queryset: it is not evaluated.
        scope: "explicit", "all", or the labels of models in lower case.
    """
    if scope == "explicit" or _is_left_alone.get():
        return False
    model = queryset.model
    if model is None or model.__module__ == _HISTORICAL:
        return False
    if scope != "all" and model._meta.label_lower not in scope:
        return False
    return loads_instances(queryset) and not _is_lazy_load(queryset)


def _is_lazy_load(queryset: AnyQuerySet) -> bool:
    """Tell whether a descriptor or `refresh_from_db` made a queryset for one instance, which it names in the hints."""
    return bool(getattr(queryset, "_hints", None)) and CHILD not in queryset._query.__dict__


_installing = Lock()
_installed: list[tuple[Any, str]] = []


class Built:
    """Keeps a place in a query; whoever copies a query into another process has no use for it."""

    __slots__ = ("place",)

    def __init__(self, place: Any) -> None:
        self.place = place

    def __reduce__(self) -> tuple[Any, ...]:
        return type(None), ()


def built_at(queryset: AnyQuerySet) -> Any:
    """Return the place where a queryset was built; None where nobody looked."""
    built = query_state(queryset).get(BUILT)
    return None if built is None else built.place


def install(building: Callable[[], Any]) -> None:
    """Leave alone what Django reads for itself, the first time this is called in a process.

    It is called where `SCOPE` is wider than "explicit", and needed nowhere else.

    Args:
        building: names the place where the application is building a queryset, or returns None.
    """
    if _installed:
        return
    with _installing:
        if not _installed:
            _installed.extend(_wrapped())
            manager: Any = BaseManager
            manager.get_queryset = _noting_place(manager.get_queryset, building)
            _installed.append((manager, "get_queryset"))


def _noting_place(plain: Callable[..., Any], building: Callable[[], Any]) -> Callable[..., Any]:
    @wraps(plain)
    def get_queryset(self: Any) -> Any:
        queryset = plain(self)
        # A lazy load has hints; what Django builds for itself is not advised.
        if not _is_left_alone.get() and not self._hints and (place := building()) is not None:
            query_state(queryset)[BUILT] = Built(place)
        return queryset

    return get_queryset


def _wrapped() -> list[tuple[Any, str]]:
    """Wrap what reads for Django itself; return each owner with the name."""
    # Here, because a project that asks for no scope should not wait for migrations, urllib.request and expat.
    from django.core.management.base import BaseCommand  # noqa: PLC0415
    from django.core.serializers import base, xml_serializer  # noqa: PLC0415
    from django.db.backends.base.creation import BaseDatabaseCreation  # noqa: PLC0415
    from django.db.migrations.executor import MigrationExecutor  # noqa: PLC0415

    places: list[tuple[Any, str]] = [
        (query, "prefetch_one_level"),
        (deletion.Collector, "collect"),
        (MigrationExecutor, "migrate"),
        (base, "build_instance"),
        (base, "deserialize_fk_value"),
        (base, "deserialize_m2m_values"),
        (xml_serializer.Deserializer, "_handle_object"),
        (registry, "run_checks"),
        (checks, "run_checks"),
        (BaseDatabaseCreation, "create_test_db"),
        (BaseDatabaseCreation, "serialize_db_to_string"),
        (BaseDatabaseCreation, "deserialize_db_from_string"),
    ]
    for owner, name in places:
        setattr(owner, name, left_alone(getattr(owner, name)))
    command: Any = BaseCommand
    command.execute = left_alone(command.execute, _is_housekeeping)
    return [*places, (command, "execute")]


def left_alone(plain: Callable[..., Any], holds: Callable[..., bool] | None = None) -> Callable[..., Any]:
    """Wrap what is to run without `SCOPE`: always, or where a condition holds for its first argument."""

    @wraps(plain)
    def run(*args: Any, **kwargs: Any) -> Any:
        if holds is not None and not holds(args[0]):
            return plain(*args, **kwargs)
        with leaving_alone():
            return plain(*args, **kwargs)

    return run


def _is_housekeeping(command: object) -> bool:
    return any(cls.__module__ in _COMMANDS for cls in type(command).__mro__)
