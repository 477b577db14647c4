"""The benchmarks' own arithmetic: what counts as reached, what fails, the form of the JSON. Nothing here is timed."""

from __future__ import annotations

import json

import pytest

from tests.benchmarks.command_line import parsed, status
from tests.benchmarks.outcomes import Figure, Outcome, QueryBar, Ratio, merged
from tests.benchmarks.printing import as_json, as_markdown, as_text


@pytest.fixture
def outcome() -> Outcome:
    found = Outcome(skipped={"zeal": "django-zeal is not installed"})
    found.add({"hand_written": Figure(0.010, 1, 15), "building": Figure(0.002, 0, 15), "warm": Figure(0.0126, 1, 15)})
    found.compare("warm", "hand_written", "building", at_most=1.05)
    found.limit("warm", 1)
    return found


def test_a_ratio_is_that_of_one_median_to_the_sum_of_others(outcome: Outcome) -> None:
    (ratio,) = outcome.ratios
    assert ratio.name == "warm / (hand_written + building)"
    assert ratio.value == pytest.approx(1.05)


def test_a_variant_that_was_not_measured_is_compared_with_nothing(outcome: Outcome) -> None:
    outcome.compare("warm", "fetch_peers", at_most=1.1)
    assert [ratio.name for ratio in outcome.ratios] == ["warm / (hand_written + building)"]


@pytest.mark.parametrize(
    ("ratio", "reached"),
    [
        (Ratio("a", 1.0, at_most=1.0), True),
        (Ratio("a", 1.1, at_most=1.0), False),
        (Ratio("a", 19.0, at_least=20.0), False),
        (Ratio("a", 20.0, at_least=20.0), True),
        (Ratio("a", 99.0), None),
    ],
)
def test_a_bar_is_reached_from_its_own_side(ratio: Ratio, reached: bool | None) -> None:
    assert ratio.is_reached is reached
    assert Outcome(ratios=[ratio]).is_reached is reached


def test_one_bar_that_is_missed_anywhere_leaves_the_row_not_reached() -> None:
    parts = [Outcome(ratios=[Ratio("a", 1.0, at_most=2.0)]), Outcome(ratios=[Ratio("a@postgresql", 3.0, at_most=2.0)])]
    assert merged(parts).is_reached is False


def test_only_query_counts_fail_a_run(outcome: Outcome, capsys: pytest.CaptureFixture[str]) -> None:
    slow = Outcome(ratios=[Ratio("warm / plain", 9.0, at_most=1.03)])
    assert status({"J": outcome, "N": slow}) == 0
    wasteful = Outcome(query_bars=[QueryBar("warm@postgresql", 101, 2)])
    assert status({"C": wasteful}) == 1
    assert capsys.readouterr().err == "benchmarks: C warm@postgresql ran 101 queries, and may run 2.\n"


def test_the_json_names_variants_ratios_and_whether_the_row_is_reached(outcome: Outcome) -> None:
    assert json.loads(as_json({"J": outcome})) == {
        "J": {
            "variants": {
                "hand_written": {"median_s": 0.010, "queries": 1},
                "building": {"median_s": 0.002, "queries": 0},
                "warm": {"median_s": 0.0126, "queries": 1},
            },
            "ratios": {"warm / (hand_written + building)": pytest.approx(1.05)},
            "reached": outcome.is_reached,
            "skipped": {"zeal": "django-zeal is not installed"},
        }
    }


def test_an_outcome_survives_the_way_from_the_process_that_measures(outcome: Outcome) -> None:
    assert Outcome.from_dict(json.loads(json.dumps(outcome.as_dict()))) == outcome


@pytest.mark.parametrize("show", [as_text, as_markdown])
def test_what_is_skipped_is_named_with_its_reason(show: object, outcome: Outcome) -> None:
    assert "django-zeal is not installed" in show({"J": outcome})  # type: ignore[operator]


def test_an_unknown_row_is_refused_with_the_rows_there_are(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as left:
        parsed(["S", "Z"])
    assert left.value.code == 2
    assert "there is no row 'Z'. The rows are S W J N O F H P T C Q D M X." in capsys.readouterr().err
