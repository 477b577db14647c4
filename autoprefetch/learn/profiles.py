"""Profiles: what the recordings of a call site add up to.

A profile is a bag of counts, and so is what one recording adds to it: adding them commutes, so that workers may merge
in any order. Counts are whole numbers until they are weighted by their age (see `histories.py`). The idea of a profile
for each call site is AutoFetch's (Ibrahim and Cook, 2006).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields, replace
from operator import add
from typing import Any, Self, TypeVar

from autoprefetch.learn.given import Given
from autoprefetch.learn.times import NOTHING_TIMED, Times, merged

Path = tuple[str, ...]
"""The attribute names from the root model, such as `("owner", "department")`.

A step through a generic foreign key names the model that it led to, `content_object[bank.Account]`; a step through a
derived query names its shape, `transactions(5c1e02f9)`.
"""


Sizes = Mapping[int, float]
"""How many sets of each size class there were; see `size_class`."""

Columns = Mapping[Path, frozenset[str]]
"""The columns that were ever read at each path (attnames)."""

Span = tuple[str, int, int, int, int] | tuple[()]
"""An expression in a file: its name, line, end line, column and end column; empty when it is not known."""

_Place = TypeVar("_Place", str, Span)


def is_derived(path: Path) -> bool:
    """Tell whether a path ends in a derived query."""
    return path[-1].endswith(")")


def size_class(rows: int) -> int:
    """Return the class of a set by its size: 0 for none, 1 for one row, 2 for two or three, 3 for four to seven."""
    return rows.bit_length()


def largest_usual(sizes: Sizes) -> int:
    """Return what no more than five in a hundred sets exceed: the last size of the class where that is reached (rows).

    It is the 95th percentile, as exactly as classes tell; 0 where no set is known.
    """
    left = sum(sizes.values()) * 0.95
    for number in sorted(sizes):
        left -= sizes[number]
        if left <= 0:
            return int(2**number - 1)
    return 0


@dataclass(frozen=True, slots=True)
class Usage:
    """How one path was used.

    Attributes:
        evaluations: evaluations in which it was accessed at least once, however it was loaded.
        offered: instances that had the relation, over those evaluations.
        loads: lazy loads that plain Django would have made, each a query; first uses of what was loaded ahead, too.
        rows: instances that the loads brought.
        distinct: the instances at the path, each counted once however many rows refer to it.
        refused: lazy loads that Django refused, because they were tried in async code.
        eager: evaluations that loaded it ahead.
        first_access: where it was touched first.
        built: where a derived query was built, as file, line, end line, column and end column.
    """

    evaluations: float = 0
    offered: float = 0
    loads: float = 0
    rows: float = 0
    refused: float = 0
    eager: float = 0
    first_access: str = ""
    built: Span = ()
    distinct: float = 0

    def merged_with(self, other: Self) -> Self:
        """Add two usages; of two places the first in the alphabet is kept, so that the order does not matter."""
        return type(self)(
            first_access=_either(self.first_access, other.first_access),
            built=_either(self.built, other.built),
            **{name: getattr(self, name) + getattr(other, name) for name in _COUNTS},
        )

    def weighted(self, weight: float) -> Self:
        """Return what it counts for when it has this weight."""
        return replace(self, **{name: getattr(self, name) * weight for name in _COUNTS})


_COUNTS = tuple(f.name for f in fields(Usage) if f.name not in ("first_access", "built"))


def _either(one: _Place, other: _Place) -> _Place:
    return min(one, other) if one and other else one or other


_EMPTY: frozenset[str] = frozenset()
_FORMS = 16  # forms of its queryset, and places where it is built, that are known of a call site
_NONE: Mapping[Any, Any] = {}  # one for all: most profiles have nothing in one of their mappings
_Key = TypeVar("_Key")
_Value = TypeVar("_Value")


def _merged(
    one: Mapping[_Key, _Value], other: Mapping[_Key, _Value], add: Callable[[_Value, _Value], _Value]
) -> Mapping[_Key, _Value]:
    if not one and not other:
        return _NONE
    whole = dict(one)
    for key, value in other.items():
        whole[key] = add(whole[key], value) if key in whole else value
    return whole


def _added(one: Sizes, other: Sizes) -> Sizes:
    return _merged(one, other, add)


def _few(one: frozenset[str], other: frozenset[str]) -> frozenset[str]:
    """Unite forms, or places, and keep the first of them, which are the same in whatever order they are united."""
    return one if other <= one else frozenset(sorted(one | other)[:_FORMS])


def _united(one: Columns, other: Columns) -> Columns:
    """Unite the columns of each path; where the other knows no more, it is the same mapping."""
    if not one or not other:
        return one or other or _NONE
    if all(names <= one.get(path, _EMPTY) for path, names in other.items()) and other.keys() <= one.keys():
        return one
    return _merged(one, other, frozenset.union)


@dataclass(frozen=True, slots=True)
class Profile:
    """What is known of one call site.

    Attributes:
        evaluations: how often it was evaluated.
        failed: evaluations whose request ended in an error; what they did not use may have been used otherwise.
        inspected: evaluations of which it is known which columns they read.
        uncounted: evaluations whose accesses were not counted, because only a sample is.
        rows: instances that the root queries returned.
        own_queries: queries of the caller's own queryset, its prefetches among them.
        warm: evaluations that had a plan to apply.
        warm_queries: queries of those evaluations, lazy loads among them.
        usages: the usage of each path.
        written: tables that were written to while an evaluation's instances were in use, with how often.
        sizes: the sizes of the sets that to-many paths and derived queries brought.
        columns: the columns that were ever read, in the evaluations that were inspected.
        forms: how its querysets are written, as far as that matters for planning (see `plan/traits.py`).
        built: where its querysets are built, where `SCOPE` makes them automatic: file, line and function.
        given: what the caller's own query loads, by the method and the lookup: `select_related owner__department`.
        times: what the queries of each path took, as far as they were timed.
    """

    evaluations: float = 0
    rows: float = 0
    own_queries: float = 0
    warm: float = 0
    warm_queries: float = 0
    usages: Mapping[Path, Usage] = field(default_factory=dict)
    written: Mapping[str, float] = field(default_factory=dict)
    failed: float = 0
    uncounted: float = 0
    inspected: float = 0
    sizes: Mapping[Path, Sizes] = field(default_factory=dict)
    columns: Columns = field(default_factory=dict)
    forms: frozenset[str] = _EMPTY
    built: frozenset[str] = _EMPTY
    given: Mapping[str, Given] = field(default_factory=lambda: _NONE)
    times: Mapping[Path, Times] = field(default_factory=lambda: NOTHING_TIMED)

    def merged_with(self, delta: Self) -> Self:
        """Add what a recording showed, or another worker's profile."""
        return type(self)(
            usages=_merged(self.usages, delta.usages, Usage.merged_with),
            written=_merged(self.written, delta.written, add),
            sizes=_merged(self.sizes, delta.sizes, _added),
            columns=_united(self.columns, delta.columns),
            forms=_few(self.forms, delta.forms),
            built=_few(self.built, delta.built),
            given=_merged(self.given, delta.given, Given.merged_with),
            times=merged(self.times, delta.times),
            **{name: getattr(self, name) + getattr(delta, name) for name in _SUMS},
        )

    def weighted(self, weight: float) -> Self:
        """Return what it counts for when it has this weight."""
        return type(self)(
            usages={path: usage.weighted(weight) for path, usage in self.usages.items()},
            written={table: count * weight for table, count in self.written.items()},
            forms=self.forms,
            **{name: getattr(self, name) * weight for name in _SUMS},
        )

    def with_places_of(self, other: Profile) -> Profile:
        """Return the same counts, built where another profile knows that derived queries are built."""
        places = {path: usage.built for path, usage in other.usages.items() if usage.built}
        usages = {
            path: replace(usage, built=usage.built or places[path]) if path in places else usage
            for path, usage in self.usages.items()
        }
        return replace(self, usages=usages)

    @property
    def lasting(self) -> Self:
        """What counts however old it is: counts of the whole call site, sizes, columns, times, places, given loads."""
        return replace(self, usages=_NONE, written=_NONE, forms=_EMPTY)

    @property
    def passing(self) -> Self:
        """What counts for less and less: all but sizes, columns, times, places and given loads."""
        is_mixed = self.sizes or self.columns or self.times or self.built or self.given
        if not is_mixed:
            return self
        return replace(self, sizes=_NONE, columns=_NONE, times=NOTHING_TIMED, built=_EMPTY, given=_NONE)

    @property
    def counted(self) -> float:
        """Evaluations whose accesses were counted."""
        return self.evaluations - self.uncounted

    @property
    def observed(self) -> float:
        """Evaluations that tell what is used and what is not."""
        return self.counted - self.failed

    def loads_per_evaluation(self, path: Path) -> float:
        """Return the lazy loads of a path that plain Django makes in an evaluation (queries)."""
        return self.usages[path].loads / max(self.observed, 1)

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


NO_SUMS = frozenset({"usages", "written", "sizes", "columns", "forms", "built", "given", "times"})
_SUMS = tuple(f.name for f in fields(Profile) if f.name not in NO_SUMS)
