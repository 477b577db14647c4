"""Sharing: what a plan joins becomes one instance for each related row, not one for each row that refers to it.

A join brings the columns of a related row with every row that refers to it, and `RelatedPopulator` (models/query.py,
Django 5.2 to 6.1) makes an instance of each. Rows that refer to the same row share it here, as they do after Django's
own `prefetch_related`. What the caller joins himself is left as Django makes it.
"""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.db.models import Model

from autoprefetch.orm import states

ATTRIBUTE = "autoprefetch_sharing"
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
        field, model = below["field"], below["model"]
        name = field.related_query_name() if below["reverse"] else field.name
        _share(below, callers.get(name, {}))
        if name not in callers and not (field.unique or below["reverse"] or below["from_parent"]) and _is_plain(model):
            below["model"] = _Rows(model)


def _is_plain(model: type[Model]) -> bool:
    """Tell whether instances are made as Django makes them, and have one key."""
    made: Any = model.from_db
    return made.__func__ is Model.from_db.__func__ and len(model._meta.pk_fields) == 1  # type: ignore[attr-defined]


class _Rows:
    """Stands in for a model where `RelatedPopulator` makes its instances."""

    __slots__ = ("_key", "_meta", "_model", "_rows")

    def __init__(self, model: type[Model]) -> None:
        self._model = model
        self._meta = model._meta
        self._rows: dict[Any, Model] = {}
        self._key: int | None = None

    def from_db(self, db: str, names: list[str], values: Any, **fetch_mode: Any) -> Model:
        """Return the instance of a row; the same for each time that the row comes again."""
        if self._key is None:
            self._key = names.index(self._meta.pk.attname)
        key = values[self._key]
        known = self._rows.get(key) if type(key) in _KEYS else None
        if known is None:
            known = self._rows[key] = self._model.from_db(db, names, values, **fetch_mode)
            states.shares(known)
        return known
