"""The times of a call site add up in any order, and are kept in little memory."""

from __future__ import annotations

import pickle
import sys

from hypothesis import given
from hypothesis import strategies as st

from autoprefetch.learn.times import COUNTS, Timed, Times, merged

PATHS = st.sampled_from([("author",), ("author", "archive"), ("tags",), ("content_object",)])
KNOWN = st.dictionaries(PATHS, st.builds(Times, *[st.integers(0, 10**9)] * len(COUNTS)))


def added(*known):
    """Add them up one by one, path by path."""
    whole = {}
    for one in known:
        for path, times in one.items():
            whole[path] = whole[path].merged_with(times) if path in whole else times
    return whole


@given(KNOWN, KNOWN, KNOWN)
def test_times_add_up_in_any_order_and_grouping(one, other, third):
    expected = added(one, other, third)
    assert merged(merged(one, other), third) == merged(one, merged(other, third)) == expected
    assert merged(third, merged(other, one)) == expected
    assert merged(Timed(one), Timed(other)) == added(one, other)


@given(KNOWN)
def test_they_read_like_a_mapping_and_survive_a_pickle(known):
    timed = Timed(known)
    assert dict(timed) == known
    assert pickle.loads(pickle.dumps(timed)) == known
    assert bool(timed) == bool(known)
    assert timed.get(("nothing",)) is None


def test_call_sites_of_the_same_paths_share_their_names():
    """A path of one more call site takes its counts and no more."""
    known = {(f"path{number}",): Times(1, 2, 3, 4, 5, 6) for number in range(20)}
    one, other = Timed(known), Timed(dict(reversed(known.items())))
    assert one._index is other._index
    assert sys.getsizeof(one._counts) < 20 * len(COUNTS) * 8 + 200
