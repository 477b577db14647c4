"""The reference of the dashboard: it describes what there is."""

from __future__ import annotations

import re
from pathlib import Path

from autoprefetch.advise import logs
from autoprefetch.web.dashboard.branches import Mark
from autoprefetch.web.dashboard.listing import ALL, FILTERS
from autoprefetch.web.dashboard.pages import POLICY
from autoprefetch.web.dashboard.views import FORGET, IGNORE

PAGE = (Path(__file__).parents[3] / "docs" / "reference" / "dashboard.md").read_text()


def first_cells(heading: str) -> list[str]:
    """Return the first cells of the table with that heading."""
    table = PAGE.partition(f"| {heading} | ")[2].partition("\n\n")[0]
    return [line.strip("| ").split(" | ")[0] for line in table.splitlines()[2:]]


def test_every_filter_and_every_mark_is_described():
    """In the order of the pages, and none that does not exist."""
    assert first_cells("filter") == [title for name, (title, _) in FILTERS.items() if name != ALL]
    assert first_cells("mark") == [str(mark) for mark in Mark]


def test_the_policy_the_permission_and_the_events_are_those_of_the_code():
    """To be copied from there."""
    assert f"Content-Security-Policy: {POLICY}\n" in PAGE
    assert {f"`{FORGET}`", f"`{IGNORE}`"} <= set(re.findall(r"`autoprefetch_database\.\w+`", PAGE))
    assert {f"`{logs.FAULT}`", f"`{logs.SLOW_BATCH}`"} <= set(re.findall(r"`autoprefetch\.\w+`", PAGE))


def test_every_picture_is_there():
    """The browser's tests take them, see `docs/contributing.md`."""
    named = re.findall(r"\]\(\.\./images/([\w-]+\.png)\)", PAGE)
    folder = Path(__file__).parents[3] / "docs" / "images"
    assert len(named) == 4
    assert all((folder / name).is_file() for name in named)
