"""Counts: what is new of one path of a recording since it was last handed over."""

from __future__ import annotations

from dataclasses import dataclass, field

from autoprefetch.learn.profiles import Span
from autoprefetch.observe.epochs import Freshness
from autoprefetch.plan.relations import Relation


@dataclass(slots=True)
class Count:
    """What is new of one path since it was last handed over."""

    evaluations: int = 0
    loads: int = 0
    rows: int = 0
    refused: int = 0
    first_access: str = ""
    built: Span = ()
    offered_before: int = 0
    distinct_before: int = 0


@dataclass(slots=True)
class Ahead:
    """What was loaded ahead along one path, each time that it was; and how many uses of it were counted already."""

    known: Relation
    loads: list[Freshness] = field(default_factory=list)
    counted: int = 0

    def new_uses(self) -> int:
        """Return the uses that were not counted yet, and count them."""
        new = sum(load.uses for load in self.loads) - self.counted
        self.counted += new
        return new
