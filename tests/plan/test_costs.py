"""Costs: the expected queries and rows of each evaluation decide, not the share of instances."""

from __future__ import annotations

import pytest

from autoprefetch.learn.profiles import Profile, Usage
from autoprefetch.plan.costs import (
    ROUND_TRIP,
    WORTH_A_QUERY,
    Situation,
    costs,
    fan_in,
    is_used_enough,
    prefers_prefetch,
    share_of_use,
)

PATH = ("author",)
HERE = Situation()
WITHOUT_BATCHES = Situation(most=0)


def profile(evaluations: int, usage: Usage, **counts: int) -> Profile:
    return Profile(evaluations=evaluations, usages={PATH: usage}, **counts)


def cheapest(given: Profile, situation: Situation = HERE, **values: int) -> str:
    found = costs(given, PATH, situation, **values)
    ways = {"join": found.join, "prefetch": found.prefetch, "lazy": found.lazy, "batch": found.batch}
    return min(ways, key=lambda way: (ways[way], list(ways).index(way)))


@pytest.mark.parametrize(
    ("given", "situation", "expected"),
    [
        # All 16 rows, each time.
        (profile(1, Usage(1, 16, 16, 16)), HERE, "join"),
        # Every twentieth of a thousand rows, each time: fifty queries.
        (profile(1, Usage(1, 1000, 50, 50)), HERE, "join"),
        # All of a thousand rows, but in one evaluation of twenty.
        (profile(20, Usage(1, 1000, 1000, 1000)), HERE, "batch"),
        # Eight rows in one of twenty: to make eight instances for nothing costs next to nothing, a query far more.
        (profile(20, Usage(10, 80, 80, 80)), HERE, "join"),
        # One row of ten thousand.
        (profile(1, Usage(1, 10_000, 1, 1)), HERE, "lazy"),
        # Where no batch is made, half of the evaluations are worth a join.
        (profile(2, Usage(1, 1000, 1000, 1000)), WITHOUT_BATCHES, "join"),
        # Wide rows that many refer to are read once by a prefetch.
        (profile(1, Usage(1, 3000, 3000, 3000, distinct=8)), HERE, "prefetch"),
    ],
)
def test_the_cheapest_way_follows_from_rows_queries_and_use(given, situation, expected):
    """The table of the choices that a person would make."""
    assert cheapest(given, situation, width=20) == expected


def test_a_slow_network_makes_queries_dear():
    """What is a prefetch next to the database is a join far from it."""
    given = profile(1, Usage(1, 3000, 3000, 3000, distinct=8))
    assert prefers_prefetch(costs(given, PATH, HERE, width=20))
    assert not prefers_prefetch(costs(given, PATH, Situation(round_trip=0.02), width=20))


def test_a_quick_network_counts_as_half_a_millisecond():
    """So that a plan made next to the database is no bad one elsewhere."""
    given = profile(1, Usage(1, 16, 16, 16))
    assert costs(given, PATH, Situation(round_trip=0.000_01)) == costs(given, PATH, Situation(round_trip=ROUND_TRIP))


@pytest.mark.parametrize(
    ("rows", "distinct", "width", "prefers"),
    [
        (3000, 8, 20, True),
        (3000, 200, 20, True),
        (3000, 3000, 20, False),
        (3000, 8, 3, False),
        (60, 8, 20, False),
        (3000, 0, 20, False),  # how many rows refer to the same is not known
    ],
)
def test_a_prefetch_takes_the_place_of_a_join_of_wide_shared_rows(rows, distinct, width, prefers):
    """By what it saves, beyond a query and WORTH_A_QUERY."""
    found = costs(profile(1, Usage(1, rows, rows, rows, distinct=distinct)), PATH, HERE, width=width)
    assert prefers_prefetch(found) is prefers
    assert (found.join - found.prefetch > WORTH_A_QUERY) is prefers


def test_unread_rows_cost():
    """The more rows nobody reads, the dearer it is to load them ahead, and no dearer to wait."""
    few, many = (costs(profile(1, Usage(1, rows, 16, 16)), PATH, HERE) for rows in (20, 2000))
    assert many.join > few.join
    assert many.prefetch > few.prefetch
    assert many.lazy == few.lazy


def test_large_sets_make_a_batch_dear():
    """One parent's children alone are cheaper than those of a hundred parents, of which nobody asked."""
    given = profile(1, Usage(1, 2000, 2, 1000))
    assert cheapest(given, large=500) == "lazy"


def test_sets_that_nobody_asks_for_are_taken_for_large_ones():
    """Half of the parents are asked, for one row each; who knows what the others have."""
    given = profile(10, Usage(10, 1000, 500, 500))
    small, large = (costs(given, PATH, HERE, large=rows) for rows in (1, 10_000))
    assert small.batch < small.lazy < large.batch
    assert small.prefetch < small.lazy < large.prefetch
    all_asked = profile(10, Usage(10, 1000, 1000, 1000))
    small, large = (costs(all_asked, PATH, HERE, large=rows) for rows in (1, 10_000))
    assert small == large


@pytest.mark.parametrize(
    ("usage", "expected"),
    [(Usage(1, 16, 16, 16), 1), (Usage(1, 16, 16, 16, distinct=4), 4), (Usage(1, 16, 8, 8, distinct=16), 1)],
)
def test_the_fan_in_is_rows_for_each_distinct_row(usage, expected):
    """And one where it is not known."""
    assert fan_in(usage) == expected


@pytest.mark.parametrize(
    ("given", "share"),
    [
        (profile(1, Usage(1, 1, 1)), 1),
        (profile(4, Usage(3, 3, 3)), 0.75),
        (profile(4, Usage(3, 3, 3), failed=1), 1),
        (profile(4, Usage(4, 3, 3), failed=1), 1),
        (profile(0, Usage()), 0),
    ],
)
def test_evaluations_that_ended_in_an_error_say_nothing_of_use(given, share):
    """They may have ended before they came to it."""
    assert share_of_use(given, PATH) == share


def test_the_thresholds_for_adopting_and_for_dropping_differ():
    """The same share keeps a prefetch, and does not begin one."""
    new = profile(10, Usage(8, 80, 80, 80))
    made = profile(10, Usage(8, 80, 80, 80, eager=9))
    assert (is_used_enough(new, PATH), is_used_enough(made, PATH)) == (False, True)
