"""What a store knows, reported without the processes that learned it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from autoprefetch.advise.foreseeing import model_of, report_of
from autoprefetch.advise.keys import label_of
from autoprefetch.advise.reports import CallSiteReport, Line
from autoprefetch.conf import Config
from autoprefetch.learn.histories import History
from autoprefetch.learn.profiles import Path, Profile, Usage
from tests.library.models import Book

KEY = "shop.views:books/auto#0@12345678 < shop.views:page/loop#0 < GET books/ < library.Book"
OFTEN = Usage(4, 64, 64, 64, eager=3, distinct=64)


def history(*paths: Path, usage: Usage = OFTEN) -> History:
    return History.of(Profile(4, 64, 4, 3, 6, usages=dict.fromkeys(paths, usage)), 0)


def reported(key: str, known: History, **settings: Any) -> CallSiteReport:
    [found] = report_of({key: known}, Config(**settings)).call_sites
    return found


def lines(*paths: Path, usage: Usage = OFTEN, key: str = KEY, **settings: Any) -> dict[str, Line]:
    return {line.path: line for line in reported(key, history(*paths, usage=usage), **settings).lines()}


def test_a_plan_is_made_for_call_sites_that_never_ran_here() -> None:
    """From the counts and the model alone; where the ordering of the query decides, both ways are named."""
    found = lines(("author",), ("author", "archive"), ("tags",))
    assert {path: line.method for path, line in found.items()} == {
        "author": "joined or prefetched",
        "author__archive": "joined",
        "tags": "prefetched",
    }
    assert "the ordering is not total" in found["author"].reason
    assert found["tags"].reason == "a many-to-many cannot be joined"
    assert {line.ahead for line in found.values()} == {0.75}


@pytest.mark.parametrize(
    ("settings", "method"),
    [
        ({"join_unordered": True}, "joined"),
        ({"ahead": False}, "joined or lazy"),
        ({"ignore": ("library.Book.author",)}, "lazy"),
    ],
)
def test_the_settings_have_their_say(settings: Any, method: str) -> None:
    """As they have in the processes that serve requests."""
    assert lines(("author",), **settings)["author"].method == method


def test_what_is_seldom_used_says_why_it_is_not_loaded_ahead() -> None:
    """With what each way would cost."""
    line = lines(("tags",), usage=Usage(1, 16, 16, 16))["tags"]
    assert (line.method, line.reason, line.used) == ("lazy", "loading it when it is touched costs less", 0.25)
    assert line.costs["batch"] < line.costs["prefetch"] < line.costs["lazy"]
    assert "join" not in line.costs  # to-many


def test_derived_queries_are_batched_and_what_is_joined_to_them_is_said() -> None:
    """Their form is known to the processes that run them only, but not what they loaded ahead."""
    found = lines(("tags(0badcafe)",), ("tags(0badcafe)", "books"), ("comments(0badcafe)",))
    assert found["tags(0badcafe)"].method == "batched"
    assert set(found["tags(0badcafe)"].costs) == {"lazy", "batch"}
    assert found["tags(0badcafe)__books"].method == "joined"
    touched = lines(("tags(0badcafe)", "books"), usage=Usage(4, 64, 64, 64))
    assert touched["tags(0badcafe)__books"].method == "at touch"


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        (("writer",), "library.Book has no relation 'writer' any more"),
        (("author", "archiv"), "library.Author has no relation 'archiv' any more"),
        (("writer", "archive"), "library.Book has no relation 'writer' any more"),
        (("labels(0badcafe)",), "library.Book has no relation 'labels' any more"),
        (("tags(0badcafe)", "pages"), "library.Tag has no relation 'pages' any more"),
        (("library.Gone.book(0badcafe)",), "library.Gone.book(0badcafe) names a model that is not installed"),
    ],
)
def test_what_the_models_do_not_have_any_more_is_left_out_by_name(path: Path, reason: str) -> None:
    """One by one; the rest is planned."""
    found = lines(path, ("author",))
    assert found["__".join(path)].method == "left out"
    assert found["__".join(path)].reason.startswith(reason)
    assert found["author"].method == "joined or prefetched"


@pytest.mark.parametrize("label", ["library.Gone", "gone.Book", "nonsense", "", "a.b.c"])
def test_a_model_that_is_gone_is_a_reason_and_no_exception(label: str) -> None:
    """The counts are shown all the same."""
    site = reported(f"shop.views:books/auto#0 < GET books/ < {label}", history(("author",), ("tags(0badcafe)",)))
    assert site.gone == f"no installed model is called {label!r}"
    assert [(line.method, line.reason) for line in site.lines()] == [("left out", site.gone)] * 2
    text = report_of({site.key: site.history}, Config()).as_text()
    assert f"left out: {site.gone}" in text
    assert "4 evaluations, 64 rows" in text


def test_a_key_tells_the_model_the_place_the_callers_and_the_route() -> None:
    """The hash of the expression is for machines."""
    site = reported(KEY, history())
    assert (label_of(KEY), model_of(KEY)) == ("library.Book", Book)
    assert site.call_site == "shop.views:books/auto#0 (GET books/)"
    assert site.callers == ("shop.views:page/loop#0",)
    assert reported("mail@example.org < library.Book", history()).call_site == "mail@example.org"
    assert reported("a\nb | c < library.Book", history()).call_site == "a b | c"


def test_names_of_any_text_keep_tables_whole() -> None:
    """A bar is no border, and a line stays one line."""
    markdown = report_of({"a\nb | c < library.Book": history(("author",))}, Config()).as_markdown()
    assert "| `a b \\| c` | library.Book |" in markdown


def test_call_sites_come_with_the_one_first_that_saved_most() -> None:
    """Then by name; all of it is plain values for JSON."""
    more = History.of(Profile(9, 144, 9, 8, 8, usages={("author",): OFTEN}), 0)
    known = {"b < library.Book": history(), "a < library.Book": history(), "c < library.Book": more}
    report = report_of(known, Config())
    assert [site.call_site for site in report.call_sites] == ["c", "a", "b"]
    assert [site["key"] for site in json.loads(json.dumps(report.as_dict()))["call_sites"]] == [
        "c < library.Book", "a < library.Book", "b < library.Book"
    ]  # fmt: skip
