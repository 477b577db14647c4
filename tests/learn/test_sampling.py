"""Sampling: the accesses of a stable call site are counted now and then, and what changes is noticed all the same."""

from __future__ import annotations

from typing import Any

import pytest

from autoprefetch import auto, report
from autoprefetch.advise.reports import CallSiteReport
from autoprefetch.apply.standing import SAMPLED, STABLE
from autoprefetch.plan.costs import FORGOTTEN
from tests.databases import count_queries
from tests.library.models import Book

pytestmark = [
    pytest.mark.usefixtures("library"),
    pytest.mark.parametrize("database", ["sqlite"], indirect=True),
]

MANY = 4 * STABLE


def run(*lookups: str, times: int = 1) -> int:
    """Evaluate the same call site, use some relations, and return the queries of the last time."""
    for _ in range(times):
        with count_queries() as log:
            for book in auto(Book.objects.order_by("pk"), name="books"):
                for lookup in lookups:
                    found: Any = getattr(book, lookup)
                    assert found is not None or lookup
    return len(log)


def site() -> CallSiteReport:
    [found] = report().call_sites
    return found


def method(lookup: str) -> str:
    plan = site().plan
    assert plan is not None
    return {"__".join(branch.path): str(branch.method) for branch in plan.walk()}.get(lookup, "unknown")


def test_a_stable_call_site_is_counted_in_a_sample() -> None:
    """Its evaluations, rows and queries are all counted, and the shares stay what they are."""
    run("author", times=STABLE)
    assert site().totals.uncounted == 0
    run("author", times=MANY)
    totals, [line] = site().totals, site().lines()
    assert (totals.evaluations, totals.rows) == (STABLE + MANY, 16 * (STABLE + MANY))
    assert totals.uncounted == pytest.approx(MANY * (1 - 1 / SAMPLED), abs=SAMPLED)
    assert (line.used, line.ahead, line.loads, line.method) == (1.0, pytest.approx(1.0, abs=0.02), 16, "joined")
    assert site().saved_queries == pytest.approx(16 * (STABLE + MANY - 1), abs=16)


def test_what_is_loaded_lazily_for_the_first_time_is_counted_at_once() -> None:
    """The very next evaluation loads it ahead."""
    run("author", times=MANY + 1)
    assert run("author", "publisher") > 1
    assert run("author", "publisher") == 1
    assert method("publisher") == "joined"


def test_what_is_not_used_any_more_is_dropped_as_soon_as_ever() -> None:
    """The first sample that does not use it ends the sampling."""
    run("author", times=MANY)
    before = site().totals.uncounted
    times = 0
    while method("author") == "joined":
        run()
        times += 1
    assert FORGOTTEN <= times <= 50
    assert site().totals.uncounted - before <= SAMPLED


def test_what_is_used_now_and_then_is_counted_as_often_as_the_rest() -> None:
    """A sample counts neither more of those evaluations that use it nor fewer."""
    for number in range(3 * MANY):
        run("author", *["publisher"] * (number % 20 == 0))
    [share] = [line.used for line in site().lines() if line.path == "publisher"]
    assert share == pytest.approx(0.05, abs=0.04)
