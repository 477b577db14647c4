"""Counts: what is new of one path of a recording since it was last handed over."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache

from autoprefetch.learn.profiles import Path, Span
from autoprefetch.observe.epochs import Freshness
from autoprefetch.plan.relations import Relation

_REMEMBERED = 64
"""Times that one evaluation loads a path ahead and the uses of each are still counted."""


@lru_cache(20_000)
def same(path: Path) -> Path:
    """Return the path that other call sites have as well, so that all of them keep one tuple."""
    return path


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

    def add(self, load: Freshness) -> None:
        """Take note that it was loaded once more."""
        self.loads.append(load)
        if len(self.loads) > _REMEMBERED:  # the windows of a long stream
            self.counted -= self.loads.pop(0).uses

    def new_uses(self) -> int:
        """Return the uses that were not counted yet, and count them."""
        new = sum(load.uses for load in self.loads) - self.counted
        self.counted += new
        return new


class Written:
    """Counts reads of what was written to before, in the same evaluation."""

    __slots__ = ("_dirty", "_is_all_dirty", "_reads")

    def __init__(self) -> None:
        self._dirty: frozenset[str] = frozenset()
        self._is_all_dirty = False
        self._reads: dict[str, int] = {}

    def wrote(self, tables: frozenset[str], everything: bool) -> None:
        """Take note of a write to tables or to everything."""
        self._dirty |= tables
        self._is_all_dirty |= everything

    def read(self, tables: frozenset[str]) -> None:
        """Count those of some tables that are read after they were written to."""
        for table in tables if self._is_all_dirty else tables & self._dirty if self._dirty else ():
            self._reads[table] = self._reads.get(table, 0) + 1

    @property
    def has_news(self) -> bool:
        """Whether anything was counted since it was handed over."""
        return bool(self._reads)

    def take(self) -> dict[str, int]:
        """Hand over what was counted, once."""
        reads, self._reads = self._reads, {}
        return reads
