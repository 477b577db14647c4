"""What the panel says of the call sites of a request."""

from __future__ import annotations

import pytest
from django.test import Client, override_settings

from autoprefetch.evaluation import engine
from autoprefetch.faults import quarantine
from autoprefetch.observe import following
from tests.library.models import Book
from tests.web.toolbar.panels import (
    bars,
    button,
    codes,
    content,
    relations,
    rendered,
    request_id,
    states,
    text_of,
)

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.usefixtures("library"),
    pytest.mark.parametrize("database", ["sqlite"], indirect=True),
]


def test_a_cold_call_site_has_batched_what_it_touched(database):
    """Its first evaluation has loaded each relation for all rows, and there is code to paste already."""
    shown = content("/books/")
    books = Book.objects.count()
    assert states(shown) == ["cold"]
    assert bars(shown) == [("plain", str(1 + 3 * books)), ("ran", "4")]
    assert relations(shown) == {
        "author": (["batched"], f"{books} queries"),
        "contributions for each parent": (["batched"], f"{books} queries"),
        "tags": (["batched"], f"{books} queries"),
    }


def test_a_warm_call_site_has_joined_and_prefetched(database):
    """And batched what only its parents can ask for; the code is that of the suggestion, each piece to be copied."""
    content("/books/")
    shown = content("/books/")
    assert states(shown) == ["warm"]
    assert bars(shown)[1] == ("ran", "3")
    assert {name: marks for name, (marks, _) in relations(shown).items()} == {
        "author": ["joined"],
        "contributions for each parent": ["batched"],
        "tags": ["prefetched"],
    }
    [replacement, imports, edit] = codes(shown)
    assert '.select_related("author")' in replacement
    assert imports.startswith("from django.db.models import Prefetch")
    assert edit == "book.prefetched_contributions"
    assert shown.count('class="copy"') == 3
    assert "tests/web/toolbar/views.py:" in text_of(shown)


def test_what_was_loaded_ahead_and_not_used_is_unused(database):
    """In this request; that others have used it is the dashboard's to say."""
    for address in ("/maybe/", "/maybe/"):
        assert "unused eager loads" not in states(content(address))
    shown = content("/maybe/?unused")
    assert states(shown) == ["warm", "unused eager loads"]
    assert relations(shown) == {"author": (["joined", "unused"], "0 queries")}


def test_a_request_that_ended_in_an_error_has_nothing_unused(database):
    """It may have used it otherwise."""
    content("/broken/")
    client = Client(raise_request_exception=False)
    assert client.get("/broken/?broken").status_code == 500
    shown = content_of_the_latest()
    assert relations(shown) == {"author": (["joined"], "0 queries")}
    assert states(shown) == ["warm"]


def content_of_the_latest() -> str:
    from debug_toolbar.store import get_store

    return str(rendered(list(get_store().request_ids())[-1])["content"])


def test_what_no_batch_can_answer_is_lazy(database):
    """As the relation of a single row, until it is joined."""
    assert relations(content("/one/")) == {"author": (["lazy"], "1 query")}
    assert relations(content("/one/")) == {"author": (["joined"], "1 query")}


def test_what_the_code_loads_itself_is_marked_so(database):
    """It needs no queries of plain Django either, and no change."""
    shown = content("/given/")
    assert relations(shown) == {"author": (["by the caller"], "0 queries")}
    assert codes(shown) == []


def test_evaluations_of_one_call_site_are_added_up(database):
    """The first was cold and has batched, the second joined."""
    shown = content("/twice/")
    books = Book.objects.count()
    assert states(shown) == ["cold", "cold", "warm"]
    assert bars(shown)[2:] == [("plain", str(2 + 2 * books)), ("ran", "3")]
    assert relations(shown) == {"author": (["batched", "joined"], f"{2 * books} queries")}
    assert f"2 evaluations, {2 * books} rows" in text_of(shown)


def test_the_side_bar_has_the_queries_of_the_request(database):
    """Those that ran, and those of plain Django."""
    assert button(request_id("/books/")) == f"autoprefetch 4 queries, plain Django {1 + 3 * Book.objects.count()}"


def test_where_nothing_was_evaluated_there_is_nothing(database):
    """The side bar has the name alone, and the panel says so."""
    stored = request_id("/plain/")
    assert button(stored) == "autoprefetch"
    assert text_of(rendered(stored)["content"]) == "This request has evaluated no automatic queryset."


def test_where_no_relation_was_used_there_is_no_table(database):
    """And no code."""
    shown = content("/titles/")
    assert "No relation was used." in text_of(shown)
    assert "<table>" not in shown
    assert codes(shown) == []


def test_a_past_request_is_shown_as_it_was(database):
    """The history panel asks for it by its number, whatever came since."""
    cold = request_id("/books/")
    warm = request_id("/books/")
    request_id("/plain/")
    assert states(rendered(cold)["content"]) == ["cold"]
    assert states(rendered(warm)["content"]) == ["warm"]


def test_names_are_escaped_and_values_are_not_shown(database):
    """A name is whatever the code says; what a request asks for is nobody's business."""
    content("/secrets/?q=hunter2")
    shown = content("/secrets/?q=hunter2")
    assert "&lt;i&gt;&amp; &#x27;so&#x27; on&lt;/i&gt;" in shown
    assert "<i>" not in shown
    assert "hunter2" not in shown
    assert "SELECT" not in shown


def test_bytes_that_are_no_text_are_shown_escaped(database):
    """As in the name of a file: a response could not be encoded otherwise."""
    from debug_toolbar.store import get_store

    stored = request_id("/titles/")
    get_store().save_panel(stored, "AutoprefetchPanel", {"notices": ["\udcff"]})
    assert r"\udcff" in rendered(stored)["content"]


def test_a_call_site_that_is_rolled_back_within_the_request_says_so(database, monkeypatch):
    """With the class of the fault, and without what it says."""
    look_at = engine.look_at

    def looked_at(evaluations):
        quarantine(engine.standings.get(evaluations[0].recording.key), ValueError("hunter2"))
        look_at(evaluations)

    monkeypatch.setattr(engine, "look_at", looked_at)
    shown = content("/books/")
    assert states(shown) == ["cold", "rolled back"]
    assert "ValueError" in shown
    assert "hunter2" not in shown
    assert codes(shown) == []


def test_what_is_beyond_the_bound_is_counted(database, monkeypatch):
    """A request may evaluate a million times."""
    monkeypatch.setattr(following, "_MOST", 2)
    assert "And 1 evaluation more, which are not shown." in text_of(content("/twice/"))


@pytest.mark.parametrize(
    ("mode", "marks", "notice"),
    [
        ("learn", ["lazy"], "nothing is loaded ahead or batched"),
        ("apply", ["joined"], "nothing is learned"),
        ("strict", ["joined"], "lazy loads are errors"),
    ],
)
def test_in_each_mode_it_says_what_happened(database, mode, marks, notice):
    """Also where nothing is learned, so that nobody else takes the counts."""
    books = Book.objects.count()
    content("/maybe/")
    with override_settings(AUTOPREFETCH={"MODE": mode}):
        shown = content("/maybe/")
    assert relations(shown) == {"author": (marks, f"{books} queries")}
    assert f'MODE is "{mode}"' in text_of(shown)
    assert notice in text_of(shown)


def test_switched_off_there_is_nothing_but_that(database):
    """Querysets run as plain Django then."""
    with override_settings(AUTOPREFETCH={"MODE": "off"}):
        shown = text_of(content("/books/"))
    assert 'MODE is "off"' in shown
    assert "evaluated no automatic queryset" in shown


def test_a_wrong_setting_is_named(database):
    """Autoprefetch is off then."""
    with override_settings(AUTOPREFETCH={"MOOD": "auto"}):
        assert "A setting is wrong" in text_of(content("/books/"))
