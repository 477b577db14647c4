"""Sharing: what a plan joins becomes one instance for each related row, not one for each row that refers to it.

A join brings the columns of a related row with every row that refers to it, and `RelatedPopulator` (models/query.py,
Django 5.2 to 6.1) makes an instance of each. Rows that refer to the same row share it here, as they do after Django's
own `prefetch_related`. What the caller joins himself is left as Django makes it.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any
from uuid import UUID

from django.db.models import Model
from django.db.models import query as django_query
from django.db.models.fields.mixins import FieldCacheMixin

from autoprefetch.orm import states

ATTRIBUTE = "autoprefetch_sharing"
_query: Any = django_query  # what is used of these here is in no stubs
_model: Any = Model
_KEYS = (int, str, UUID)  # equal for Python only where they are equal for the database


def joined(queryset: Any, lookups: tuple[str, ...]) -> Any:
    """Return a queryset with joins added by `select_related`, whose related rows are shared.

    Args:
        queryset: it is not changed, and returned itself when there is nothing to join.
        lookups: what to join.
    """
    if not lookups:
        return queryset
    callers = queryset.query.select_related or {}
    found = queryset.select_related(*lookups)
    if getattr(found, "_fetch_mode", states.FETCH_ONE) in (states.FETCH_ONE, states.TRACKED):
        found.query.__dict__[ATTRIBUTE] = callers
    return found


def share(compiler: Any) -> None:
    """Let the rows that a compiler is about to hydrate share what was joined by `joined`."""
    callers = compiler.query.__dict__.get(ATTRIBUTE)
    if callers is not None and compiler.klass_info is not None:
        _share(compiler.klass_info, callers)


def _share(info: dict[str, Any], callers: dict[str, Any]) -> None:
    for below in info.get("related_klass_infos", ()):
        name = below["field"].related_query_name() if below["reverse"] else below["field"].name
        _share(below, callers.get(name, {}))
        below[ATTRIBUTE] = name not in callers and _is_plain(below)


def _is_plain(info: dict[str, Any]) -> bool:
    """Tell whether rows may share what a foreign key leads to: made, and put into their caches, as Django does it."""
    if info["reverse"] or info["from_parent"] or info["field"].unique:
        return False
    return (
        info["model"].from_db.__func__ is _model.from_db.__func__
        and len(info["model"]._meta.pk_fields) == 1
        and type(info["field"]).set_cached_value is FieldCacheMixin.set_cached_value
    )


class _SharingPopulator(_query.RelatedPopulator):  # type: ignore[misc]
    """Makes the instance of a related row when it comes for the first time."""

    def __init__(self, klass_info: dict[str, Any], *args: Any) -> None:
        super().__init__(klass_info, *args)
        self.key_at = self.cols_start + self.pk_idx
        self.name = klass_info["field"].cache_name
        self.make = getattr(self, "from_db", self.model_cls.from_db)  # bound with the fetch mode on Django 6.1
        self.made: dict[Any, Model] = {}

    def populate(self, row: Any, from_obj: Model) -> None:
        """Put the related row of an instance into its cache."""
        key = row[self.key_at]
        if type(key) not in _KEYS:  # None among them
            super().populate(row, from_obj)
            return
        made = self.made.get(key)
        if made is None:
            made = self.made[key] = self.make(self.db, self.init_list, row[self.cols_start : self.cols_end])
            made._state.autoprefetch_shared = True
            for below in self.related_populators:
                below.populate(row, made)
        from_obj._state.fields_cache[self.name] = made


def install() -> None:
    """Have Django make shared instances where it makes related ones."""
    plain: Callable[..., list[Any]] = _query.get_related_populators

    @wraps(plain)
    def get_related_populators(klass_info: dict[str, Any], *args: Any) -> list[Any]:
        infos = klass_info.get("related_klass_infos", ())
        if not any(info.get(ATTRIBUTE) for info in infos):
            return plain(klass_info, *args)
        return [(_SharingPopulator if info.get(ATTRIBUTE) else _query.RelatedPopulator)(info, *args) for info in infos]

    _query.get_related_populators = get_related_populators
