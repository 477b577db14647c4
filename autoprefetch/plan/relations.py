"""Relations: what a model's attribute leads to, and whether a join may follow it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from typing import Any

from django.db.models import ForeignKey, Manager, Model
from django.db.models.constants import LOOKUP_SEP
from django.db.models.manager import BaseManager


class Kind(StrEnum):
    """The kinds of relation, in Django's words."""

    FOREIGN_KEY = "foreign key"
    ONE_TO_ONE = "one-to-one"
    REVERSE_ONE_TO_ONE = "reverse one-to-one"
    REVERSE_FOREIGN_KEY = "reverse foreign key"
    MANY_TO_MANY = "many-to-many"
    GENERIC_FOREIGN_KEY = "generic foreign key"
    GENERIC_RELATION = "generic relation"


TO_MANY = frozenset({Kind.REVERSE_FOREIGN_KEY, Kind.MANY_TO_MANY, Kind.GENERIC_RELATION})


@dataclass(frozen=True, slots=True)
class Relation:
    """One relation of a model.

    Attributes:
        name: the attribute, which is also the lookup for `prefetch_related`.
        query_name: the lookup for `select_related`.
        cache: the key under which Django keeps what was loaded.
        kind: its kind.
        owner: the label of the model that has the attribute.
        target: the model it leads to; None for a generic foreign key, which leads to any.
        columns: the columns of the owner that must be loaded to follow it (attnames).
        known_columns: the columns of the target that are the same for all rows of one parent (attnames).
        tables: the tables that following it reads; none when they cannot all be named.
        no_join: why it must never be joined; "" when it may be.
    """

    name: str
    query_name: str
    cache: str
    kind: Kind
    owner: str
    target: type[Model] | None
    columns: frozenset[str]
    known_columns: frozenset[str]
    tables: frozenset[str]
    no_join: str

    @property
    def is_to_many(self) -> bool:
        """Whether it leads to any number of rows."""
        return self.kind in TO_MANY

    def leads_back(self, above: Relation) -> bool:
        """Tell whether it leads from what another relation loads to where that one starts, which Django then knows."""
        if above.kind is Kind.ONE_TO_ONE:
            is_back = self.kind is Kind.REVERSE_ONE_TO_ONE and self.known_columns == above.columns
            return is_back and self.target is not None and self.target._meta.label == above.owner
        is_back = self.kind in (Kind.FOREIGN_KEY, Kind.ONE_TO_ONE) and self.columns == above.known_columns
        return is_back and above.kind in (Kind.REVERSE_FOREIGN_KEY, Kind.REVERSE_ONE_TO_ONE)

    @property
    def is_shared(self) -> bool:
        """Whether several rows may refer to the same row."""
        return self.kind in (Kind.FOREIGN_KEY, Kind.GENERIC_FOREIGN_KEY)


def relation(model: type[Model], name: str) -> Relation | None:
    """Return the relation behind an attribute of a model, or None when there is none (any more)."""
    return relations(model).get(name)


@cache
def relations(model: type[Model]) -> Mapping[str, Relation]:
    """Return the relations of a model by attribute name."""
    found = {}
    for field in model._meta.get_fields():
        if field.is_relation and (known := _relation(model, field)) is not None:
            found[known.name] = known
    return found


def unknown_in(model: type[Model], lookup: str) -> str:
    """Say which relation of a lookup a model does not have, and which it has; "" when it has all of them."""
    current: type[Model] | None = model
    for step in lookup.split(LOOKUP_SEP):
        if current is None:  # below a generic foreign key
            return ""
        known = relation(current, step)
        if known is None:
            return f"{current._meta.label} has no relation {step!r}; it has {', '.join(sorted(relations(current)))}."
        current = known.target
    return ""


def unnamed(model: type[Model], name: str) -> Relation | None:
    """Return the relation behind a filter that compares with a key, named `bank.Entry.account` by what it compares."""
    label = name.rpartition(".")[0]
    if not label:
        return None
    target = model._meta.apps.get_model(label)
    nothing: frozenset[str] = frozenset()
    tables = _named([target], target._default_manager)
    no_join = "it is written as a filter"
    kind = Kind.REVERSE_FOREIGN_KEY
    return Relation(name, name, name, kind, model._meta.label, target, nothing, nothing, tables, no_join)


def fault_of(model: type[Model], path: tuple[str, ...]) -> str:
    """Say what the models do not have (any more) of a path that was learned; "" when they have all of it."""
    current: type[Model] | None = model
    for step in path:
        if current is None:
            return ""
        name, _, variant = step.partition("(")[0].partition("[")
        try:
            known = relation(current, name) or unnamed(current, name)
            target = model._meta.apps.get_model(variant.removesuffix("]")) if variant else None
        except (LookupError, ValueError) as error:
            return f"{step} names a model that is not installed ({error})"
        if known is None:
            return f"{current._meta.label} has no relation {name!r} any more"
        current = target or known.target
    return ""


def _is_reverse(field: Any) -> bool:
    return bool(field.auto_created and not field.concrete)


def _kind(field: Any) -> Kind | None:
    reverse = _is_reverse(field)
    if field.many_to_many:
        return Kind.MANY_TO_MANY
    if field.one_to_one:
        return Kind.REVERSE_ONE_TO_ONE if reverse else Kind.ONE_TO_ONE
    if field.one_to_many:
        return Kind.REVERSE_FOREIGN_KEY if reverse else Kind.GENERIC_RELATION
    if field.many_to_one and not reverse:  # a generic relation seen from behind has no attribute
        return Kind.FOREIGN_KEY if field.related_model is not None else Kind.GENERIC_FOREIGN_KEY
    return None


def _relation(model: type[Model], field: Any) -> Relation | None:
    kind = _kind(field)
    reverse = _is_reverse(field)
    name = field.get_accessor_name() if reverse else field.name
    if kind is None or name is None:
        return None
    target = None if kind is Kind.GENERIC_FOREIGN_KEY else field.related_model
    return Relation(
        name=name,
        query_name=field.field.related_query_name() if reverse else field.name,
        # A many-to-many relation seen from behind is kept under its query name (ManyRelatedManager, Django 5.2 to 6.1).
        cache=field.field.related_query_name() if reverse and kind is Kind.MANY_TO_MANY else name,
        kind=kind,
        owner=model._meta.label,
        target=target,
        columns=_columns(field, kind),
        known_columns=_known_columns(field, kind),
        tables=_tables(field, kind, target),
        no_join=_no_join(field, kind, target),
    )


def _columns(field: Any, kind: Kind) -> frozenset[str]:
    if kind in (Kind.FOREIGN_KEY, Kind.ONE_TO_ONE):
        return frozenset(local.attname for local in field.local_related_fields)
    if kind is Kind.GENERIC_FOREIGN_KEY:
        return frozenset({field.model._meta.get_field(field.ct_field).attname, field.fk_field})
    return frozenset()


def _known_columns(field: Any, kind: Kind) -> frozenset[str]:
    if kind in (Kind.REVERSE_FOREIGN_KEY, Kind.REVERSE_ONE_TO_ONE):
        return frozenset(local.attname for local in field.field.local_related_fields)
    if kind is Kind.GENERIC_RELATION:
        content_type = field.related_model._meta.get_field(field.content_type_field_name)
        return frozenset({content_type.attname, field.object_id_field_name})
    return frozenset()


def _tables(field: Any, kind: Kind, target: type[Model] | None) -> frozenset[str]:
    if target is None:
        return frozenset()
    models = [target, *target._meta.all_parents]
    if kind is Kind.MANY_TO_MANY:
        models.append((field if _is_reverse(field) else field.remote_field).through)
    return _named(models, target._default_manager if kind in TO_MANY else target._base_manager)


def may_hide_rows(manager: Any) -> bool:
    """Tell whether a manager makes querysets of its own, which may leave rows out or show others."""
    return type(manager).get_queryset is not BaseManager.get_queryset


def _named(models: list[type[Model]], manager: Any) -> frozenset[str]:
    """Return the tables of models, or none if rows may come from others: through a view, or a manager of one's own."""
    if may_hide_rows(manager) or not all(model._meta.managed for model in models):
        return frozenset()
    return frozenset(model._meta.db_table for model in models)


def _no_join(field: Any, kind: Kind, target: type[Model] | None) -> str:
    if target is None or kind in TO_MANY:
        return f"a {kind} cannot be joined"
    label = target._meta.label
    if type(target._base_manager) is not Manager:
        return f"the base manager of {label} is customised, and a join would go past it"
    if hasattr(target, "polymorphic_model_marker"):
        return f"{label} is polymorphic, and a join would return its base class"
    if kind is not Kind.REVERSE_ONE_TO_ONE:
        if not isinstance(field, ForeignKey):
            return f"{field.model._meta.label}.{field.name} spans several columns"
        if not getattr(field, "db_constraint", True):
            return f"{field.model._meta.label}.{field.name} has db_constraint=False, and a join would drop rows"
    return ""
