"""Patterns: what a project names in `IGNORE`, by the call site, the file of the call site, or the relation."""

from __future__ import annotations

from collections.abc import Iterable
from fnmatch import fnmatchcase

from autoprefetch.plan.relations import Relation


def matching(patterns: Iterable[str], *names: str) -> str:
    """Return the first pattern that matches one of some names; "" when none does.

    Args:
        patterns: `*` stands for any text, also over the parts of a name, and `?` for any character.
        names: of a call site, what stays the same when its lines move, and its file as a person would name it; of a
            relation, `name_of` it.
    """
    return next((pattern for pattern in patterns if any(fnmatchcase(name, pattern) for name in names if name)), "")


def name_of(known: Relation) -> str:
    """Return what patterns call a relation: the label of its model, and its attribute."""
    return f"{known.owner}.{known.name}"
