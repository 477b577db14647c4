"""Profiles: counts that add up in any order."""

from __future__ import annotations

from functools import reduce
from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autoprefetch.learn.profiles import Profile, Sizes, Usage, is_derived, largest_usual, size_class

AUTHOR = ("author",)
ARCHIVE = ("author", "archive")

counts = st.integers(min_value=0, max_value=1000)
usages = st.builds(Usage, counts, counts, counts, counts, counts, counts, st.just("here"))
paths = st.sampled_from([AUTHOR, ARCHIVE, ("tags",), ("books(5c1e02f9)",)])
profiles = st.builds(
    Profile,
    counts,
    counts,
    counts,
    counts,
    counts,
    st.dictionaries(paths, usages),
    st.dictionaries(st.sampled_from(["library_book", "library_author"]), counts),
    counts,
    counts,
    counts,
    st.dictionaries(paths, st.dictionaries(st.integers(0, 20), counts)),
    st.dictionaries(st.sampled_from([(), AUTHOR]), st.frozensets(st.sampled_from(["name", "title"]))),
)


def merged(*parts: Profile) -> Profile:
    return reduce(Profile.merged_with, parts)


@given(profiles, profiles, profiles)
def test_merging_commutes(first, second, third):
    """Workers may merge in any order, and meet at the same profile."""
    whole = merged(first, second, third)
    assert all(merged(*order) == whole for order in permutations((first, second, third)))
    assert merged(first, merged(second, third)) == whole


@given(profiles)
def test_an_empty_profile_changes_nothing(profile):
    """Nothing learned adds nothing."""
    assert profile.merged_with(Profile()) == profile
    assert Profile().merged_with(profile) == profile


@given(profiles, profiles)
def test_merging_leaves_its_parts_as_they_were(first, second):
    """A profile is a value."""
    before = repr((first, second))
    first.merged_with(second)
    assert repr((first, second)) == before


def test_counts_add_up():
    """Each field on its own."""
    one = Profile(1, 10, 1, 0, 0, {AUTHOR: Usage(1, 10, 4, 4, 0, 0, "here")}, {"library_book": 1})
    both = {AUTHOR: Usage(1, 5, 5, 5, 1, 1, "there"), ARCHIVE: Usage(1, 5, 2)}
    other = Profile(2, 5, 4, 1, 3, both, {"library_tag": 2})
    assert one.merged_with(other) == Profile(
        3,
        15,
        5,
        1,
        3,
        {AUTHOR: Usage(2, 15, 9, 9, 1, 1, "here"), ARCHIVE: Usage(1, 5, 2)},
        {"library_book": 1, "library_tag": 2},
    )


def test_the_first_known_place_is_kept():
    """An empty place gives way, a known one does not."""
    known, unknown, later = Usage(first_access="here"), Usage(), Usage(first_access="there")
    assert known.merged_with(later).first_access == "here"
    assert unknown.merged_with(later).first_access == "there"


@pytest.mark.parametrize(
    ("profile", "queries"),
    [
        (Profile(), 1),
        (Profile(evaluations=1), 1),
        (Profile(evaluations=1, usages={AUTHOR: Usage(1, 16, 16)}), 17),
        (Profile(evaluations=2, usages={AUTHOR: Usage(2, 32, 32)}), 17),
        (Profile(evaluations=4, warm=3, usages={AUTHOR: Usage(4, 64, 64, eager=3)}), 17),
        (Profile(evaluations=1, usages={AUTHOR: Usage(1, 16, 16), ARCHIVE: Usage(1, 16, 10)}), 27),
        (Profile(evaluations=4, usages={AUTHOR: Usage(1, 16, 16)}), 5),
        (Profile(evaluations=4, own_queries=8, usages={AUTHOR: Usage(4, 64, 64)}), 18),
    ],
)
def test_the_queries_of_plain_django_are_those_of_an_average_evaluation(profile, queries):
    """Its own, and the lazy loads, be it that they were loaded ahead."""
    assert profile.plain_queries == queries


@pytest.mark.parametrize(
    ("profile", "queries"),
    [
        (Profile(evaluations=3), None),
        (Profile(3, 48, 3, 2, 2), 1),
        (Profile(3, 48, 3, 2, 6), 3),
        (Profile(3, 48, 3, 2, 5), 2.5),
    ],
)
def test_the_warm_queries_are_measured(profile, queries):
    """Unknown before the first warm evaluation, an average after it."""
    assert profile.measured_queries == queries


@pytest.mark.parametrize(
    ("path", "derived"),
    [
        (AUTHOR, False),
        (ARCHIVE, False),
        (("books(5c1e02f9)",), True),
        (("author", "books(5c1e02f9)"), True),
        (("books(5c1e02f9)", "tags"), False),
        (("subject[library.Book]",), False),
    ],
)
def test_a_path_that_ends_in_a_derived_query_is_known_as_such(path, derived):
    """Such a path cannot be loaded by name; what lies below it can, from there."""
    assert is_derived(path) is derived


@pytest.mark.parametrize(
    ("rows", "expected"), [(0, 0), (1, 1), (2, 2), (3, 2), (4, 3), (7, 3), (8, 4), (1000, 10), (1024, 11)]
)
def test_sets_are_counted_by_classes_of_size(rows: int, expected: int) -> None:
    """Each twice as wide as the one before."""
    assert size_class(rows) == expected


@pytest.mark.parametrize(
    ("sizes", "expected"),
    [
        ({}, 0),
        ({0: 10}, 0),
        ({1: 10}, 1),
        ({1: 96, 10: 4}, 1),
        ({1: 95, 10: 5}, 1),
        ({1: 94, 10: 6}, 1023),
        ({0: 50, 3: 46, 10: 4}, 7),
    ],
)
def test_few_sets_are_larger_than_a_large_one(sizes: Sizes, expected: int) -> None:
    """Five in a hundred at the most."""
    assert largest_usual(sizes) == expected
