"""Histories: the profile of a call site as it changed over time, so that what is old counts for less and less.

Time is counted in evaluations, and kept era by era: counts of the same era are added, so that histories can be merged
in any order and grouping, exactly. What an era counts for is decided when the history is read: half of what the next
one does. It is the forward decay of Cormode et al. (2009), by eras, so that sums stay whole numbers.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import reduce
from itertools import chain
from typing import Self

from autoprefetch.learn.decisions import UNDECIDED, Decisions, is_ignored, merged
from autoprefetch.learn.profiles import Path, Profile

ERA = 64
"""Evaluations in an era, and the half-life of what is counted (evaluations)."""

REPLANNED = 8
"""Evaluations after which a plan is made anew, at the latest (evaluations)."""

KEPT = 4
"""Eras that are kept; what is older would count for less than a tenth."""


@dataclass(frozen=True, slots=True)
class History:
    """What is known of one call site, or what one recording adds to that.

    Attributes:
        totals: counts of the call site as a whole, over all its life.
        eras: the profile of each of the latest eras, by its number.
        decisions: what people have decided about it.
    """

    totals: Profile = field(default_factory=Profile)
    eras: Mapping[int, Profile] = field(default_factory=dict)
    decisions: Decisions = field(default_factory=lambda: UNDECIDED)
    _weighted: Profile | None = field(default=None, init=False, repr=False, compare=False)

    @classmethod
    def of(cls, profile: Profile, era: int) -> Self:
        """Return what the counts of an era add to a history."""
        return cls(profile.lasting, {era: profile.passing})

    def merged_with(self, other: Self) -> Self:
        """Add two histories; the order does not matter."""
        eras = dict(self.eras)
        for era, profile in other.eras.items():
            eras[era] = eras[era].merged_with(profile) if era in eras else profile
        for era in sorted(eras)[:-KEPT]:
            del eras[era]
        decisions = merged(self.decisions, other.decisions) if other.decisions else self.decisions
        return type(self)(self.totals.merged_with(other.totals), eras, decisions)

    def with_places_of(self, other: Self) -> Self:
        """Return the same counts with the places in the source that another history knows of them."""
        if not any(usage.built for profile in other.eras.values() for usage in profile.usages.values()):
            return self
        eras = {
            era: profile.with_places_of(other.eras[era]) if era in other.eras else profile
            for era, profile in self.eras.items()
        }
        return type(self)(self.totals, eras, self.decisions)

    def __bool__(self) -> bool:
        return self != UNKNOWN

    @property
    def evaluations(self) -> int:
        """How often the call site was evaluated."""
        return int(self.totals.evaluations)

    @property
    def era(self) -> int:
        """The number of the era in which the next evaluation falls."""
        return max(self.evaluations // ERA, *self.eras, 0)

    @property
    def is_ignored(self) -> bool:
        """Whether people have decided that the call site is to run as plain Django."""
        return bool(self.decisions) and is_ignored(self.decisions)

    @property
    def has_paths(self) -> bool:
        """Whether any relation was used lately, or loaded ahead."""
        return any(profile.usages for profile in self.eras.values())

    def paths(self) -> Iterator[Path]:
        """Yield the paths that were used lately, or loaded ahead; one may come more than once."""
        return chain.from_iterable(profile.usages for profile in self.eras.values())

    @property
    def state(self) -> Hashable:
        """What changes when another plan may be due: a path or a written table more, or some more evaluations.

        While little is known each evaluation tells much; later a look now and then is enough.
        """
        if not self.eras:
            return None
        latest = max(self.eras)
        profile = self.eras[latest]
        evaluations = self.evaluations
        age = evaluations.bit_length() if evaluations < REPLANNED else evaluations // REPLANNED + REPLANNED
        return latest, len(profile.usages), len(profile.written), age

    @property
    def profile(self) -> Profile:
        """What the next plan is made from: all eras, each counting for half of what the next one does."""
        if len(self.eras) <= 1:
            return next(iter(self.eras.values()), self.totals)
        if self._weighted is None:
            object.__setattr__(self, "_weighted", self._weigh())  # made once; it follows from the rest
        return self._weighted or self.totals

    def _weigh(self) -> Profile:
        latest = max(self.eras)
        weighted = (profile.weighted(0.5 ** (latest - era)) for era, profile in self.eras.items())
        return reduce(Profile.merged_with, weighted)


UNKNOWN = History()
"""What is known of a call site that was never evaluated."""
