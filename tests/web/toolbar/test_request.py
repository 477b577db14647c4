"""What the panel does to a request: nothing."""

from __future__ import annotations

import gc
import logging
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from django.db import connections
from django.test import Client, override_settings

from autoprefetch.evaluation import engine
from autoprefetch.observe import following
from autoprefetch.orm import columns
from autoprefetch.web.dashboard.assets import PANEL_TYPES, TYPES
from tests.library.models import Book
from tests.web.toolbar.panels import (
    PANEL,
    SETTINGS,
    arequest_id,
    button,
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

OTHERS = [path for path in SETTINGS["DEBUG_TOOLBAR_PANELS"] if path != PANEL]


@contextmanager
def statements() -> Iterator[list[str]]:
    """Collect what is sent to any database."""
    sent: list[str] = []

    def collect(execute: Any, sql: str, *args: Any) -> Any:
        sent.append(sql)
        return execute(sql, *args)

    with ExitStack() as stack:
        for connection in connections.all():
            stack.enter_context(connection.execute_wrapper(collect))
        yield sent


def learned() -> dict[str, Any]:
    return {key: history.totals for key, history in engine.everything().items()}


# It does not change what happens --------------------------------------------------------------------------------------


def test_it_sends_no_query_and_changes_none(database):
    """Cold and warm, the same statements are sent with the panel, without it, and without the toolbar."""
    import autoprefetch

    runs = []
    for changed in ({}, {"DEBUG_TOOLBAR_PANELS": OTHERS}, {"MIDDLEWARE": []}):
        autoprefetch.reset()
        with override_settings(**changed), statements() as sent:
            answers = [Client().get("/books/") for _ in range(3)]
        assert {answer.status_code for answer in answers} == {200}
        runs.append(sent)
    assert len(runs[0]) == 4 + 3 + 3
    assert runs[0] == runs[1] == runs[2]


def test_to_show_it_sends_no_query(database):
    """It was written down when the request ended."""
    stored = request_id("/books/")
    with statements() as sent:
        assert rendered(stored)["content"]
        assert button(stored)
    assert sent == []


def test_what_is_learned_is_the_same(database):
    """The panel takes no counts from the store, and keeps no rows alive, as the toolbar's SQL panel does."""
    import autoprefetch

    autoprefetch.auto(Book)  # hooks Django; what goes on around the first call of a process is not seen whole
    found = []
    for changed in ({"DEBUG_TOOLBAR_PANELS": [PANEL]}, {"MIDDLEWARE": []}):
        autoprefetch.reset()
        with override_settings(**changed):
            for _ in range(3):
                Client(raise_request_exception=False).get("/broken/?broken")
                Client().get("/books/")
                gc.collect()  # until its rows are gone, it is not counted which columns were read
        found.append(learned())
    broken, books = sorted(found[0].values(), key=lambda totals: -totals.failed)
    assert (broken.failed, books.failed) == (3, 0)
    assert books.columns
    untimed = [{key: replace(totals, times={}) for key, totals in known.items()} for known in found]
    assert untimed[0] == untimed[1]


def test_the_suggestion_is_logged_as_without_it(database, caplog):
    """Once, though the counts were merged before the end of the request."""
    with caplog.at_level(logging.INFO, logger="autoprefetch"):
        for _ in range(3):
            request_id("/maybe/")
    assert [record.message.partition(":")[0] for record in caplog.records] == ["autoprefetch.suggestion"]


def test_after_the_request_nobody_is_followed(database):
    """Also where it ended in an error."""
    request_id("/books/")
    with pytest.raises(ValueError, match=r"^$"):
        Client().get("/broken/?broken")
    assert not following.is_on()


def test_a_request_within_a_request_keeps_its_own(database):
    """As where a view calls the application itself: each panel shows what its request evaluated."""
    outer = following.Follower()
    before = following.begin(outer)
    try:
        assert states(rendered(request_id("/maybe/"))["content"]) == ["cold"]
        assert outer.evaluations == []
        assert following.is_on()
    finally:
        following.begin(before)


def test_a_fault_of_the_panel_stays_inside(database, monkeypatch, caplog):
    """The page is answered, the panel says that it failed, and the log says why."""

    def fail(*args):
        raise ZeroDivisionError

    monkeypatch.setattr("autoprefetch.web.toolbar.panel.shown", fail)
    with caplog.at_level(logging.ERROR, logger="autoprefetch"):
        stored = request_id("/books/")
    assert "The panel has failed." in text_of(rendered(stored)["content"])
    assert [record.message.partition(":")[0] for record in caplog.records] == ["autoprefetch.fault"]


# Where it is disabled -------------------------------------------------------------------------------------------------


def test_disabled_by_a_cookie_it_follows_nothing(database, monkeypatch):
    """As the box in the side bar does; the request runs, and the panel has nothing."""
    monkeypatch.setattr(following, "begin", None)
    client = Client()
    client.cookies["djdtAutoprefetchPanel"] = "off"
    stored = request_id("/books/", client)
    assert button(stored) == "autoprefetch"
    assert text_of(rendered(stored)["content"]) == "This request has evaluated no automatic queryset."


def test_disabled_by_the_settings_it_follows_nothing(database, monkeypatch):
    """By the name that it is listed by."""
    monkeypatch.setattr(following, "begin", None)
    with override_settings(DEBUG_TOOLBAR_CONFIG={"DISABLE_PANELS": {PANEL}}):
        request_id("/books/")


def test_where_the_toolbar_is_not_shown_nothing_is_followed(database, monkeypatch):
    """As to visitors that are not in INTERNAL_IPS."""
    monkeypatch.setattr(following, "begin", None)
    with override_settings(INTERNAL_IPS=[]):
        assert "djdt-request-id" not in Client().get("/books/").headers


# Async and streams ----------------------------------------------------------------------------------------------------


async def test_an_async_view_is_shown(database):
    """By ASGI, where its evaluations run in another thread."""
    stored = await arequest_id("/asynchronous/")
    shown = await sync_to_async(rendered)(stored)
    assert states(shown["content"]) == ["cold"]
    books = await Book.objects.acount()
    assert f"1 evaluation, {books} rows" in text_of(shown["content"])


async def test_what_django_refused_in_async_code_did_not_run(database):
    """It is lazy, and joined from the next request on."""
    books = await Book.objects.acount()
    cold, warm = await arequest_id("/related/"), await arequest_id("/related/")
    assert await sync_to_async(button)(cold) == f"autoprefetch 1 query, plain Django {1 + books}"
    assert relations((await sync_to_async(rendered)(cold))["content"]) == {"author": (["lazy"], f"{books} queries")}
    assert relations((await sync_to_async(rendered)(warm))["content"]) == {"author": (["joined"], f"{books} queries")}


async def test_a_sync_view_is_shown_under_asgi(database):
    """Which runs it in a thread."""
    stored = await arequest_id("/books/")
    assert states((await sync_to_async(rendered)(stored))["content"]) == ["cold"]


def test_of_a_stream_there_is_what_was_evaluated_before_it_began(database, monkeypatch):
    """The toolbar looks before the first part is sent: what is unused by then is not called so."""
    monkeypatch.setattr(columns, "TIMES", 0)  # its uses are counted without that
    books = Book.objects.count()
    shown = []
    for _ in range(2):
        answer = Client().get("/stream/")
        stored = answer.headers["djdt-request-id"]
        assert len(b"".join(answer.streaming_content).splitlines()) == books
        shown.append(relations(rendered(stored)["content"]))  # another request, which would end this one in a test
    assert shown == [{}, {"author": (["joined"], "0 queries")}]
    [history] = engine.everything().values()
    assert history.profile.usages["author",].evaluations == 2


# Files ----------------------------------------------------------------------------------------------------------------


def test_the_style_sheet_and_the_script_are_served_by_the_toolbar(database):
    """With an address that changes with them, and without anything of the project's."""
    found = rendered(request_id("/titles/"))
    [style] = [part.partition('"')[0] for part in found["content"].split('href="')[1:]]
    for address in (style, found["scripts"][-1]):
        answer = Client().get(address)
        assert answer.status_code == 200
        assert answer.headers["Content-Type"] == {**TYPES, **PANEL_TYPES}[address.rpartition("/")[2]]
        assert "immutable" in answer.headers["Cache-Control"]
        assert "djdt-request-id" not in answer.headers


def test_they_need_no_login(database):
    """In a project where all else does: the page to log in has a toolbar too."""
    found = rendered(request_id("/titles/"))
    login = "django.contrib.auth.middleware.LoginRequiredMiddleware"
    session = "django.contrib.sessions.middleware.SessionMiddleware"
    user = "django.contrib.auth.middleware.AuthenticationMiddleware"
    with override_settings(MIDDLEWARE=[session, user, login]):
        assert Client().get(found["scripts"][-1]).status_code == 200
        assert Client().get("/titles/").status_code == 302


class NonceMiddleware:
    """Give requests a nonce, as django-csp does."""

    def __init__(self, get_response: Any) -> None:
        self.get_response = get_response

    def __call__(self, request: Any) -> Any:
        request.csp_nonce = "abc123"
        return self.get_response(request)


def test_rendered_into_the_page_it_has_the_nonce_of_the_page(database):
    """With RENDER_PANELS; everything is there then, without a second request."""
    middleware = ["tests.web.toolbar.test_request.NonceMiddleware", *SETTINGS["MIDDLEWARE"]]
    with override_settings(MIDDLEWARE=middleware, DEBUG_TOOLBAR_CONFIG={"RENDER_PANELS": True}):
        page = Client().get("/books/").content.decode()
    assert '<link rel="stylesheet" nonce="abc123" href="/__debug__/autoprefetch/' in page
    assert states(page) == ["cold"]
