"""Forms: what matters for planning about how a queryset is written."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

from django.db.models import Model

from autoprefetch.learn.profiles import Path
from autoprefetch.plan.relations import relation


@dataclass(frozen=True, slots=True)
class Form:
    """How a queryset is written.

    Attributes:
        model: the model of its rows.
        no_joins: why no join may be added; "" when one may.
        no_prefetches: why no prefetch may be added; "" when one may.
        no_annotations: why no annotation may be added, in advice; "" when one may.
        ordering: attribute names that the rows are ordered by, as far as they are plain columns of the model.
        is_ordered_by_model: whether the rows are in the ordering that their model has by default.
        fixed: columns that a filter holds at one value (attnames).
        is_single: whether the filters or `get()` allow one row only.
        is_sliced: whether it takes a slice, so that the ordering chooses the rows.
        joined: paths that the caller joins.
        prefetched: paths that the caller prefetches.
        is_partial: whether `only()` or `defer()` reaches into a relation, whose columns may then be missing.
        names_columns: whether `only()` names what is loaded; Django then joins no reverse one-to-one relation.
        deferred: columns that are not loaded (attnames).
        elsewhere: labels of models that the routers read from another database.
        gives: attributes that the caller has it give the rows: annotations, and prefetches to an attribute.
    """

    model: type[Model]
    no_joins: str = ""
    no_prefetches: str = ""
    no_annotations: str = ""
    ordering: tuple[str, ...] = ()
    is_ordered_by_model: bool = False
    fixed: frozenset[str] = frozenset()
    is_single: bool = False
    is_sliced: bool = False
    joined: frozenset[Path] = frozenset()
    prefetched: frozenset[Path] = frozenset()
    is_partial: bool = False
    names_columns: bool = False
    deferred: frozenset[str] = frozenset()
    elsewhere: frozenset[str] = frozenset()
    gives: frozenset[str] = frozenset()

    @property
    def ordering_of_model(self) -> tuple[Any, ...]:
        """What the rows are ordered by because their model says so, and for no other reason."""
        return tuple(self.model._meta.ordering or ()) if self.is_ordered_by_model else ()

    def is_totally_ordered(self, known: frozenset[str] = frozenset()) -> bool:
        """Tell whether no two rows compare equal in the ordering, so that it allows one sequence only.

        Args:
            known: further columns that are the same in all rows (attnames), such as the parent's key.

        The rule is that of Django 6.1's `QuerySet.totally_ordered`, with the columns that a filter fixes.
        """
        if self.is_single:
            return True
        options: Any = self.model._meta
        covered = {options.get_field(name).attname for name in self.ordering if name != "pk"} | self.fixed | known
        if "pk" in self.ordering:
            covered |= _primary(options)
        return any(key <= covered for key in unique_keys(self.model))


def _primary(options: Any) -> frozenset[str]:
    """Return the columns of the primary key, which may be composite (attnames)."""
    return frozenset(field.attname for field in getattr(options, "pk_fields", [options.pk]))


def agreeing(forms: Sequence[Form]) -> list[Form]:
    """Return the ways in which a queryset is written, each with what any of them forbids and has taken."""
    no_annotations = next((form.no_annotations for form in forms if form.no_annotations), "")
    gives = frozenset().union(*(form.gives for form in forms))
    is_sliced = any(form.is_sliced for form in forms)
    return [replace(form, no_annotations=no_annotations, is_sliced=is_sliced, gives=gives) for form in forms]


@cache
def inherited_keys(model: type[Model]) -> frozenset[str]:
    """Return the primary keys of the models that a model inherits from (attnames)."""
    return frozenset(parent._meta.pk.attname for parent in model._meta.all_parents)


@cache
def unique_keys(model: type[Model]) -> list[frozenset[str]]:
    """Return the sets of columns that identify a row of a model and are never null (attnames)."""
    options: Any = model._meta
    keys = [list(_primary(options))] + [
        [field.attname] for field in options.concrete_fields if field.unique and not field.null
    ]
    together = [*options.unique_together, *(constraint.fields for constraint in options.total_unique_constraints)]
    for names in together:
        columns = [options.get_field(name) for name in names]
        if not any(column.null for column in columns):
            keys.append([column.attname for column in columns])
    return [frozenset(key) for key in keys]


def target_of(model: type[Model], path: Path) -> type[Model] | None:
    """Follow a path from a model; None when it ends nowhere or at a generic foreign key."""
    current: type[Model] | None = model
    for name in path:
        known = relation(current, name) if current is not None else None
        current = known.target if known is not None else None
    return current
