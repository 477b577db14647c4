"""What the programs may say about each model: its columns and relations, read from the models themselves."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any

from django.contrib.contenttypes.models import ContentType
from django.db import models

from tests.equivalence.differential.worlds import MODELS, is_link
from tests.library.models import Classic, Contribution, Membership

Model = type[models.Model]
ROOTS: list[Model] = [*MODELS, Classic]


@dataclass(frozen=True)
class Column:
    """A column that is not a key, with values to compare it with, as they are written in a program."""

    name: str
    literals: tuple[str, ...]
    is_text: bool


@dataclass(frozen=True)
class Link:
    """A relation of a model.

    Attributes:
        name: the attribute.
        query_name: the lookup.
        target: where it leads; None for a generic foreign key.
        key: the column of a foreign key, "" where there is none that may be set.
        is_null: whether the key may be NULL.
        takes_rows: whether the manager of a to-many relation has `add` and `set`.
        removes_rows: whether it has `remove` and `clear`.
    """

    name: str
    query_name: str
    target: Model | None
    key: str = ""
    is_null: bool = False
    takes_rows: bool = False
    removes_rows: bool = False


def _fields(model: Model) -> list[Any]:
    """Return the fields of a model, without what models of single tests have added to it."""
    return [
        field
        for field in model._meta.get_fields()
        if field.related_model is None or field.related_model._meta.concrete_model in (*MODELS, ContentType)
    ]


@cache
def columns(model: Model) -> tuple[Column, ...]:
    """Return the plain columns of a model."""
    found = []
    for field in model._meta.fields:
        if field.is_relation or field.primary_key or field.name == "object_id" or field.name.startswith("column_"):
            continue
        if isinstance(field, models.DateField):
            found.append(Column(field.name, tuple(f"day({n})" for n in range(4)), is_text=False))
        elif isinstance(field, models.BooleanField):
            found.append(Column(field.name, ("True", "False"), is_text=False))
        elif isinstance(field, models.IntegerField):
            found.append(Column(field.name, ("0", "1", "2", "3"), is_text=False))
        else:
            found.append(Column(field.name, ('"a"', '"b"', '"c"'), is_text=not field.unique))
    return tuple(found)


@cache
def to_one(model: Model) -> tuple[Link, ...]:
    """Return the to-one relations of a model: foreign keys, one-to-one both ways, generic foreign keys."""
    found = []
    for field in _fields(model):
        if field.one_to_one and field.auto_created and not field.concrete:
            found.append(Link(field.get_accessor_name(), field.name, field.related_model))
        elif (field.many_to_one or field.one_to_one) and not (field.auto_created and not field.concrete):
            if field.related_model is None:
                found.append(Link(field.name, "", None))
            elif not is_link(field) and not field.one_to_one and model is not Membership:
                found.append(Link(field.name, field.name, field.related_model, field.attname, field.null))
            else:
                found.append(Link(field.name, field.name, field.related_model, is_null=field.null))
    return tuple(found)


@cache
def to_many(model: Model) -> tuple[Link, ...]:
    """Return the to-many relations of a model: reverse foreign keys, many-to-many both ways, generic relations."""
    found = []
    for field in _fields(model):
        is_reverse = field.auto_created and not field.concrete
        if not (field.many_to_many or field.one_to_many):
            continue
        name = field.get_accessor_name() if is_reverse else field.name
        if name is None or name.endswith("+"):
            continue
        query_name = field.field.related_query_name() if is_reverse else field.name
        target = field.related_model
        if field.many_to_many:
            through = (field if is_reverse else field.remote_field).through
            takes = through is not Contribution
            found.append(Link(name, query_name, target, takes_rows=takes, removes_rows=True))
        elif is_reverse:
            is_null = field.field.null
            found.append(Link(name, query_name, target, takes_rows=target is not Membership, removes_rows=is_null))
        else:
            found.append(Link(name, query_name, target, takes_rows=True, removes_rows=True))
    return tuple(found)


def is_ordered_totally(model: Model) -> bool:
    """Tell whether the rows of a model come in a total ordering by themselves."""
    ordering: Any = model._meta.ordering
    return bool(ordering) and ordering[-1] in ("pk", "code")


def tables() -> list[Any]:
    """Return every model whose rows a program may have changed, those behind many-to-many relations among them."""
    through = [f.remote_field.through for model in MODELS for f in model._meta.local_many_to_many]
    return [*MODELS, *(model for model in through if model._meta.auto_created)]
