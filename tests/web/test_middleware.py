"""The middleware: what it counts, what it says, and that it is never in the way."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from django.db import connections
from django.db.backends.base.base import BaseDatabaseWrapper
from django.http import HttpResponse, StreamingHttpResponse
from django.test import AsyncClient, Client, override_settings
from django.urls import path

from autoprefetch import advise
from autoprefetch.web import requests
from autoprefetch.web.normalising import masked, normalised
from tests.library.models import Book
from tests.test_logs import Listener, listening

pytestmark = [
    pytest.mark.usefixtures("library", "_counted"),
    pytest.mark.urls(__name__),
]
SECRET = "hunter2"


@pytest.fixture
def _counted():
    with override_settings(
        MIDDLEWARE=["autoprefetch.web.middleware.QueryCountMiddleware"], AUTOPREFETCH={"QUERY_THRESHOLD": 3}
    ):
        yield


@pytest.fixture
def warnings():
    listener = Listener()
    with listening(listener, logging.WARNING):
        yield listener.heard


def query(number: int = 1) -> None:
    for _ in range(number):
        Book.objects.filter(title=SECRET).exists()


def view(request: Any, number: int) -> HttpResponse:
    query(number)
    return HttpResponse("ok")


async def async_view(request: Any, number: int) -> HttpResponse:
    for _ in range(number):
        await Book.objects.filter(title=SECRET).aexists()
    return HttpResponse("ok")


async def gathered(request: Any) -> HttpResponse:
    await asyncio.gather(*(sync_to_async(query)() for _ in range(4)))
    return HttpResponse("ok")


def broken(request: Any) -> HttpResponse:
    query(5)
    raise RuntimeError


def stream(request: Any) -> StreamingHttpResponse:
    def parts():
        for number in range(5):
            query()
            yield str(number)

    query()
    return StreamingHttpResponse(parts())


async def async_stream(request: Any) -> StreamingHttpResponse:
    async def parts():
        for number in range(5):
            await sync_to_async(query)()
            yield str(number)

    return StreamingHttpResponse(parts())


def own_header(request: Any) -> HttpResponse:
    return HttpResponse("", headers={"X-Query-Count": "mine", "Server-Timing": "app;dur=1"})


def literals(request: Any) -> HttpResponse:
    [book] = Book.objects.all()[:1]
    for size in range(1, 6):
        with connections[book._state.db].cursor() as cursor:
            keys = ", ".join(f"'{SECRET}{n}'" for n in range(size))
            cursor.execute(f"SELECT id FROM library_book WHERE title IN ({keys})")
    return HttpResponse("")


def elsewhere() -> None:
    with connections["default"].cursor() as cursor:
        cursor.execute("SELECT 1")
    BaseDatabaseWrapper.close(connections["default"])  # SQLite's own leaves a database in memory open


async def other_threads(request: Any) -> HttpResponse:
    await asyncio.gather(*(sync_to_async(elsewhere, thread_sensitive=False)() for _ in range(3)))
    return HttpResponse("ok")


def nesting(request: Any) -> HttpResponse:
    query()
    return HttpResponse(Client().get("/sync/2/").headers["X-Query-Count"])


def every_alias(request: Any) -> HttpResponse:
    for alias in connections:
        Book.objects.using(alias).exists()
    return HttpResponse("ok")


urlpatterns = [
    path("threads/", other_threads),
    path("nesting/", nesting),
    path("aliases/", every_alias),
    path("sync/<int:number>/", view),
    path("async/<int:number>/", async_view),
    path("gathered/", gathered),
    path("broken/", broken),
    path("stream/", stream),
    path("async-stream/", async_stream),
    path("own/", own_header),
    path("literals/", literals),
]


def test_a_response_says_how_many_queries_it_took(database):
    assert Client().get("/sync/3/").headers["X-Query-Count"] == "3"
    assert Client().head("/sync/0/").headers["X-Query-Count"] == "0"


async def test_an_async_one_too(database):
    assert (await AsyncClient().get("/async/3/")).headers["X-Query-Count"] == "3"
    assert (await AsyncClient().get("/gathered/")).headers["X-Query-Count"] == "4"
    assert (await AsyncClient().get("/sync/2/")).headers["X-Query-Count"] == "2"


def test_one_warning_names_view_count_statement_and_line(database, warnings):
    Client().get("/sync/3/")
    assert warnings == []
    Client().get("/sync/4/")
    [record] = warnings
    text = record.getMessage()
    assert "autoprefetch.queries: tests.web.test_middleware.view (GET sync/<int:number>/): 4 queries" in text
    assert "4 times" in text
    assert "tests/web/test_middleware.py:" in text
    assert record.queries == 4
    assert SECRET not in repr(vars(record))


def test_lists_of_literals_are_one_and_not_shown(database, warnings):
    Client().get("/literals/")
    [record] = warnings
    [group] = record.similar
    assert group["queries"] == 5
    assert SECRET not in repr(vars(record))


def test_more_queries_than_django_logs_are_counted(database):
    if database == "default":
        assert Client().get("/sync/9100/").headers["X-Query-Count"] == "9100"


def test_an_exception_is_counted_and_passes(database, warnings):
    with pytest.raises(RuntimeError):
        Client().get("/broken/")
    assert [record.queries for record in warnings if hasattr(record, "queries")] == [5]


def test_a_stream_counts_until_its_end(database, warnings):
    response = Client().get("/stream/")
    assert response.headers["X-Query-Count"] == "1"
    assert b"".join(response.streaming_content) == b"01234"
    assert [record.queries for record in warnings] == [6]


async def test_an_async_stream_counts_until_its_end(database, warnings):
    response = await AsyncClient().get("/async-stream/")
    assert [part async for part in response.streaming_content] == [b"0", b"1", b"2", b"3", b"4"]
    assert [record.queries for record in warnings] == [5]


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)  # the test client closes the others at once
def test_a_stream_that_is_closed_early_warns_once_of_what_it_sent(database, warnings):
    """And `HEAD` reads nothing of it."""
    response = Client().get("/stream/")
    parts = iter(response.streaming_content)
    for _ in range(3):
        next(parts)
    response.close()
    del parts
    assert [record.queries for record in warnings] == [4]
    Client().head("/stream/")
    assert len(warnings) == 1


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
@pytest.mark.parametrize(("sent_from", "where"), [("shop/views.py:3 view", "there"), ("", "in this view")])
def test_a_warning_points_to_no_line_that_it_does_not_name(sent_from, where, database, warnings):
    """Async querysets run in a thread of their own, where nobody knows who asked."""
    similar = {"sql": "SELECT ?", "queries": 4, "seconds": 0.1, "sent_from": sent_from}
    advise.many_queries("view", 4, 3, 0.1, 0.2, [similar])
    assert warnings[0].getMessage().endswith(f"Give the querysets whose rows are read {where} to auto().")


def test_one_query_is_one_query(database, warnings, settings):
    settings.AUTOPREFETCH = {"QUERY_THRESHOLD": 0}
    Client().get("/sync/1/")
    assert ": 1 query, " in warnings[0].getMessage()


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
async def test_connections_that_other_threads_open_are_counted(database):
    assert (await AsyncClient().get("/threads/")).headers["X-Query-Count"] == "3"


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_a_request_within_a_request_counts_for_both(database):
    response = Client().get("/nesting/")
    assert (response.content, response.headers["X-Query-Count"]) == (b"2", "3")


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
@pytest.mark.django_db(databases="__all__")
def test_every_alias_is_counted(database):
    assert Client().get("/aliases/").headers["X-Query-Count"] == str(len(list(connections)))


def test_listed_twice_it_counts_once(database, warnings, settings):
    settings.MIDDLEWARE = settings.MIDDLEWARE * 2
    assert Client().get("/sync/4/").headers["X-Query-Count"] == "4"
    assert [record.queries for record in warnings] == [4]


def test_a_block_of_djangos_execute_wrapper_keeps_its_own(database):
    """It takes the last away when it ends, so that ours must not be the last."""
    seen = []

    def own(execute: Any, *args: Any) -> Any:
        seen.append(args)
        return execute(*args)

    connection = connections[database]
    connection.execute_wrappers.clear()
    with connection.execute_wrapper(own):
        assert Client().get("/sync/1/").headers["X-Query-Count"] == "1"
    query()
    assert len(seen) == 1
    assert connection.execute_wrappers == [requests.count_statement]


def test_a_header_of_the_view_is_kept(database):
    assert Client().get("/own/").headers["X-Query-Count"] == "mine"


def test_times_are_told_in_debug_and_on_request_alone(database, settings):
    asking = {"X-Server-Timing": "1"}
    assert Client().get("/own/", headers=asking).headers["Server-Timing"] == "app;dur=1"
    settings.DEBUG = True
    assert Client().get("/own/").headers["Server-Timing"] == "app;dur=1"
    assert Client().get("/own/", headers=asking).headers["Server-Timing"].startswith("app;dur=1, db;dur=")
    assert 'desc="1 query"' in Client().get("/sync/1/", headers=asking).headers["Server-Timing"]
    assert 'desc="2 queries"' in Client().get("/sync/2/", headers=asking).headers["Server-Timing"]


def test_a_fault_of_its_own_is_logged_once(database, warnings, monkeypatch):
    def fail(*args: Any) -> str:
        raise KeyError

    monkeypatch.setattr(requests, "masked", fail)
    assert [Client().get("/sync/2/").status_code for _ in range(2)] == [200, 200]
    assert [record.event for record in warnings] == ["autoprefetch.fault"]


@pytest.mark.parametrize("vendor", ["sqlite", "postgresql", "mysql"])
@pytest.mark.parametrize(
    "value",
    ["'{}'", "'it''s {}'", "'x\\\\' || '{}'", "/* {} */ 1", "'{}", "0xhunter2", '"{}"', "/* a /* b */ {} */ 1"],
)
def test_no_value_is_shown(value, vendor, database):
    if database == "default":
        sql = f"SELECT id FROM library_book WHERE title LIKE %s ESCAPE '\\' AND title = {value.format(SECRET)}"
        assert SECRET not in normalised(masked(sql, vendor))
