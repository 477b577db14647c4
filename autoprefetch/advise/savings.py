"""Savings: the time that queries take which are not run any more, as it was measured. Pure: values in, values out.

A lazy load that was timed counts for what it took, less what its rows cost however they are loaded. Where all were
answered by batches, none was timed: then each counts for the quickest statement on its database, which is less. What
batches and prefetches took in their place is taken off. What a join adds to a query is not measured.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from autoprefetch.learn.profiles import Path, Profile
from autoprefetch.learn.times import Times, timed_as
from autoprefetch.plan.costs import HYDRATION, ROUND_TRIP, rows_each


class Basis(StrEnum):
    """What a time is known from; the last one that goes into a sum is that of the sum."""

    MEASURED = "measured"
    AT_LEAST = "at least"
    ESTIMATED = "estimated"


_WORSE = tuple(Basis)


def worst(bases: Iterable[Basis]) -> Basis:
    """Return what a sum is known from."""
    return max(bases, key=_WORSE.index, default=Basis.MEASURED)


@dataclass(frozen=True, slots=True)
class Saving:
    """A time that is saved.

    Attributes:
        seconds: how long.
        basis: what it is known from.
    """

    seconds: float
    basis: Basis


NO_TIMES = Times()


def saving(
    queries: float, profile: Profile, times: Mapping[Path, Times], paths: Iterable[Path], batched: Container[Path]
) -> Saving:
    """Return what an evaluation saves.

    Args:
        queries: the queries that it runs less.
        profile: the counts of the call site.
        times: what was measured at it.
        paths: what is not loaded lazily any more.
        batched: those of them for which a query is left, a batch or a prefetch.
    """
    return _saved(queries, profile, times, paths, lambda path: float(path in batched))


def saved_by(queries: float, profile: Profile, times: Mapping[Path, Times]) -> Saving:
    """Return what a call site has saved in all its evaluations until now.

    Args:
        queries: the queries that they ran less.
        profile: the counts of the call site.
        times: what was measured at it, of what was batched and what was not.
    """
    return _saved(queries, profile, times, profile.usages, lambda path: times.get(timed_as(path), NO_TIMES).batches)


def _saved(
    queries: float,
    profile: Profile,
    times: Mapping[Path, Times],
    paths: Iterable[Path],
    batches: Callable[[Path], float],
) -> Saving:
    """Return what queries take that load some paths lazily, less what was run in their place.

    Each batch counts for one query among those that are left: what it takes beyond that is taken off.
    """
    loads = {path: count for path in paths if path in profile.usages and (count := profile.loads_per_evaluation(path))}
    if not loads:
        return Saving(queries * ROUND_TRIP, Basis.ESTIMATED if queries else Basis.MEASURED)
    each = {path: _load(path, profile, times) for path in loads}
    average = sum(each[path].seconds * count for path, count in loads.items()) / sum(loads.values())
    instead = {timed_as(path): (each[path].seconds, often) for path in loads if (often := batches(path))}
    beyond = sum(
        max(times.get(path, NO_TIMES).batch - seconds, 0) * often for path, (seconds, often) in instead.items()
    )
    return Saving(max(queries * average - beyond, 0.0), worst(one.basis for one in each.values()))


def _load(path: Path, profile: Profile, times: Mapping[Path, Times]) -> Saving:
    """Return what one lazy load of a path takes."""
    known = times.get(timed_as(path), NO_TIMES)
    if known.loads:
        return Saving(max(known.load - rows_each(profile.usages[path]) * HYDRATION, 0.0), Basis.MEASURED)
    # What is joined was batched once, when the process may have run too few statements to tell; its siblings are not.
    quickest = [one.statement for one in times.values() if one.quickest]
    return Saving(known.statement or min(quickest), Basis.AT_LEAST) if quickest else Saving(ROUND_TRIP, Basis.ESTIMATED)
