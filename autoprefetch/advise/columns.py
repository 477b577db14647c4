"""Columns: which of the loaded columns nobody reads, for `only()`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from django.db.models import Model

from autoprefetch.learn.profiles import Columns, Path, is_derived
from autoprefetch.plan.relations import Relation, relation

_NONE: frozenset[str] = frozenset()


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
