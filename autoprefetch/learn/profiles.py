"""Profiles: what the recordings of a call site add up to.

A profile is a bag of counts, and so is what one recording adds to it: adding them commutes, so that workers may merge
in any order. The idea of a profile for each call site is AutoFetch's (Ibrahim and Cook, 2006).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Self

Path = tuple[str, ...]
"""The attribute names from the root model, such as `("owner", "department")`.

A step through a generic foreign key names the model that it led to, `content_object[bank.Account]`; a step through a
derived query names its shape, `transactions(5c1e02f9)`.
"""


Span = tuple[str, int, int, int, int] | tuple[()]
"""An expression in a file: its name, line, end line, column and end column; empty when it is not known."""


def is_derived(path: Path) -> bool:
    """Tell whether a path ends in a derived query."""
    return path[-1].endswith(")")


@dataclass(frozen=True, slots=True)
class Usage:
    """How one path was used.

    Attributes:
        evaluations: evaluations in which it was loaded lazily at least once.
        offered: instances that had the relation, over those evaluations.
        loads: lazy loads, which are queries.
        rows: instances that the lazy loads brought.
        refused: lazy loads that Django refused, because they were tried in async code.
        eager: evaluations that loaded it ahead.
        first_access: where it was touched first.
        built: where a derived query was built, as file, line, end line, column and end column.
    """

    evaluations: int = 0
    offered: int = 0
    loads: int = 0
    rows: int = 0
    refused: int = 0
    eager: int = 0
    first_access: str = ""
    built: Span = ()

    def merged_with(self, other: Self) -> Self:
        """Add two usages."""
        counts = {name: getattr(self, name) + getattr(other, name) for name in _COUNTS}
        return type(self)(
            first_access=self.first_access or other.first_access, built=self.built or other.built, **counts
        )


_COUNTS = tuple(f.name for f in fields(Usage) if f.name not in ("first_access", "built"))


@dataclass(frozen=True, slots=True)
class Profile:
    """What is known of one call site.

    Attributes:
        evaluations: how often it was evaluated.
        rows: instances that the root queries returned.
        own_queries: queries of the caller's own queryset, its prefetches among them.
        warm: evaluations that had a plan to apply.
        warm_queries: queries of those evaluations, lazy loads among them.
        usages: the usage of each path.
        written: tables that were written to while an evaluation's instances were in use, with how often.
    """

    evaluations: int = 0
    rows: int = 0
    own_queries: int = 0
    warm: int = 0
    warm_queries: int = 0
    usages: Mapping[Path, Usage] = field(default_factory=dict)
    written: Mapping[str, int] = field(default_factory=dict)

    def merged_with(self, delta: Self) -> Self:
        """Add what a recording showed, or another worker's profile."""
        usages = dict(self.usages)
        for path, usage in delta.usages.items():
            usages[path] = usages[path].merged_with(usage) if path in usages else usage
        written = dict(self.written)
        for table, count in delta.written.items():
            written[table] = written.get(table, 0) + count
        return type(self)(
            evaluations=self.evaluations + delta.evaluations,
            rows=self.rows + delta.rows,
            own_queries=self.own_queries + delta.own_queries,
            warm=self.warm + delta.warm,
            warm_queries=self.warm_queries + delta.warm_queries,
            usages=usages,
            written=written,
        )

    def loads_per_evaluation(self, path: Path) -> float:
        """Return the lazy loads of a path in an evaluation that does not load it ahead (queries)."""
        usage = self.usages[path]
        return usage.loads / max(self.evaluations - usage.eager, 1)

    @property
    def plain_queries(self) -> float:
        """What plain Django runs for one evaluation of this call site, its own query included (queries)."""
        return self.own_queries_each + sum(self.loads_per_evaluation(path) for path in self.usages)

    @property
    def own_queries_each(self) -> float:
        """What the caller's own queryset runs in one evaluation (queries)."""
        return self.own_queries / self.evaluations if self.own_queries else 1.0

    @property
    def measured_queries(self) -> float | None:
        """What a warm evaluation runs, as measured; None before the first one."""
        return self.warm_queries / self.warm if self.warm else None
