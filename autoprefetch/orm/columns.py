"""Columns: for a while, the attributes of a model tell which of its loaded columns are read.

The class attribute of a column is a `DeferredAttribute` without `__set__` (query_utils.py, Django 5.2 to 6.1), so
Python finds a loaded value in the instance itself and asks nobody. While a model is inspected, a descriptor that does
have one stands in its place, and passes everything on. Columns with another class attribute, such as files, cannot be
inspected. Neither can what reads the `__dict__` of an instance; pickles and copies are seen by `states.py`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from weakref import WeakKeyDictionary

from django.db.models import Model
from django.db.models.fields.related_descriptors import ForeignKeyDeferredAttribute
from django.db.models.query_utils import DeferredAttribute

from autoprefetch.orm import states

TIMES = 100
"""How often a model is inspected in a process: Python stops caching the attributes of classes that change too often."""

_inspected: WeakKeyDictionary[type[Model], int] = WeakKeyDictionary()


class _Inspected(DeferredAttribute):
    """Stands in for the class attribute of a column, and has its peer group told of each read."""

    def __init__(self, plain: DeferredAttribute) -> None:
        super().__init__(plain.field)
        self.plain = plain
        self.name = plain.field.attname

    def __get__(self, instance: Any, cls: Any = None) -> Any:
        if instance is None:
            return self.plain
        loaded = instance.__dict__
        state = loaded.get("_state")
        group = states.group_of(instance) if state is not None else None
        if group is not None and group.read is not None:
            group.read.add(self.name)
        return loaded[self.name] if self.name in loaded else self.plain.__get__(instance, cls)


class _Column(_Inspected):
    """Of a column that can be set and deleted in the instance."""

    def __set__(self, instance: Any, value: Any) -> None:
        instance.__dict__[self.name] = value

    def __delete__(self, instance: Any) -> None:
        if self.name not in instance.__dict__:
            msg = f"{type(instance).__name__!r} object has no attribute {self.name!r}"
            raise AttributeError(msg)
        del instance.__dict__[self.name]


class _Key(_Inspected):
    """Of the column of a foreign key, which forgets the related row when it is set, and cannot be deleted."""

    def __set__(self, instance: Any, value: Any) -> None:
        self.plain.__set__(instance, value)  # type: ignore[attr-defined]


_INSPECTED_BY: dict[type, type[_Inspected]] = {DeferredAttribute: _Column, ForeignKeyDeferredAttribute: _Key}


def may_be_inspected(model: type[Model]) -> bool:
    """Tell whether a model was not inspected too often yet."""
    return _inspected.get(model, 0) < TIMES


def inspect(model: type[Model]) -> dict[str, Any]:
    """Inspect a model from now on.

    Returns:
        what is to be given to `leave`: what the class itself had under the name of each inspected column.
    """
    _inspected[model] = _inspected.get(model, 0) + 1
    inspected = {name: _INSPECTED_BY[type(plain)](plain) for name, plain in _plain(model)}
    before: dict[str, Any] = {}
    try:
        for name, descriptor in inspected.items():
            before[name] = model.__dict__.get(name)
            setattr(model, name, descriptor)
    except BaseException:  # also where a person interrupts; nobody would make it undone
        leave(model, before)
        raise
    return before


def leave(model: type[Model], before: dict[str, Any]) -> None:
    """Make the attributes of a model as they were before it was inspected."""
    for name, plain in before.items():
        if plain is None:
            if name in model.__dict__:  # it inherits it
                delattr(model, name)
        else:
            setattr(model, name, plain)


def _plain(model: type[Model]) -> Iterator[tuple[str, Any]]:
    for field in model._meta.concrete_fields:
        plain = next((cls.__dict__[field.attname] for cls in model.__mro__ if field.attname in cls.__dict__), None)
        if type(plain) in _INSPECTED_BY:
            yield field.attname, plain
