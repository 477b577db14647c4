"""D: three nested to-many levels, each with a foreign key."""

from __future__ import annotations

from math import ceil
from typing import Any

from autoprefetch import auto
from autoprefetch.conf import Config
from tests.benchmarks.measuring import Variant, interleaved
from tests.benchmarks.outcomes import Outcome, QueryBar, Ratio, named, setting
from tests.benchmarks.scales import Scale
from tests.benchmarks.tables.models import Region

CHILDREN = 2
LEVELS = 3
SHOWN = 100  # roots at which the form by hand is shown beside; no bar is set against it


def nested(scale: Scale, at: str) -> Outcome:
    """D: queries stay the same up to `MAX_BATCH` parents a level, and time grows with the rows alone."""
    outcome = Outcome()
    smallest = scale.levels[0]
    for roots in scale.levels:
        here = setting(f"{roots:,} roots", at)
        outcome.add(interleaved(variants(roots, by_hand=roots == SHOWN), 0.0, scale.short_pace), here)
    most = Config().max_batch
    base = outcome.variants[named("warm", setting(f"{smallest:,} roots", at))].queries
    for roots in scale.levels:
        name = named("warm", setting(f"{roots:,} roots", at))
        # The parents of the three levels; each further MAX_BATCH of them may cost one query more.
        more = sum(ceil(roots * CHILDREN**level / most) - 1 for level in range(LEVELS))
        outcome.query_bars.append(QueryBar(name, outcome.variants[name].queries, base + more))
    times = {roots: outcome.variants[named("warm", setting(f"{roots:,} roots", at))].median_s for roots in scale.levels}
    bar = {} if scale.is_quick else {"at_most": 0.15}
    outcome.ratios.append(Ratio(named("distance from a line", at), distance_from_a_line(times), **bar))
    return outcome


def variants(roots: int, by_hand: bool) -> list[Variant]:
    def regions() -> Any:
        return Region.objects.filter(pk__lte=roots)

    lookups = "head", "depots__head", "depots__vans__driver", "depots__vans__trips__guide"
    hand_written = Variant("hand_written", lambda: read(regions().prefetch_related(*lookups)))
    return [*([hand_written] if by_hand else []), Variant("warm", lambda: read(auto(regions())))]


def read(regions: Any) -> Any:
    return [
        (region.head.name, depot.head.name, van.driver.name, trip.guide.name)
        for region in regions
        for depot in region.depots.all()
        for van in depot.vans.all()
        for trip in van.trips.all()
    ]


def distance_from_a_line(times: dict[int, float]) -> float:
    """Return how far, as a share, a time lies at the most from the line that fits them best, in proportion to each."""
    weights = {size: 1 / seconds**2 for size, seconds in times.items()}
    total = sum(weights.values())
    middle = sum(size * weight for size, weight in weights.items()) / total
    height = sum(times[size] * weight for size, weight in weights.items()) / total
    slope = sum(weights[size] * (size - middle) * (times[size] - height) for size in times) / sum(
        weights[size] * (size - middle) ** 2 for size in times
    )
    return max(abs(height + slope * (size - middle) - seconds) / seconds for size, seconds in times.items())
