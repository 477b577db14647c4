"""Every known trap has a test that is named after its id."""

import re
from pathlib import Path

import pytest

#: The ids of the list of known traps.
IDS = (
    *("a1", "a2", "a2b", "a3", "a4", "a5", "a6", "a7", "a8", "a9", "a10", "a11", "a12", "a13", "a14", "a15"),
    *("b1", "b2", "b3", "b4", "b5", "b6", "b7", "b8", "b9", "b10", "b11", "b12", "b13", "b14"),
    *("c1", "c2", "c3", "c4", "c5", "c6", "c7", "c8", "c9"),
    *("d1", "d2", "d3", "d4", "d5", "d6", "d7", "d8", "d9", "d10", "d11", "d12", "d13"),
)

#: What a prefetched manager answers from its cache, and what it asks the database for again.
FROM_CACHE = ("all", "iteration", "slice", "index", "count", "exists", "contains", "ordered_first")
ASKED_AGAIN = (
    "filter", "order_by", "unordered_first", "unordered_last", "latest", "values_list", "get", "in_bulk", "aggregate",
    "iterator", "select_related",
)  # fmt: skip

NAMES = [
    name
    for file in sorted(Path(__file__).parent.glob("test_*.py"))
    for name in re.findall(r"^(?:async )?def (test_\w+)", file.read_text(), re.MULTILINE)
]


@pytest.mark.parametrize("trap", IDS)
def test_a_trap_has_a_test_of_its_name(trap: str) -> None:
    """`test_a15_...` in this folder."""
    assert [name for name in NAMES if name.startswith(f"test_{trap}_")]


def test_no_test_is_named_after_a_trap_that_is_not_in_the_list() -> None:
    """A misspelt id would leave its trap without a test."""
    named = {found[1] for name in NAMES if (found := re.match(r"test_([a-d]\d+[a-z]?)_", name))}
    assert named == set(IDS)


def test_what_a_prefetched_manager_answers_has_a_test_for_each_consumer() -> None:
    """One case each, in the two tables."""
    from tests.equivalence.test_prefetched_managers import AGAIN, CACHED

    assert (tuple(CACHED), tuple(AGAIN)) == (FROM_CACHE, ASKED_AGAIN)


def test_each_test_file_runs_on_every_database() -> None:
    """By the fixture `database`, which each of its tests asks for."""
    for file in sorted(Path(__file__).parent.glob("test_*.py")):
        if file == Path(__file__):
            continue
        heads = re.findall(r"^(?:async )?def test_[a-d]\d\w*\(([^)]*)\)", file.read_text(), re.MULTILINE)
        assert all("database" in head for head in heads), file.name
