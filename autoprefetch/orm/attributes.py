"""Attributes: for a while, a model tells which of some attributes of its instances are read.

Annotations, and what a `Prefetch` puts into an attribute of its own, lie in the instance, where Python finds them and
asks nobody. So the class gets a `__getattribute__` for that while. It sees the reads of `__dict__` too, by which a
program may read all at once; those of Django's own modules look one name up, or are seen elsewhere (`states.py`).
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any

from django.db.models import Model

from autoprefetch.orm import states

_ALL = ""
_plain = object.__getattribute__
_INTERNAL = ("django.db.models.", "django.utils.functional", "autoprefetch.")


def may_be_watched(model: type[Model]) -> bool:
    """Tell whether a model finds its attributes as all objects do."""
    return model.__getattribute__ is _plain


def watch(model: type[Model], names: frozenset[str]) -> None:
    """Have the peer group of an instance told of each read of one of some attributes, until `leave`."""
    watched = names | {"__dict__"}

    def getattribute(self: Any, name: str) -> Any:
        if name in watched and (name != "__dict__" or not _is_internal()):
            _tell(self, name if name in names else _ALL)
        return _plain(self, name)

    model.__getattribute__ = getattribute  # type: ignore[method-assign]


def leave(model: type[Model]) -> None:
    """Let a model find its attributes as before; where watching it failed, it does so already."""
    if "__getattribute__" in model.__dict__:
        del model.__getattribute__


def _is_internal() -> bool:
    module = sys._getframe(2).f_globals.get("__name__") or ""
    return module.startswith(_INTERNAL)


def _tell(instance: Any, name: str) -> None:
    values: Mapping[str, Any] = _plain(instance, "__dict__")
    group = states.group_of(instance) if "_state" in values else None
    if group is not None:
        group.read_attribute(name)
