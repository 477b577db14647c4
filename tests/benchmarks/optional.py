"""Variants of packages that may not be installed: what is missing is skipped by name."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from importlib.util import find_spec
from types import FunctionType
from typing import Any

import django
from django.db import models
from django.db.models import Model, QuerySet

FETCH_PEERS: Any = None
if hasattr(QuerySet, "fetch_mode"):
    from django.db.models import FETCH_PEERS as FETCH_PEERS_OF_DJANGO

    FETCH_PEERS = FETCH_PEERS_OF_DJANGO

AUTO_PREFETCH = find_spec("auto_prefetch") is not None
ZEAL = find_spec("zeal") is not None


def skipped() -> dict[str, str]:
    """Say which variants are not measured here, and why."""
    reasons = {
        "fetch_peers": "" if FETCH_PEERS else f"Django {django.get_version()} has no FETCH_PEERS, 6.1 has",
        "auto_prefetch": "" if AUTO_PREFETCH else "django-auto-prefetch is not installed",
        "zeal": "" if ZEAL else "django-zeal is not installed",
    }
    return {name: reason for name, reason in reasons.items() if reason}


_twins: dict[type[Model], type[Model]] = {}


def twin(model: type[Model]) -> type[Any]:
    """Return a model of django-auto-prefetch on the table of another model, made of its base classes.

    Foreign keys of a twin lead to twins.
    """
    if model not in _twins:
        import auto_prefetch  # registers models, so Django has to be set up

        options = type(
            "Meta",
            (auto_prefetch.Model.Meta,),
            {
                "managed": False,
                "app_label": "benchmark_tables",
                "db_table": model._meta.db_table,
                "ordering": model._meta.ordering,
            },
        )
        columns: dict[str, Any] = {field.name: _copied(field, auto_prefetch) for field in model._meta.concrete_fields}
        name = f"AutoPrefetch{model.__name__}"
        methods = {name: value for name, value in methods_of(model) if name not in columns}
        _twins[model] = type(
            name, (auto_prefetch.Model,), {"__module__": __name__, "Meta": options, **methods, **columns}
        )
    return _twins[model]


def methods_of(model: type[Model]) -> Iterator[tuple[str, Any]]:
    """Yield the methods that a model has beside those of every model."""
    for cls in reversed(model.__mro__):
        if cls is not Model and issubclass(cls, Model):
            yield from ((name, value) for name, value in vars(cls).items() if isinstance(value, FunctionType))


def _copied(field: Any, auto_prefetch: Any) -> Any:
    if not isinstance(field, models.ForeignKey):
        return field.clone()
    remote = field.remote_field
    kinds: dict[bool, Callable[..., Any]] = {True: auto_prefetch.OneToOneField, False: auto_prefetch.ForeignKey}
    return kinds[field.one_to_one](
        twin(field.related_model), models.DO_NOTHING, related_name=remote.related_name, null=field.null
    )
