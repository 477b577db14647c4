"""Worlds: random rows in every table of the library, the same for the same seed.

Names come from few letters, so that orderings have ties and rows share what they lead to; keys are given, so that a run
on a server whose sequences do not go back shows the same ones. Some copies stand on shelves that are hidden, and some
have a supplier that does not exist.
"""

from __future__ import annotations

import datetime
import random
import uuid
from dataclasses import dataclass
from typing import Any

from django.contrib.contenttypes.models import ContentType
from django.db import models

from tests.library.models import (
    Archive,
    Author,
    Book,
    Branch,
    Category,
    City,
    Comment,
    Continent,
    Contribution,
    Copy,
    Country,
    Film,
    Imprint,
    Loan,
    Medium,
    Membership,
    Portrait,
    Profile,
    Pseudonym,
    Publisher,
    Reader,
    Record,
    Review,
    Screening,
    Series,
    Shelf,
    Street,
    Supplier,
    Tag,
)

#: Each model after those that its foreign keys lead to.
MODELS: list[type[models.Model]] = [
    Continent, Country, City, Street, Branch, Tag, Archive, Author, Profile, Pseudonym, Portrait, Publisher, Imprint,
    Category, Book, Contribution, Series, Review, Reader, Membership, Shelf, Supplier, Copy, Loan, Medium, Film, Record,
    Screening, Comment,
]  # fmt: skip

#: Keys that the database gives are higher in SQLite and lower elsewhere, and so are never shown.
WITHOUT_GIVEN_KEY = (Contribution,)
_FIRST_CONTRIBUTION = 10_000_000
_FIRST_CHILD = {Film: 50, Record: 60}
FIRST_DAY = datetime.date(2020, 1, 1)


@dataclass(frozen=True)
class World:
    """What is in the tables before a program runs.

    Attributes:
        seed: the same seed gives the same rows.
        size: rows in a table at the most.
    """

    seed: int
    size: int

    def build(self) -> None:
        """Fill the tables, which are empty, on the current database."""
        builder = _Builder(random.Random(self.seed), self.size)
        for model in MODELS:
            builder.fill(model)
        for model in MODELS:
            builder.connect(model)


class _Builder:
    def __init__(self, chance: random.Random, size: int) -> None:
        self.chance = chance
        self.size = size
        self.rows: dict[type[models.Model], list[Any]] = {}

    def fill(self, model: Any) -> None:
        """Make the rows of a table, as many as the unique columns allow."""
        wanted = 0 if self.chance.random() < 0.05 else self.chance.randint((self.size + 1) // 2, self.size)
        rows, taken = [], set()
        for number in range(1, wanted + 1):
            values = self.values(model, number)
            unique = self.unique(model, values)
            if values is not None and unique not in taken:
                taken.add(unique)
                rows.append(model(**values))
        if model._meta.parents and not model._meta.proxy:
            for row in rows:
                row.save(force_insert=True)
        else:
            model._base_manager.bulk_create(rows)
        self.rows[model] = rows
        for parent in model._meta.parents:
            self.rows[parent] = [*self.rows[parent], *(parent(pk=row.pk) for row in rows)]

    def unique(self, model: Any, values: dict[str, Any] | None) -> Any:
        """Return what no two rows of a model may share beside their key."""
        if values is None:
            return None
        if model is Membership:
            return values["reader_id"], values["branch_id"]
        singles = [field.attname for field in model._meta.local_fields if field.one_to_one and not is_link(field)]
        return tuple(values[name] for name in singles if values[name] is not None) or object()

    def values(self, model: Any, number: int) -> dict[str, Any] | None:
        """Make the columns of a row; None when a key has nothing to lead to."""
        values: dict[str, Any] = {}
        for field in model._meta.fields:
            if is_link(field) or field.name in ("pk", "content_type", "object_id"):
                continue
            options = (
                [key_for(model, number)] if field.primary_key and not field.is_relation else self.options(field, number)
            )
            if not options:
                return None
            values[field.attname] = self.chance.choice(options)
        if model is Comment:
            return self.commented(values)
        return values | ({"id": _FIRST_CHILD[model] + number} if model in _FIRST_CHILD else {})

    def options(self, field: Any, number: int) -> list[Any]:
        """Return what may stand in a column."""
        return self.targets(field) if field.is_relation else [self.value(field, number)]

    def targets(self, field: Any) -> list[Any]:
        name = field.target_field.attname
        found = [getattr(row, name) for row in self.rows.get(field.related_model._meta.concrete_model, ())]
        if field.model is Category:  # no circle, whose `__str__` would not end
            return [None]
        if field.null:
            found += [None] * (1 + len(found) // 2)
        return [*found, 404] if not field.db_constraint else found

    def value(self, field: Any, number: int) -> Any:
        if field.unique:
            return f"C{number}"
        if isinstance(field, models.DateField):
            return FIRST_DAY + datetime.timedelta(days=self.chance.randint(0, 3))
        if isinstance(field, models.BooleanField):
            return self.chance.random() < 0.3
        if isinstance(field, models.IntegerField):
            return self.chance.randint(0, 4)
        return "" if field.has_default() else self.chance.choice("abc")

    def commented(self, values: dict[str, Any]) -> dict[str, Any] | None:
        subjects = [row for model in (Book, Author, Branch) for row in self.rows[model]]
        if not subjects:
            return None
        subject = self.chance.choice(subjects)
        return values | {
            "content_type_id": ContentType.objects.get_for_model(subject).pk,
            "object_id": subject.pk if self.chance.random() < 0.9 else 404,
        }

    def connect(self, model: Any) -> None:
        """Fill the foreign keys to the model itself, and the tables of its many-to-many relations."""
        if model is Category:
            for row in self.rows[model][1:]:
                row.parent = self.chance.choice([None, *self.rows[model][: row.pk - 1]])
            Category.objects.bulk_update(self.rows[model], ["parent"])
        if model is Author:
            for row in self.rows[model]:
                row.mentor = self.chance.choice([None, *self.rows[model]])
            Author.objects.bulk_update(self.rows[model], ["mentor"])
        for field in model._meta.local_many_to_many:
            if field.remote_field.through._meta.auto_created:
                self.fill_pairs(field, self.rows[model], self.rows[field.related_model])

    def fill_pairs(self, field: Any, ones: list[Any], others: list[Any]) -> None:
        pairs = [(one.pk, other.pk) for one in ones for other in others if self.chance.random() < 0.35]
        if field.remote_field.symmetrical:
            pairs = [pair for a, b in pairs if a < b for pair in ((a, b), (b, a))]
        through = field.remote_field.through
        source, target = field.m2m_column_name(), field.m2m_reverse_name()
        through.objects.bulk_create(through(**{source: one, target: other}) for one, other in pairs)


def is_link(field: Any) -> bool:
    """Tell whether a field leads to the row of an inherited parent."""
    return bool(field.is_relation and getattr(field.remote_field, "parent_link", False))


def key_for(model: type[models.Model], number: int) -> Any:
    """Return the primary key of the nth row of a model."""
    if model is Contribution:
        return _FIRST_CONTRIBUTION + number
    return uuid.UUID(int=number) if model is Reader else number
