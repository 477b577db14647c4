"""Marks: what `auto()` was told, and where."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

from autoprefetch.observe.callsites import Location
from autoprefetch.orm import marks


@dataclass(frozen=True, slots=True)
class Mark:
    """What `auto()` was told, and where.

    Attributes:
        origin: where it was called.
        name: the stable name that the caller gave, or None.
        ignore: the paths to leave lazy.
        manager: the manager's name when a model class was given, else "".
        by_scope: whether nobody called it: `SCOPE` made the queryset automatic, and the origin is what evaluates.

    It pickles as a plain tuple, so that a pickled queryset can be loaded where autoprefetch is not installed.
    """

    origin: Location
    name: str | None
    ignore: tuple[str, ...]
    manager: str
    by_scope: bool = False

    def __reduce__(self) -> tuple[Any, ...]:
        origin = tuple(getattr(self.origin, f.name) for f in fields(Location))
        return tuple, ((origin, self.name, self.ignore, self.manager),)


def mark_of(queryset: marks.AnyQuerySet) -> Mark | None:
    """Return the mark of a queryset, or None when it is not automatic."""
    state = marks.query_state(queryset)
    mark = state.get(marks.ATTRIBUTE)
    if type(mark) is tuple:  # the queryset was pickled
        mark = state[marks.ATTRIBUTE] = Mark(Location(*mark[0]), *mark[1:])
    return mark
