"""Times: what the queries of one path took, as sums that merge in any order (microseconds)."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Self


@dataclass(frozen=True, slots=True)
class Times:
    """What was measured of one path.

    Attributes:
        loads: lazy loads that were timed, each from the touch until its instances were there.
        loads_took: what they took.
        batches: evaluations in which a batch or a prefetch stood for the loads.
        batches_took: what the database took for those.
        quickest: how often the quickest of many statements on the same database was known.
        quickest_took: what it took, added up.
    """

    loads: int = 0
    loads_took: int = 0
    batches: int = 0
    batches_took: int = 0
    quickest: int = 0
    quickest_took: int = 0

    def merged_with(self, other: Self) -> Self:
        """Add what another evaluation, or another worker, has measured."""
        return type(self)(*(getattr(self, name) + getattr(other, name) for name in COUNTS))

    @property
    def load(self) -> float:
        """What one lazy load took (seconds)."""
        return self.loads_took / max(self.loads, 1) / MICROSECONDS

    @property
    def batch(self) -> float:
        """What stood for the loads took in one evaluation (seconds)."""
        return self.batches_took / max(self.batches, 1) / MICROSECONDS

    @property
    def statement(self) -> float:
        """What the quickest statement took (seconds)."""
        return self.quickest_took / max(self.quickest, 1) / MICROSECONDS


COUNTS = tuple(field.name for field in fields(Times))

MICROSECONDS = 1_000_000
"""Microseconds in a second."""


def microseconds(seconds: float) -> int:
    """Return a time as a whole number, one at the least: no clock may say that something took no time."""
    return max(round(seconds * MICROSECONDS), 1)


def timed_as(path: tuple[str, ...]) -> tuple[str, ...]:
    """Return the path that times are kept by: a generic foreign key is timed for all models together."""
    return (*path[:-1], path[-1].partition("[")[0]) if path[-1].endswith("]") else path
