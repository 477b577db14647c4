"""Reports: what was learned at each call site, what is applied, why, and what it saved."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from autoprefetch import auto, override, report, reset, suggestions
from autoprefetch.advise.reports import CallSiteReport, Report
from autoprefetch.evaluation import engine
from autoprefetch.faults import quarantine
from autoprefetch.learn.histories import History
from autoprefetch.learn.profiles import Profile, Usage
from tests.library.models import Author, Book

LEARNED = Profile(4, 64, 4, 3, 6, {("author",): Usage(4, 64, 64, 64, eager=3), ("tags",): Usage(4, 64, 64, 90)}, {})


def site(name: str = "view (shop/views.py:42)", profile: Profile = LEARNED, **values: Any) -> CallSiteReport:
    return CallSiteReport(**{"call_site": name, "key": name, "model": "library.Book", "plan": None,
                             "history": History.of(profile, 0),
                             "quarantined": "", **values})  # fmt: skip


@pytest.mark.parametrize(
    ("profile", "saved"),
    [
        (Profile(), 0),
        (Profile(1, 16, usages={("author",): Usage(1, 16, 16)}), 0),
        (Profile(2, 32, 2, 1, 1, {("author",): Usage(2, 32, 32, eager=1)}), 16),
        (Profile(11, 176, 11, 10, 10, {("author",): Usage(11, 176, 176, eager=10)}), 160),
        (Profile(2, 32, 2, 1, 40, {("author",): Usage(2, 32, 32, eager=1)}), 0),
    ],
)
def test_saved_queries_are_those_of_the_warm_evaluations(profile, saved):
    """What plain Django would have run, less what was run; never less than nothing."""
    assert site(profile=profile).saved_queries == saved


def test_an_empty_report_says_so():
    """Before anything was learned."""
    assert Report(()).as_text()
    assert Report(()).as_dict() == {"call_sites": []}


def test_a_quarantined_call_site_says_why():
    """A person has to see that it runs plain."""
    found = Report((site(quarantined="Fault('x')"),))
    assert "Fault('x')" in found.as_text()
    assert found.as_dict()["call_sites"][0]["quarantined"] == "Fault('x')"


@pytest.fixture
def books(library: None) -> None:
    """Learn something at two call sites."""

    def often() -> None:
        for book in auto(Book.objects.all()):
            assert book.author
            assert list(book.tags.all()) is not None

    def seldom() -> None:
        for author in auto(Author.objects.all()):
            assert author.archive is None or author.archive.shelfmark

    for _ in range(3):
        often()
    for _ in range(2):
        seldom()


def with_books(test: Callable[..., None]) -> Callable[..., None]:
    """Run a test on SQLite after something was learned."""
    parametrized = pytest.mark.parametrize("database", ["sqlite"], indirect=True)(test)
    found: Callable[..., None] = pytest.mark.usefixtures("books")(parametrized)
    return found


@with_books
def test_the_report_names_call_sites_relations_methods_and_reasons():
    """P6: what was learned, what is applied, and why."""
    text = report().as_text()
    for expected in ("often (tests/advise/test_reports.py:", "library.Book", "author", "joined", "tags", "prefetched"):
        assert expected in text
    first, second = report().call_sites
    assert first.saved_queries > second.saved_queries > 0
    assert first.model == "library.Book"
    assert all(branch.reason for found in (first, second) for branch in found.plan.walk())


@with_books
def test_the_report_is_plain_values_for_json():
    """For dashboards and commands."""
    given = json.loads(json.dumps(report().as_dict()))
    [first, second] = given["call_sites"]
    assert (first["evaluations"], first["rows"], first["queries_plain"], first["queries_warm"]) == (3, 48, 33, 2)
    assert first["saved_queries"] == 62
    assert {relation["path"]: relation["method"] for relation in first["relations"]} == {
        "author": "joined",
        "tags": "prefetched",
    }
    assert second["model"] == "library.Author"


@with_books
def test_suggestions_come_with_the_one_first_that_saves_most():
    """A list of values, for each call site that has something to change."""
    found = suggestions()
    assert [made.model for made in found] == ["library.Book", "library.Author"]
    assert found[0].queries_before - found[0].queries_after > found[1].queries_before - found[1].queries_after
    assert all(made.measured for made in found)


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_nothing_is_suggested_for_a_quarantined_call_site_and_all_for_the_others(library):
    """Also where it has derived queries, whose source is known."""

    def derived() -> None:
        for book in auto(Book.objects.order_by("pk")):
            assert list(book.contributions.order_by("position", "pk")[:2]) is not None

    for _ in range(2):
        derived()
        for author in auto(Author.objects.all()):
            assert author.archive is None or author.archive.shelfmark
    [standing] = [one for one in engine.standings.all() if one.site.model == "library.Book"]
    assert len(suggestions()) == 2
    quarantine(standing, KeyError("x"))
    assert [made.model for made in suggestions()] == ["library.Author"]


@with_books
def test_reset_forgets_everything():
    """Nothing is reported, suggested or applied any more."""
    reset()
    assert report().call_sites == ()
    assert suggestions() == []


@with_books
def test_asking_changes_nothing():
    """A report may be asked for at any time, in any mode."""
    before = report().as_dict()
    for mode in ("off", "learn", "apply", "strict"):
        with override(MODE=mode):
            report().as_text()
            suggestions()
    assert report().as_dict() == before
