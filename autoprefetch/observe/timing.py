"""Timing: what the queries of one evaluation take, for the profile and for those that watch batches."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from autoprefetch.learn.profiles import Path
from autoprefetch.learn.times import Times, microseconds, timed_as
from autoprefetch.observe.watching import Watches
from autoprefetch.orm.counting import QueryCount

_NOTHING: Mapping[Path, Times] = {}  # one for all evaluations that ran nothing that is timed


class Timing:
    """Times the queries of one evaluation.

    Args:
        watches: what is known of the time that batches take at this call site.
    """

    __slots__ = ("_batched", "_times", "watches")

    def __init__(self, watches: Watches) -> None:
        self.watches = watches
        self._times: dict[Path, Times] | None = None
        self._batched: frozenset[Path] = frozenset()

    def alone(self, path: Path, seconds: float) -> None:
        """Take note of what one instance took that loaded alone."""
        self.watches.loaded_alone(path, seconds)
        self._add(path, Times(loads=1, loads_took=microseconds(seconds)))

    def batched(self, paths: Sequence[Path], asked: int, count: QueryCount) -> None:
        """Take note of what a batch took.

        Args:
            paths: what was loaded; a generic foreign key has a path for each model.
            asked: the instances that it asked for.
            count: counted it.
        """
        for path in paths:
            self.watches.batched(path, asked, count.seconds, count.round_trip)
        path, quickest = timed_as(paths[0]), count.quickest
        is_first = path not in self._batched
        self._batched |= {path}
        took, known = microseconds(count.seconds), int(quickest > 0)
        self._add(path, Times(0, 0, int(is_first), took, known, known and microseconds(quickest)))

    def _add(self, path: Path, times: Times) -> None:
        known = self._times
        if known is None:
            known = self._times = {}
        before = known.get(path)
        known[path] = times if before is None else before.merged_with(times)

    @property
    def has_news(self) -> bool:
        """Whether anything was timed since it was handed over."""
        return self._times is not None

    def take(self) -> Mapping[Path, Times]:
        """Hand over what is new."""
        times, self._times = self._times, None
        return dict(times) if times else _NOTHING  # another thread may be about to add to it
