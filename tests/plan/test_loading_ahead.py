"""Whether a plan loads anything ahead is known without the plan, and the same."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autoprefetch.apply import planning
from autoprefetch.conf import Config
from autoprefetch.learn.decisions import Decision
from autoprefetch.learn.histories import UNKNOWN, History
from autoprefetch.learn.profiles import Path, Profile, Usage
from autoprefetch.plan.choosing import MAX_JOINS
from autoprefetch.plan.forms import Form
from autoprefetch.plan.relations import relations
from autoprefetch.plan.traits import form_from
from tests.library.models import Book

ROOTS = sorted(relations(Book))
PATHS: list[Path] = [
    *((name,) for name in ROOTS), ("author", "archive"), ("author", "mentor"), ("author", "mentor", "archive"),
    ("publisher", "books"), ("tags", "books"), ("tags(0badcafe)",), ("gone",),
]  # fmt: skip
FORMS = ["", "ordered", "ordered; joins author", "prefetches tags", "takes no join: it locks", "ordered; reaches into"]

usages = st.builds(
    lambda times, loads, distinct, eager: Usage(times, times * loads, times * loads, times * loads, eager=eager,
                                                distinct=distinct),
    st.integers(0, 20), st.sampled_from([0, 1, 2, 16, 300]), st.integers(0, 40), st.sampled_from([0, 20]),
)  # fmt: skip
histories = st.builds(
    lambda used, decided: History(Profile(20), {0: Profile(20, 320, 20, usages=used)}, decided),
    st.dictionaries(st.sampled_from(PATHS), usages, max_size=8),
    st.dictionaries(st.sampled_from(["author", "tags", "*"]), st.builds(Decision, st.just(1), st.booleans())),
)
configs = st.builds(
    lambda unordered, ahead, mode: Config(mode=mode, join_unordered=unordered, ahead=ahead),
    st.booleans(), st.booleans(), st.sampled_from(["auto", "strict"]),
)  # fmt: skip


@given(histories, st.sampled_from(FORMS), configs)
def test_what_is_told_without_a_plan_is_what_the_plan_says(history, text, config):
    """For any call site, however its queryset is written and whatever the settings are."""
    form = form_from(Book, text)
    assert planning.foresees_any(history, form, config) is not planning.foreseen(history, form, config).is_empty


@pytest.mark.parametrize(("paths", "expected"), [((), False), ((("author",),), True), ((("gone",),), False)])
def test_it_is_told_of_simple_call_sites(paths, expected):
    """What is used by each row is joined; what the models do not have is nothing."""
    counted = {path: Usage(4, 64, 64, 64, distinct=8) for path in paths}
    history = History.of(Profile(4, 64, 4, usages=counted), 0) if paths else UNKNOWN
    assert planning.foresees_any(history, Form(Book, ordering=("pk",)), Config()) is expected


def test_joins_that_are_not_made_leave_room_for_others(monkeypatch):
    """Below a relation that is not worth its join, nothing is joined either, and nothing counts."""
    monkeypatch.setattr("autoprefetch.plan.choosing.MAX_JOINS", 2)
    assert MAX_JOINS > 2
    dear, cheap = Usage(20, 20 * 4000, 20, 20), Usage(20, 20 * 16, 20 * 16, 20 * 16, distinct=16)
    used = {("author",): dear, ("author", "archive"): Usage(20, 40, 40, 40, distinct=2), ("publisher",): cheap,
            ("category",): cheap}  # fmt: skip
    plan = planning.foreseen(History.of(Profile(20, 320, 20, usages=used), 0), Form(Book, ordering=("pk",)), Config())
    assert plan.joins() == ("category", "publisher")
