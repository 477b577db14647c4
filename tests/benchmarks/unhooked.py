"""Plain Django without our hooks, which stay on Django's classes for good once the first `auto()` has run.

Where microseconds are compared, the plain variant runs with what the hooks replaced put back.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from django.contrib.contenttypes.fields import GenericForeignKey
from django.core.handlers.base import BaseHandler
from django.core.management.base import BaseCommand
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.utils import CursorWrapper
from django.db.models import Model, QuerySet
from django.db.models.base import ModelState
from django.db.models.fields.related_descriptors import (
    ForwardManyToOneDescriptor,
    ReverseManyToOneDescriptor,
    ReverseOneToOneDescriptor,
)
from django.db.models.query import RawQuerySet
from django.db.models.query_utils import DeferredAttribute
from django.db.models.sql.compiler import SQLCompiler

from tests.benchmarks.measuring import Variant

HOOKED: tuple[type[Any], ...] = (
    BaseCommand,
    BaseDatabaseWrapper,
    BaseHandler,
    CursorWrapper,
    DeferredAttribute,
    ForwardManyToOneDescriptor,
    GenericForeignKey,
    Model,
    ModelState,
    QuerySet,
    RawQuerySet,
    ReverseManyToOneDescriptor,
    ReverseOneToOneDescriptor,
    SQLCompiler,
)
_plain: dict[type[Any], dict[str, Any]] = {}
_taken_off: list[tuple[type[Any], str, Any]] = []
_MISSING = object()


def remember() -> None:
    """Remember Django's classes as they are; to be called before the first `auto()`."""
    for cls in HOOKED:
        _plain[cls] = dict(vars(cls))


def side_by_side(plain: Variant, *others: Variant) -> list[Variant]:
    """Return variants of which the first runs without hooks.

    Each does its work once before it is measured: Python has to learn the changed classes anew.
    """
    return [
        replace(plain, prepare=take_off, finish=put_back, runs_before=1),
        *(replace(variant, runs_before=1) for variant in others),
    ]


def take_off() -> None:
    """Put back what the hooks replaced."""
    for cls, plain in _plain.items():
        for name, hook in list(vars(cls).items()):
            if plain.get(name, _MISSING) is not hook:
                _taken_off.append((cls, name, hook))
                if name in plain:
                    setattr(cls, name, plain[name])
                else:
                    delattr(cls, name)


def put_back() -> None:
    """Put the hooks on again."""
    for cls, name, hook in _taken_off:
        setattr(cls, name, hook)
    _taken_off.clear()
