"""Costs: what each way to load a path is expected to cost in an evaluation.

What counts are queries and rows for each evaluation, not the share of instances: one instance in twenty, of a thousand
rows, is still fifty queries. A join reads and makes a related row in every evaluation, and reads its columns once more
for each further row that refers to it. A prefetch is a query in every evaluation, for the distinct rows. A batch at
first touch is one in those evaluations only that touch the path. A lazy load is one for each instance that is touched.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil

from autoprefetch.learn.profiles import Path, Profile, Usage

ROUND_TRIP = 0.000_5
"""The least that a query costs (seconds); a local socket takes less, any network more."""

HYDRATION = 0.000_005
"""What one more instance costs (seconds)."""

VALUE = 0.000_000_08
"""What it costs to read one more column of one more row (seconds); by row W of the benchmarks, on both databases."""

CLAIM = 0.000_001
"""What it costs an instance to find its row in a batch (seconds); a set of rows costs sixty times as much."""

WORTH_A_QUERY = 0.002
"""What a prefetch has to save where a join is permitted (seconds)."""

MILDER = 0.75
"""What is left of the cost of loading ahead where it was done of late, so that a plan does not flap."""

ALWAYS, OFTEN = 0.9, 0.7
"""The shares of evaluations that have to use a path for a prefetch: for a new one, and for one that is made already."""

REPEATED = 1.0
"""Loads of a path in an evaluation up to which they are no repetition (queries)."""

FORGOTTEN = 45
"""Evaluations in a row, in one process, that loaded a path ahead and did not use it, after which it is dropped."""


@dataclass(frozen=True, slots=True)
class Situation:
    """What the costs depend on beside the counts of the call site.

    Attributes:
        round_trip: what a query costs (seconds), as measured.
        most: instances in one batch; 0 where no batch is made.
    """

    round_trip: float = ROUND_TRIP
    most: int = 2000


DEFAULT = Situation()


@dataclass(frozen=True, slots=True)
class Costs:
    """What each way to load a path costs in one evaluation (seconds)."""

    lazy: float
    batch: float
    join: float
    prefetch: float

    @property
    def at_touch(self) -> float:
        """What it costs when nothing is loaded ahead: each instance alone, or all at first touch."""
        return min(self.lazy, self.batch)


def costs(profile: Profile, path: Path, situation: Situation, *, width: int = 1, large: int | None = None) -> Costs:
    """Estimate what each way to load a path costs in one evaluation.

    Args:
        profile: the counts of the call site.
        path: what is to be loaded.
        situation: what else matters.
        width: columns of a related row.
        large: where it leads to any number of rows, what hardly any set of them exceeds; None where it leads to one.

    The rows of a set that is loaded and not asked for are not known: they are taken for as many as of a large one.
    """
    usage = profile.usages[path]
    share, evaluations = share_of_use(profile, path), max(usage.evaluations, 1)
    instances, loads = usage.offered / evaluations, usage.loads / evaluations
    query = max(situation.round_trip, ROUND_TRIP)
    rows = rows_each(usage)
    made = rows / fan_in(usage) * HYDRATION
    unused = max(rows, large or 0) / fan_in(usage) * HYDRATION
    asked = min(instances, situation.most)
    chunks = max(ceil(instances / fan_in(usage) / situation.most), 1) if situation.most else 1
    claim = CLAIM if large is None else 60 * CLAIM
    lazy = share * loads * (query + rows * HYDRATION)
    batch = (
        share * (query * min(chunks, loads) + _all_made(asked, loads, made, unused) + loads * claim)
        if situation.most and loads > 1
        else lazy
    )
    join = instances * (made + (1 - 1 / fan_in(usage)) * width * VALUE)
    return Costs(lazy, batch, join, query * chunks + _all_made(instances, share * loads, made, unused))


def _all_made(instances: float, loads: float, made: float, unused: float) -> float:
    """Return what it costs to make what instances lead to, of which some are used (seconds)."""
    used = min(instances, loads)
    return used * made + (instances - used) * unused


def rows_each(usage: Usage) -> float:
    """Return the related rows of an instance, on average, and one at least."""
    return max(usage.rows / max(usage.loads, 1), 1)


def fan_in(usage: Usage) -> float:
    """Return how many loads led to the same row, on average; 1 where it is not known."""
    return max(usage.rows / usage.distinct, 1.0) if usage.distinct else 1.0


def share_of_use(profile: Profile, path: Path) -> float:
    """Return the share of evaluations that used a path, from 0 to 1; those that ended in an error do not count."""
    return min(profile.usages[path].evaluations / max(profile.observed, 1), 1.0)


def is_adopted(profile: Profile, path: Path) -> bool:
    """Tell whether a path was loaded ahead in most evaluations of late."""
    return profile.usages[path].eager * 2 > profile.counted


def is_used_enough(profile: Profile, path: Path) -> bool:
    """Tell whether so many evaluations use a path that one query in each is not wasted."""
    return share_of_use(profile, path) >= (OFTEN if is_adopted(profile, path) else ALWAYS)


def prefers_prefetch(found: Costs) -> bool:
    """Tell whether a prefetch saves so much against a permitted join that it is worth a query."""
    return found.join - found.prefetch > WORTH_A_QUERY
