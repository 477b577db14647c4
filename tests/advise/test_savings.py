"""The time that a change saves: measured, at the least that it can be, or estimated; and it says which."""

from __future__ import annotations

import json

import pytest

from autoprefetch.advise.savings import Basis, saving, worst
from autoprefetch.learn.encoding import decoded, encoded
from autoprefetch.learn.histories import History
from autoprefetch.learn.profiles import Profile, Usage
from autoprefetch.learn.times import Times, microseconds
from autoprefetch.plan.costs import HYDRATION, ROUND_TRIP

AUTHOR, TAGS = ("author",), ("tags",)
PROFILE = Profile(2, 32, 2, usages={AUTHOR: Usage(2, 32, 32, 32), TAGS: Usage(2, 32, 32, 96)})
LOADS = Times(loads=10, loads_took=10_000)  # a millisecond each
QUICK = Times(quickest=4, quickest_took=800)  # a fifth of one
SET = 0.001 - 3 * HYDRATION
ONE = 0.001 - HYDRATION


@pytest.mark.parametrize(
    ("times", "paths", "batched", "queries", "seconds", "basis"),
    [
        ({}, [AUTHOR], [], 16, 16 * ROUND_TRIP, Basis.ESTIMATED),
        ({AUTHOR: LOADS}, [AUTHOR], [], 16, 16 * ONE, Basis.MEASURED),
        ({TAGS: LOADS}, [TAGS], [TAGS], 15, 15 * SET, Basis.MEASURED),
        # A batch of 4 ms stands where one query is left.
        (
            {TAGS: LOADS.merged_with(Times(batches=2, batches_took=8_000))},
            [TAGS],
            [TAGS],
            15,
            16 * SET - 0.004,
            "measured",
        ),
        # It is not taken off where a join takes its place.
        ({AUTHOR: LOADS.merged_with(Times(batches=2, batches_took=8_000))}, [AUTHOR], [], 16, 16 * ONE, "measured"),
        # A batch that takes longer than all of them saves nothing.
        ({TAGS: LOADS.merged_with(Times(batches=1, batches_took=90_000))}, [TAGS], [TAGS], 15, 0, "measured"),
        ({AUTHOR: QUICK}, [AUTHOR], [], 16, 16 * 0.0002, Basis.AT_LEAST),
        ({AUTHOR: LOADS, TAGS: QUICK}, [AUTHOR, TAGS], [], 32, 16 * ONE + 16 * 0.0002, Basis.AT_LEAST),
        # What nothing is known of counts for the quickest statement of the others.
        ({TAGS: QUICK}, [AUTHOR], [], 16, 16 * 0.0002, Basis.AT_LEAST),
        ({AUTHOR: LOADS}, [AUTHOR, TAGS], [], 32, 16 * ONE + 16 * ROUND_TRIP, Basis.ESTIMATED),
        ({}, [], [], 3, 3 * ROUND_TRIP, Basis.ESTIMATED),
    ],
)
def test_what_is_saved(times, paths, batched, queries, seconds, basis):
    """Loads that were timed count for that; else the quickest statement does; else half a millisecond."""
    found = saving(queries, PROFILE, times, paths, batched)
    assert found.seconds == pytest.approx(seconds)
    assert found.basis == basis


def test_a_generic_foreign_key_is_timed_for_all_its_models():
    """A batch asks for several models at once, and a load that ran alone knew its model only afterwards."""
    books, authors = ("subject[library.Book]",), ("subject[library.Author]",)
    profile = Profile(1, 8, 1, usages={books: Usage(1, 8, 4, 4), authors: Usage(1, 8, 4, 4)})
    found = saving(8, profile, {("subject",): LOADS}, [books, authors], [])
    assert (found.seconds, found.basis) == (pytest.approx(8 * ONE), Basis.MEASURED)


def test_a_sum_is_known_from_the_worst_of_its_parts():
    """An estimate makes an estimate of it."""
    assert worst([Basis.MEASURED, Basis.ESTIMATED, Basis.AT_LEAST]) is Basis.ESTIMATED
    assert worst([Basis.MEASURED, Basis.AT_LEAST]) is Basis.AT_LEAST
    assert worst([Basis.MEASURED]) is Basis.MEASURED


def test_times_are_sums_that_outlive_the_eras_and_the_process():
    """They merge in any order, are stored, and profiles that lack them are read."""
    first, second = Profile(1, times={AUTHOR: LOADS}), Profile(1, times={AUTHOR: QUICK, TAGS: LOADS})
    assert first.merged_with(second) == second.merged_with(first)
    history = History.of(first, 0).merged_with(History.of(second, 9))
    assert history.totals.times == {AUTHOR: Times(10, 10_000, 0, 0, 4, 800), TAGS: LOADS}
    assert all(not era.times for era in history.eras.values())
    values = json.loads(json.dumps(encoded(history)))
    assert decoded(values) == history
    del values["totals"]["times"]
    assert decoded(values).totals.times == {}


def test_no_clock_says_that_something_took_no_time():
    """What was timed is never taken for what was not."""
    assert (microseconds(0.0), microseconds(0.001_5)) == (1, 1_500)
