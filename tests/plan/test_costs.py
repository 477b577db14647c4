"""Costs: expected queries saved for each evaluation decide, not the share of instances."""

from __future__ import annotations

import pytest

from autoprefetch.learn.profiles import Profile, Usage
from autoprefetch.plan.costs import is_always_used, saving

PATH = ("author",)


def profile(evaluations: int, usage: Usage) -> Profile:
    return Profile(evaluations=evaluations, usages={PATH: usage})


@pytest.mark.parametrize(
    ("given", "queries", "pays"),
    [
        (profile(1, Usage(1, 16, 16, 16)), 0, True),
        (profile(1, Usage(1, 16, 16, 16)), 1, True),
        (profile(1, Usage(1, 1000, 50, 50)), 0, True),
        (profile(1, Usage(1, 1000, 50, 50)), 1, True),
        (profile(1, Usage(1, 1, 1, 1)), 0, True),
        (profile(1, Usage(1, 1, 1, 1)), 1, False),
        (profile(1, Usage(1, 2, 2, 2)), 1, True),
        (profile(100, Usage(1, 16, 16, 16)), 1, False),
        (profile(1, Usage(1, 2000, 1, 100)), 1, False),
        (profile(1, Usage(1, 1000, 0, 0)), 1, False),
    ],
)
def test_loading_ahead_pays_when_it_saves_queries(given, queries, pays):
    """One in twenty of a thousand rows is fifty queries; one load that a prefetch replaces is none."""
    assert (saving(given, PATH, queries=queries) > 0) is pays


def test_a_join_saves_one_query_more_than_a_prefetch():
    """The prefetch is a query itself."""
    given = profile(1, Usage(1, 16, 16, 16))
    assert saving(given, PATH, queries=0) > saving(given, PATH, queries=1)


def test_unread_rows_cost():
    """The more rows nobody reads, the less it saves."""
    few, many = profile(1, Usage(1, 20, 16, 16)), profile(1, Usage(1, 2000, 16, 16))
    assert saving(few, PATH, queries=1) > saving(many, PATH, queries=1)


def test_warm_evaluations_do_not_dilute_what_is_saved():
    """Nothing is loaded lazily where it was loaded ahead, and that is no sign of disuse."""
    cold = profile(1, Usage(1, 16, 16, 16))
    warm = profile(50, Usage(1, 16, 16, 16, eager=49))
    assert saving(warm, PATH, queries=1) == pytest.approx(saving(cold, PATH, queries=1))


@pytest.mark.parametrize(
    ("given", "always"),
    [
        (profile(1, Usage(1, 1, 1)), True),
        (profile(3, Usage(3, 3, 3)), True),
        (profile(3, Usage(2, 3, 3)), False),
        (profile(3, Usage(2, 3, 3, eager=1)), True),
    ],
)
def test_always_used_means_in_every_evaluation_that_could(given, always):
    """Evaluations that loaded it ahead say nothing."""
    assert is_always_used(given, PATH) is always
