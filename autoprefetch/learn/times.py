"""Times: what the queries of one path took, as sums that merge in any order (microseconds)."""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from functools import lru_cache
from itertools import chain
from operator import attrgetter

from autoprefetch.learn.sums import Sums


@dataclass(frozen=True, slots=True)
class Times(Sums):
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

_values = attrgetter(*COUNTS)
_Path = tuple[str, ...]


class Timed(Mapping[_Path, Times]):
    """The times of the paths of one call site, kept in one array: as objects they would take as much as all else."""

    __slots__ = ("_counts", "_index")

    def __init__(self, times: Mapping[_Path, Times]) -> None:
        paths = tuple(sorted(times))
        self._index = _index_of(paths)
        self._counts = _array(list(chain.from_iterable(_values(times[path]) for path in paths)))

    def __getitem__(self, path: _Path) -> Times:
        at = self._index[path] * len(COUNTS)
        return Times(*self._counts[at : at + len(COUNTS)])

    def __iter__(self) -> Iterator[_Path]:
        return iter(self._index)

    def __len__(self) -> int:
        return len(self._index)

    def merged_with(self, other: Mapping[_Path, Times]) -> Timed:
        """Add what another evaluation, or another worker, has measured."""
        if other.keys() <= self._index.keys():
            whole, counts = Timed({}), self._counts.tolist()
            for path, times in other.items():
                at = self._index[path] * len(COUNTS)
                for place, count in enumerate(_values(times), at):
                    counts[place] += count
            whole._index, whole._counts = self._index, _array(counts)
            return whole
        found = dict(self)
        for path, times in other.items():
            found[path] = found[path].merged_with(times) if path in found else times
        return Timed(found)


def _array(counts: list[int]) -> array[int]:
    """Return counts with as few bytes for each as they all fit in: four until an hour comes together."""
    return array("I" if max(counts, default=0) < _FOUR_BYTES else "q", counts)


_FOUR_BYTES = 2 ** (8 * array("I").itemsize)


@lru_cache(10_000)
def _index_of(paths: tuple[_Path, ...]) -> Mapping[_Path, int]:
    """Return the place of each path; call sites that use the same paths share it."""
    return {path: number for number, path in enumerate(paths)}


NOTHING_TIMED = Timed({})


def merged(one: Mapping[_Path, Times], other: Mapping[_Path, Times]) -> Timed:
    """Add the times of two profiles; the order does not matter."""
    if not other and isinstance(one, Timed):
        return one
    return (one if isinstance(one, Timed) else Timed(one)).merged_with(other) if one else Timed(other)


MOST = 2**52
"""More than any sum of times comes to, which is why arrays of them never overflow: 142 years (microseconds)."""

MICROSECONDS = 1_000_000
"""Microseconds in a second."""


def microseconds(seconds: float) -> int:
    """Return a time as a whole number, one at the least: no clock may say that something took no time."""
    return max(round(seconds * MICROSECONDS), 1)


def timed_as(path: tuple[str, ...]) -> tuple[str, ...]:
    """Return the path that times are kept by: a generic foreign key is timed for all models together."""
    return (*path[:-1], path[-1].partition("[")[0]) if path[-1].endswith("]") else path
