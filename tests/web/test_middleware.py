"""The middleware: queries of a request are counted wherever they run, and too many of them are told of."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from django.db import connection, connections
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.test import AsyncClient, Client
from django.urls import path

from autoprefetch import auto, override
from autoprefetch.advise import logs
from autoprefetch.orm import executions
from autoprefetch.web import middleware
from tests.databases import count_queries
from tests.library.models import Author, Book

SECRET = "a-secret-value"


def nothing(request: HttpRequest) -> HttpResponse:
    return HttpResponse("nothing")


def titles(books: Any) -> list[str]:
    return [f"{book.title} {book.author.name}" for book in books]


def lazily(request: HttpRequest) -> HttpResponse:
    return HttpResponse("\n".join(titles(Book.objects.order_by("pk"))))


def automatic(request: HttpRequest) -> HttpResponse:
    return HttpResponse("\n".join(titles(auto(Book.objects.order_by("pk"), name="books"))))


def secretly(request: HttpRequest) -> HttpResponse:
    for _ in range(3):
        assert not Book.objects.filter(title=SECRET).exists()
        with connections[Book.objects.db].cursor() as cursor:
            cursor.execute(f"SELECT title FROM library_book WHERE title = '{SECRET}' -- {SECRET}")
    return HttpResponse("")


def many(request: HttpRequest) -> HttpResponse:
    with connections[Book.objects.db].cursor() as cursor:
        for _ in range(10_000):
            cursor.execute("SELECT 1")
    return HttpResponse("")


def lists(request: HttpRequest) -> HttpResponse:
    for size in range(1, 9):
        list(Author.objects.filter(pk__in=range(1, size + 1)))
    return HttpResponse("")


def failing(request: HttpRequest) -> HttpResponse:
    titles(Book.objects.order_by("pk"))
    raise ZeroDivisionError


def streamed(request: HttpRequest) -> StreamingHttpResponse:
    Book.objects.count()
    return StreamingHttpResponse(title for title in titles_one_by_one())


def titles_one_by_one() -> Iterator[str]:
    for book in Book.objects.order_by("pk"):
        yield f"{book.title} {book.author.name}\n"


def elsewhere(request: HttpRequest) -> HttpResponse:
    Author.objects.using("postgresql").count()
    return HttpResponse(str(Author.objects.count()))


async def in_a_thread(request: HttpRequest) -> HttpResponse:
    found = await sync_to_async(lambda: titles(Book.objects.order_by("pk")))()
    return HttpResponse("\n".join(found))


async def awaited(request: HttpRequest) -> HttpResponse:
    counts = await asyncio.gather(*(Book.objects.filter(pk=number).acount() for number in range(5)))
    return HttpResponse(str(counts))


async def streamed_async(request: HttpRequest) -> StreamingHttpResponse:
    async def parts() -> AsyncIterator[bytes]:
        for number in range(5):
            yield str(await Book.objects.filter(pk=number).acount()).encode()

    return StreamingHttpResponse(parts())


VIEWS = (
    nothing, lazily, automatic, secretly, many, lists, failing, streamed, elsewhere, in_a_thread, awaited,
    streamed_async,
)  # fmt: skip
urlpatterns = [path(f"{view.__name__}/", view, name=view.__name__) for view in VIEWS]
urlpatterns += [path("hidden/<str:value>/", lambda request, value: lazily(request), name="hidden")]

NAME = "autoprefetch.web.middleware.QueryCountMiddleware"

pytestmark = [pytest.mark.usefixtures("library"), pytest.mark.urls(__name__)]
on_sqlite = pytest.mark.parametrize("database", ["sqlite"], indirect=True)


@pytest.fixture(autouse=True)
def installed(settings: Any) -> None:
    settings.MIDDLEWARE = [NAME]
    assert not settings.DEBUG


@pytest.fixture
def warnings(caplog: pytest.LogCaptureFixture) -> Any:
    caplog.set_level(logging.WARNING, logger="autoprefetch")
    return lambda: [record for record in caplog.records if getattr(record, "event", "") == logs.QUERIES]


def count_of(response: Any) -> int:
    return int(response.headers["X-Query-Count"])


@pytest.mark.parametrize("view", ["nothing", "lazily", "lists"])
def test_the_header_has_the_queries_that_ran(view: str, client: Client) -> None:
    """On every database, with DEBUG off."""
    with count_queries() as log:
        response = client.get(f"/{view}/")
    assert count_of(response) == len(log)


@on_sqlite
def test_what_is_automatic_is_counted_as_it_runs(client: Client) -> None:
    """Batches and joins are one query each."""
    assert [count_of(client.get("/automatic/")) for _ in range(3)] == [2, 1, 1]


@on_sqlite
def test_a_request_above_the_threshold_is_told_of(client: Client, warnings: Any) -> None:
    """With the view, the count, the time, the similar queries, and the place that sent them."""
    client.get("/lazily/")
    assert warnings() == []  # 17 queries of 50
    with override(QUERY_THRESHOLD=16):
        client.get("/lazily/")
    [record] = warnings()
    text = record.getMessage()
    assert text.startswith("autoprefetch.queries: GET lazily/ (lazily) ran 17 queries in ")
    assert "QUERY_THRESHOLD is 16." in text
    assert "16 times in" in text
    assert "titles (tests/web/test_middleware.py:" in text or "test_middleware.py" in text
    assert 'FROM "library_author" WHERE "library_author"."id" = ?' in text
    assert text.endswith("Wrap the queryset in auto() whose rows load these, or load ahead what they load.")
    assert record.similar[0][0] == 16
    assert record.queries == 17
    with override(QUERY_THRESHOLD=17):
        client.get("/lazily/")
    assert len(warnings()) == 1


def test_values_are_never_shown(client: Client, warnings: Any) -> None:
    """Neither those of parameters nor those of literals, comments and paths."""
    with override(QUERY_THRESHOLD=1):
        client.get("/secretly/")
        client.get(f"/hidden/{SECRET}/")
    assert len(warnings()) == 2
    assert SECRET not in "".join(f"{record.getMessage()} {record.__dict__}" for record in warnings())
    assert "GET hidden/<str:value>/ (hidden)" in warnings()[1].getMessage()


def test_lists_of_any_length_are_similar(client: Client, warnings: Any) -> None:
    """They are one query to a person."""
    with override(QUERY_THRESHOLD=1):
        client.get("/lists/")
    [record] = warnings()
    assert [group[0] for group in record.similar] in ([8], [7])  # Django writes a list of one as a comparison


def test_more_queries_than_django_remembers_are_counted(client: Client) -> None:
    """It keeps 9,000."""
    assert count_of(client.get("/many/")) == 10_000


@on_sqlite
def test_a_view_that_fails_is_told_of_as_well(client: Client, warnings: Any) -> None:
    """And its error is its own."""
    with override(QUERY_THRESHOLD=1), pytest.raises(ZeroDivisionError) as raised:
        client.get("/failing/")
    assert raised.value.__context__ is None
    [record] = warnings()
    assert record.queries == 17


@on_sqlite
def test_a_stream_is_counted_until_its_end(client: Client, warnings: Any) -> None:
    """What ran before its headers is in the header, and all of it in the warning."""
    with override(QUERY_THRESHOLD=1):
        response = client.get("/streamed/")
        assert count_of(response) == 1
        assert warnings() == []
        assert len(b"".join(response.streaming_content).splitlines()) == 16
    [record] = warnings()
    assert record.queries == 18


@on_sqlite
def test_a_stream_that_is_closed_early_is_told_of(client: Client, warnings: Any) -> None:
    """With what ran until then."""
    with override(QUERY_THRESHOLD=1):
        response = client.get("/streamed/")
        next(iter(response.streaming_content))
        response.close()
    [record] = warnings()
    assert record.queries == 3


@pytest.mark.parametrize("database", ["postgresql"], indirect=True)
def test_all_databases_are_counted(client: Client) -> None:
    """Whatever their aliases are."""
    assert count_of(client.get("/elsewhere/")) == 2


@on_sqlite
@pytest.mark.parametrize(("view", "queries"), [("in_a_thread", 17), ("awaited", 5), ("nothing", 0)])
async def test_async_views_are_counted_in_every_thread(view: str, queries: int) -> None:
    """And sync views behind an async server."""
    response = await AsyncClient().get(f"/{view}/")
    assert count_of(response) == queries


@on_sqlite
async def test_an_async_stream_is_counted_until_its_end(warnings: Any) -> None:
    """As a sync one is."""
    with override(QUERY_THRESHOLD=1):
        response = await AsyncClient().get("/streamed_async/")
        assert count_of(response) == 0
        assert len([part async for part in response.streaming_content]) == 5
    [record] = warnings()
    assert record.queries == 5


@pytest.mark.parametrize("database", ["postgresql"], indirect=True)
def test_a_connection_that_is_opened_by_another_thread_is_counted(database: str) -> None:
    """And one that another request opens is not."""
    queries = middleware.Queries()

    def ask() -> None:
        try:
            with connections["postgresql"].cursor() as cursor:
                cursor.execute("SELECT 1")
        finally:
            connections["postgresql"].close()

    with executions.listening(queries):
        asyncio.run(_in_a_new_thread(ask))
        assert queries.count == 1
        other = threading.Thread(target=ask)  # has no context of ours
        other.start()
        other.join()
    assert queries.count == 1


async def _in_a_new_thread(work: Any) -> None:
    await sync_to_async(work, thread_sensitive=False)()


@on_sqlite
def test_wrappers_of_others_come_and_go(client: Client) -> None:
    """Django takes off the last one when a block ends, also where the connection was opened within it."""
    seen = []

    def note(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        seen.append(sql)
        return execute(sql, params, many, context)

    if executions._execute in connection.execute_wrappers:
        connection.execute_wrappers.remove(executions._execute)
    before = list(connection.execute_wrappers)
    with connection.execute_wrapper(note):
        client.get("/nothing/")
        Book.objects.count()
    Book.objects.count()
    assert len(seen) == 1
    assert connection.execute_wrappers == [executions._execute, *before]


@on_sqlite
def test_times_are_for_those_who_may_see_them(client: Client, settings: Any) -> None:
    """With DEBUG, or for staff; and only on request."""
    asking = {"X-Query-Timing": "1"}
    assert "Server-Timing" not in client.get("/lazily/", headers=asking).headers
    settings.DEBUG = True
    assert "Server-Timing" not in client.get("/lazily/").headers
    timing = client.get("/lazily/", headers=asking).headers["Server-Timing"]
    assert timing.startswith("db;dur=")
    assert timing.endswith('desc="17 queries"')


@on_sqlite
@pytest.mark.parametrize("is_staff", [True, False])
def test_staff_may_see_times(is_staff: bool, rf: Any) -> None:
    """Others may not; what the response says of itself stays."""
    from django.contrib.auth.models import User

    request = rf.get("/", headers={"X-Query-Timing": "1"})
    request.user = User(is_staff=is_staff)
    response = HttpResponse("", headers={"Server-Timing": "cache;dur=1"})
    found = middleware.QueryCountMiddleware(lambda _: response)(request)
    assert found is response
    assert response.headers["Server-Timing"].startswith("cache;dur=1")
    assert ("db;dur=" in response.headers["Server-Timing"]) == is_staff


@on_sqlite
@pytest.mark.parametrize("step", ["similar", "shielded"])
def test_a_fault_fails_no_request(step: str, client: Client, monkeypatch: pytest.MonkeyPatch, caplog: Any) -> None:
    """It is logged once, and the response goes out."""

    def fail(*args: object) -> Any:
        msg = "a fault"
        raise RuntimeError(msg)

    if step == "similar":
        monkeypatch.setattr(middleware, "similar", fail)
    else:
        monkeypatch.setattr(middleware.Queries, "_remember", fail)
    with override(QUERY_THRESHOLD=1):
        for _ in range(3):
            response = client.get("/lazily/")
            assert response.status_code == 200
            assert count_of(response) == 17
    assert len([record for record in caplog.records if getattr(record, "event", "") == logs.FAULT]) == 1
