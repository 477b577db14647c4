"""Watching: a batch that takes longer than the lazy loads that it replaced is given up.

A database may find an index for one key and not for many (predictive_load#11: "production outages"). What a batch
takes is measured; when it is more than a round trip for each instance, several times in a row, the next evaluations let
one instance load alone first, and so learn what the batch is to be compared with. It has to lose as often before it is
given up: noise is no proof.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol
from weakref import ref

from autoprefetch.learn.profiles import Path

NOISE = 0.25
"""How much longer a batch has to take, at the least (seconds); a busy machine is not a missing index."""

MARGIN = 2.0
"""How many times longer it has to take, at the least."""

STRIKES = 3
"""Batches in a row that have to be suspected, and then comparisons that they have to lose."""


@dataclass(slots=True)
class Watch:
    """What the batches of one path of a call site take.

    Attributes:
        alone: what one instance takes that loads alone (seconds), the latest counting most; 0.0 before one did.
        batch: what the latest batch took (seconds).
        asked: the instances that it asked for.
        strikes: the comparisons that it lost.
        probed: the number of the evaluation in which one instance loaded alone last.
        suspected: how many batches in a row took more than a round trip for each instance.
    """

    alone: float = 0.0
    batch: float = 0.0
    asked: int = 0
    strikes: int = 0
    probed: int = 0
    suspected: int = 0

    @property
    def is_suspected(self) -> bool:
        """Whether batches are to be compared with a lazy load."""
        return self.suspected >= STRIKES

    @property
    def is_given_up(self) -> bool:
        """Whether the path is loaded lazily from now on."""
        return self.strikes >= STRIKES

    @property
    def replaced(self) -> float:
        """What the lazy loads would have taken in the place of the latest batch (seconds)."""
        return self.alone * self.asked

    def is_to_load_alone(self, number: int) -> bool:
        """Tell whether an instance is to load alone: always, or to find out what that takes.

        Args:
            number: that of the evaluation; once in each is enough.
        """
        if self.is_given_up:
            return True
        if not self.is_suspected or self.probed == number:
            return False
        self.probed = number
        return True

    def loaded_alone(self, seconds: float) -> None:
        """Take note of what one instance took; on a busy machine that is more, as it is for a batch."""
        self.alone = (self.alone + seconds) / 2 if self.alone else seconds

    def batched(self, seconds: float, asked: int, *, is_suspected: bool) -> bool:
        """Take note of what a batch took, and return whether it is given up now.

        Args:
            seconds: that.
            asked: the instances that it asked for.
            is_suspected: whether that is more than a round trip for each.
        """
        self.batch, self.asked = seconds, asked
        self.suspected = self.suspected + 1 if is_suspected else 0
        if self.alone and seconds > self.replaced * MARGIN and seconds > self.replaced + NOISE:
            self.strikes += 1
            return self.strikes == STRIKES
        self.strikes = 0
        return False


class Owner(Protocol):
    """Whose batches are watched."""

    def gave_up(self, path: Path, watch: Watch) -> None:
        """Take note that the batches of a path are given up."""


_NONE: Mapping[Path, Watch] = {}


class Watches:
    """The watches of a call site, for those paths only where there is something to watch.

    Args:
        owner: is told of a path and its watch when its batches are given up; it is not kept alive.
    """

    __slots__ = ("_by_path", "_owner")

    def __init__(self, owner: Owner) -> None:
        self._by_path = _NONE
        self._owner = ref(owner)

    def is_to_load_alone(self, path: Path, number: int) -> bool:
        """Tell whether the instance that is touched is to load alone in the evaluation of that number."""
        watch = self._by_path.get(path)
        return watch is not None and watch.is_to_load_alone(number)

    def loaded_alone(self, path: Path, seconds: float) -> None:
        """Take note of what one instance took that loaded alone."""
        watch = self._by_path.get(path)
        if watch is None:
            watch = self._begin(path)
        watch.loaded_alone(seconds)

    def batched(self, path: Path, asked: int, seconds: float, round_trip: float) -> None:
        """Take note of what a batch took.

        Args:
            path: what was loaded.
            asked: the instances that it asked for.
            seconds: what it took.
            round_trip: what a query takes at the least (seconds).
        """
        is_suspected = seconds > NOISE and seconds > asked * round_trip
        watch = self._by_path.get(path)
        if watch is None and is_suspected:
            watch = self._begin(path)
        if watch is not None and watch.batched(seconds, asked, is_suspected=is_suspected):
            owner = self._owner()
            if owner is not None:
                owner.gave_up(path, watch)

    def _begin(self, path: Path) -> Watch:
        watch = Watch()
        self._by_path = {**self._by_path, path: watch}
        return watch

    def not_ahead(self) -> frozenset[Path]:
        """Return the paths that are not to be loaded ahead: they are given up, or have to be compared first."""
        return frozenset(path for path, watch in self._by_path.items() if watch.is_given_up or watch.is_suspected)

    def given_up(self) -> frozenset[Path]:
        """Return the paths whose batches are given up."""
        return frozenset(path for path, watch in self._by_path.items() if watch.is_given_up)
