"""Decisions: registers that the last writer wins, in whatever order and grouping they are merged."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autoprefetch.learn.decisions import UNDECIDED, WHOLE, Decision, is_ignored, left_lazy, made, merged
from autoprefetch.learn.encoding import LATEST, UnreadableError, decoded, encoded
from autoprefetch.learn.histories import ERA, UNKNOWN, History
from autoprefetch.learn.profiles import Profile

known = st.dictionaries(
    st.sampled_from([WHOLE, "author", "author__archive"]), st.builds(Decision, st.integers(0, 3), st.booleans())
)


@given(known, known, known)
def test_merging_commutes_and_is_associative_and_idempotent(one, other, third):
    """So that workers need no order among them, and may bring a decision twice."""
    assert merged(one, other) == merged(other, one)
    assert merged(merged(one, other), third) == merged(one, merged(other, third))
    assert merged(one, one) == one
    assert merged(merged(one, other), other) == merged(one, other)
    assert merged(one, UNDECIDED) == merged(UNDECIDED, one) == one


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        (Decision(1, ignores=True), Decision(2, ignores=False), False),
        (Decision(1, ignores=False), Decision(2, ignores=True), True),
        (Decision(2, ignores=True), Decision(2, ignores=False), True),
    ],
)
def test_the_later_decision_is_in_force(one, other, expected):
    """Of two of the same moment that which ignores."""
    for pair in ((one, other), (other, one)):
        assert is_ignored(merged({WHOLE: pair[0]}, {WHOLE: pair[1]})) is expected


@given(known, st.sampled_from([WHOLE, "author"]), st.booleans(), st.floats(0, 2))
def test_who_decides_has_the_last_word(decisions, name, ignores, now):
    """Whatever the clock of the worker says that took the decision before."""
    after = merged(decisions, made(decisions, name, ignores=ignores, now=now))
    assert is_ignored(after, name) is ignores
    assert {key: found for key, found in after.items() if key != name} == {
        key: found for key, found in decisions.items() if key != name
    }


def test_only_relations_are_left_lazy():
    """Those that are ignored, in one order."""
    decisions = {
        "b": Decision(1, ignores=True), WHOLE: Decision(1, ignores=True), "a__c": Decision(1, ignores=True),
        "d": Decision(1, ignores=False),
    }  # fmt: skip
    assert left_lazy(decisions) == ("a__c", "b")


def test_a_decision_does_not_fade():
    """However many evaluations come after it, and however old it is."""
    history = History(decisions=made({}, "author", ignores=True, now=1))
    for era in range(20):
        history = history.merged_with(History.of(Profile(ERA), era))
    assert left_lazy(history.decisions) == ("author",)
    assert left_lazy(history.with_places_of(UNKNOWN).decisions) == ("author",)
    assert not UNKNOWN.is_ignored
    assert History(decisions=made({}, WHOLE, ignores=True, now=1)).is_ignored


def test_most_call_sites_pay_nothing_for_decisions():
    """One value stands for all of which nothing was decided."""
    one = History.of(Profile(1), 0)
    assert one.decisions is UNDECIDED
    assert one.merged_with(one).decisions is UNDECIDED
    assert decoded(encoded(one)).decisions is UNDECIDED
    assert "decisions" not in encoded(one)


def test_what_was_written_before_there_were_decisions_is_read():
    """As nothing decided."""
    values = {"format": 1, "totals": {"evaluations": 2}, "eras": {"0": {"evaluations": 2}}}
    assert decoded(values) == History(Profile(2), {0: Profile(2)})


@pytest.mark.parametrize(
    "decisions",
    [
        [], {"*": True}, {"*": {}}, {"*": {"when": 1}}, {"*": {"when": 1, "ignores": 1}},
        {"*": {"ignores": True}}, {"*": {"when": -1, "ignores": True}}, {"*": {"when": LATEST, "ignores": True}},
    ],
)  # fmt: skip
def test_what_is_no_decision_is_said_to_be_none(decisions):
    """With the reason; a time that no calendar has is none."""
    with pytest.raises(UnreadableError) as raised:
        decoded({"format": 1, "decisions": decisions})
    assert str(raised.value)
