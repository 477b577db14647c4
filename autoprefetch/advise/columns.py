"""Columns: which of the loaded columns nobody reads, for `only()`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from django.db.models import Model
from django.db.models.constants import LOOKUP_SEP

from autoprefetch.learn.profiles import Columns, Path, Profile, is_derived
from autoprefetch.plan.relations import Kind, Relation, relation

_NONE: frozenset[str] = frozenset()

ENOUGH = 3
"""Evaluations that are inspected before anything is said of columns (evaluations)."""


def unread(
    model: type[Model], read: Columns, used: Iterable[Path], deferred: frozenset[str] = _NONE
) -> Mapping[Path, tuple[str, ...]]:
    """Return the columns at each path that no inspected evaluation has read, where there are any.

    Keys are left out: primary keys, and the columns by which a relation is followed that is used.

    Args:
        model: that of the call site.
        read: the columns that were read at each path (attnames).
        used: the paths that are used.
        deferred: columns of the model that the caller does not load (attnames).

    Returns:
        the names of fields, sorted, by path; () is the model itself.
    """
    paths = set(used) | set(read)
    found = {}
    for path, names in sorted(read.items()):
        reached = _reached(model, path)
        if reached is None:
            continue
        target, known = reached
        needed = set(names) | (deferred if not path else _NONE) | (known.known_columns if known else _NONE)
        needed |= {column for step in _below(path, paths) if (one := relation(target, step)) for column in one.columns}
        fields = [field for field in target._meta.concrete_fields if not field.primary_key]
        rest = tuple(sorted(field.name for field in fields if field.attname not in needed))
        if rest:
            found[path] = rest
    return found


def notes(model: type[Model], totals: Profile, used: Iterable[Path], deferred: frozenset[str]) -> tuple[str, ...]:
    """Say what could be left unloaded, as far as enough inspected evaluations tell; nothing of it changes by itself.

    Args:
        model: that of the call site.
        totals: its counts, over all its life.
        used: the paths that are used.
        deferred: columns of the model that the caller does not load (attnames).
    """
    if totals.inspected < ENOUGH:
        return ()
    paths = list(used)
    rest = unread(model, totals.columns, paths, deferred).get((), ())
    seen = f"in {totals.inspected:.0f} evaluations that were inspected"
    found = []
    if rest:
        fields = [field for field in model._meta.concrete_fields if field.attname not in deferred]
        loaded = ", ".join(f'"{field.name}"' for field in fields if field.name not in rest)
        found.append(f"nobody read {', '.join(rest)} {seen}; .only({loaded}) loads the others.")
    for path, attname in keys_alone(model, totals.columns, paths).items():
        owner = LOOKUP_SEP.join(path)
        found.append(f"only the key of {owner} was read {seen}; {attname} has it, and loads nothing.")
    return tuple(found)


def keys_alone(model: type[Model], read: Columns, used: Iterable[Path]) -> dict[Path, str]:
    """Return the to-one paths of which no inspected evaluation read more than the key, which the row itself has.

    Args:
        model: that of the call site.
        read: the columns that were read at each path (attnames).
        used: the paths that are used.

    Returns:
        the attribute that has the key without loading anything, such as `owner_id`, by path.
    """
    paths = set(used) | set(read)
    found = {}
    for path in sorted(set(used) & read.keys()):
        reached = _reached(model, path)
        if reached is None or (known := reached[1]) is None or _below(path, paths):
            continue
        if known.kind in (Kind.FOREIGN_KEY, Kind.ONE_TO_ONE) and len(known.columns) == 1:
            field: Any = reached[0]._meta.apps.get_model(known.owner)._meta.get_field(known.name)
            if read[path] == {field.target_field.attname}:
                found[path] = field.attname
    return found


def _reached(model: type[Model], path: Path) -> tuple[type[Model], Relation | None] | None:
    """Return the model that a path leads to and its last relation; None where derived queries choose the columns."""
    current: type[Model] = model
    known: Relation | None = None
    for step in path:
        name, _, variant = step.partition("[")
        known = None if is_derived((step,)) else relation(current, name)
        try:
            named = current._meta.apps.get_model(variant.removesuffix("]")) if variant else None
        except (LookupError, ValueError):
            return None
        if known is None or (target := named or known.target) is None:
            return None
        current = target
    return current, known


def _below(path: Path, paths: Iterable[Path]) -> frozenset[str]:
    """Return the names of the relations that are followed from where a path leads."""
    size = len(path)
    steps = {other[size] for other in paths if len(other) > size and other[:size] == path}
    return frozenset(step.partition("(")[0].partition("[")[0] for step in steps)
