"""The logs: a suggestion once for each call site and plan, to whoever listens, and nothing to anybody else."""

from __future__ import annotations

import io
import json
import logging
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import structlog
from django.http import HttpRequest, HttpResponse
from django.test import AsyncClient, Client
from django.urls import path

from autoprefetch import auto, override, suggestions
from autoprefetch.advise import logs
from tests.library.models import Author, Book

pytestmark = [
    pytest.mark.usefixtures("library"),
    pytest.mark.parametrize("database", ["sqlite"], indirect=True),
    pytest.mark.urls(__name__),
]

ROOT = Path(__file__).resolve().parent.parent
EVENT = "autoprefetch.suggestion"


class Listener(logging.Handler):
    """Keeps what it hears."""

    def __init__(self) -> None:
        super().__init__()
        self.heard: list[logging.LogRecord] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.heard.append(record)


@contextmanager
def listening(handler: logging.Handler, level: int = logging.INFO) -> Iterator[None]:
    logger = logging.getLogger("autoprefetch")
    before = logger.level
    logger.addHandler(handler)
    logger.setLevel(level)
    try:
        yield
    finally:
        logger.removeHandler(handler)
        logger.setLevel(before)


@pytest.fixture
def records() -> Iterator[list[logging.LogRecord]]:
    listener = Listener()
    with listening(listener):
        yield listener.heard


def authors_of_books() -> list[str]:
    return [book.author.name for book in auto(Book.objects.all())]


def tags_of_books() -> list[Any]:
    return [list(book.tags.all()) for book in auto(Book.objects.all())]


def view(request: HttpRequest) -> HttpResponse:
    return HttpResponse(", ".join(authors_of_books()))


async def async_view(request: HttpRequest) -> HttpResponse:
    titles = [book.title async for book in auto(Book.objects.prefetch_related("tags"))]
    return HttpResponse(", ".join(titles))


def broken(request: HttpRequest) -> HttpResponse:
    authors_of_books()
    raise RuntimeError


urlpatterns = [path("", view), path("async/", async_view), path("broken/", broken)]


# What is logged -----------------------------------------------------------------------------------------------------


def test_the_suggestion_is_logged_once(records):
    """At INFO, by the logger `autoprefetch`, however often the call site runs."""
    for _ in range(5):
        authors_of_books()
    [record] = records
    assert (record.name, record.levelno, record.event) == ("autoprefetch", logging.INFO, EVENT)


def test_the_record_carries_the_values_of_the_suggestion(records):
    """As attributes, where JSON formatters and filters find them."""
    for _ in range(2):
        authors_of_books()
    [record] = records
    [suggestion] = suggestions()
    assert record.call_site == suggestion.call_site
    assert record.call_site.startswith("authors_of_books (tests/test_logs.py:")
    assert record.model == "library.Book"
    assert (record.queries_before, record.queries_after) == (17, 1)
    assert record.code == 'Book.objects.all().select_related("author")'
    assert list(record.imports) == []
    assert set(record.accessed_at) == {"author"}
    assert record.accessed_at["author"].startswith("tests/test_logs.py:")
    json.dumps([record.call_site, record.code, record.imports, record.accessed_at])


def test_the_message_is_the_text_for_people(records):
    """It names the line, quotes it, and gives the replacement."""
    for _ in range(2):
        authors_of_books()
    text = records[0].getMessage()
    assert text.startswith(f"{EVENT}: authors_of_books (tests/test_logs.py:")
    assert "17 queries" in text
    assert "auto(Book.objects.all())" in text
    assert 'Book.objects.all().select_related("author")' in text


def test_a_message_with_a_percent_sign_is_logged_as_it_is(records):
    """The text is not taken for a format."""

    def run() -> None:
        [book.author for book in auto(Book.objects.exclude(title="100 %s %d"))]

    for _ in range(2):
        run()
    [record] = records
    assert "100 %s %d" in record.getMessage()


def test_each_call_site_is_logged(records):
    """Two call sites, two suggestions."""
    for _ in range(2):
        authors_of_books()
        tags_of_books()
    assert [record.event for record in records] == [EVENT, EVENT]
    assert len({record.call_site for record in records}) == 2


def test_a_new_plan_is_logged_again(records):
    """When the call site begins to use more, the code changes, and so the advice."""

    def run(use_tags: bool) -> None:
        for book in auto(Book.objects.all()):
            assert book.author
            assert not use_tags or list(book.tags.all()) is not None

    for use_tags in (False, False, *[True] * 24):
        run(use_tags)
    codes = [record.code for record in records]
    assert codes[0] == 'Book.objects.all().select_related("author")'
    assert codes[-1] == 'Book.objects.all().select_related("author").prefetch_related("tags")'
    assert len(codes) == len(set(codes)) == 2


def test_a_call_site_that_loads_nothing_lazily_is_not_logged(records):
    """There is nothing to say."""
    for _ in range(3):
        [book.author for book in auto(Book.objects.select_related("author"))]
        list(auto(Author.objects.all()))
    assert records == []


def test_log_suggestions_false_is_silent(records):
    """The suggestions can still be asked for."""
    with override(LOG_SUGGESTIONS=False):
        for _ in range(3):
            authors_of_books()
        Client().get("/")
        assert suggestions()
    assert records == []


@pytest.mark.parametrize("mode", ["apply", "strict", "off"])
def test_modes_that_do_not_learn_are_silent(mode, records):
    """Advice comes with learning."""

    def run(mode: str) -> None:
        with override(MODE=mode, LOG_SUGGESTIONS=mode != "learn"):
            [book.author for book in auto(Book.objects.all())]

    for each in ("learn", "auto" if mode == "strict" else mode):
        run(each)
    assert [record.levelname for record in records if record.levelno > logging.INFO] == []
    if mode != "strict":
        assert records == []


def test_learn_logs_what_it_would_do(records):
    """The advice without the rewriting."""
    with override(MODE="learn"):
        for _ in range(3):
            authors_of_books()
    [record] = records
    assert (record.queries_before, record.queries_after) == (17, 1)


# When it is logged --------------------------------------------------------------------------------------------------


def test_the_end_of_a_request_logs_what_its_cold_run_showed(records):
    """The first request already gives the advice; the second has nothing to add."""
    Client().get("/")
    [record] = records
    assert (record.event, record.queries_before, record.queries_after) == (EVENT, 17, 1)
    Client().get("/")
    assert len(records) == 1


def test_a_request_that_fails_still_logs(records):
    """The signal that ends a request comes also after an error."""
    client = Client(raise_request_exception=False)
    client.get("/broken/")
    assert [record.event for record in records if record.name == "autoprefetch"] == [EVENT]


async def test_the_end_of_an_async_request_is_quiet_where_nothing_was_loaded(records):
    """And the request is served."""
    response = await AsyncClient().get("/async/")
    assert response.status_code == 200
    assert records == []


# To whom it is logged -----------------------------------------------------------------------------------------------


def test_nobody_hears_it_above_info():
    """The level is the logger's own, as for any other."""
    listener = Listener()
    with listening(listener, logging.WARNING):
        for _ in range(3):
            authors_of_books()
    assert listener.heard == []


def test_a_project_that_configured_structlog_sees_event_and_values():
    """`ProcessorFormatter` renders the record with the event's name and its values."""
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[structlog.stdlib.add_log_level, structlog.stdlib.ExtraAdder()],
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.JSONRenderer(),
            ],
        )
    )
    with listening(handler):
        for _ in range(2):
            authors_of_books()
    [line] = stream.getvalue().splitlines()
    event = json.loads(line)
    assert event["event"].startswith(EVENT)
    assert event["level"] == "info"
    assert event["model"] == "library.Book"
    assert event["code"] == 'Book.objects.all().select_related("author")'
    assert (event["queries_before"], event["queries_after"]) == (17, 1)
    assert set(event["accessed_at"]) == {"author"}
    assert event["imports"] == []


def test_the_global_configuration_of_structlog_is_left_alone(records):
    """Neither is it configured by us, nor does a configuration of the project's change what we log."""
    assert not structlog.is_configured()
    seen: list[Any] = []

    def swallow(logger: Any, method: str, event: Any) -> Any:
        seen.append(event)
        raise structlog.DropEvent

    structlog.configure(processors=[swallow])
    try:
        before = dict(structlog.get_config())
        for _ in range(2):
            authors_of_books()
        assert structlog.get_config() == before
    finally:
        structlog.reset_defaults()
    assert seen == []
    assert len(records) == 1


SCRIPT = """
import sys
from django.conf import settings
import django
settings.configure(
    INSTALLED_APPS=["django.contrib.contenttypes", "django.contrib.auth", "autoprefetch"],
    DATABASES={{"default": {{"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}}}},
    {settings}
)
django.setup()
from django.contrib.auth.models import Permission
from django.core.management import call_command
from autoprefetch import auto, suggestions
call_command("migrate", verbosity=0)
def run():
    return [permission.content_type.model for permission in auto(Permission.objects.order_by("pk"))]
for _ in range(3):
    assert run()
assert suggestions()[0].measured
import structlog
assert not structlog.is_configured()
"""

LOGGING = """LOGGING={
        "version": 1,
        "disable_existing_loggers": True,
        "formatters": {"plain": {"format": "%(levelname)s %(name)s %(event)s %(code)s"}},
        "handlers": {"out": {"class": "logging.StreamHandler", "stream": "ext://sys.stdout", "formatter": "plain"}},
        "loggers": {"autoprefetch": {"handlers": ["out"], "level": "INFO"}},
    },"""


def finished(settings: str, folder: Path) -> subprocess.CompletedProcess[str]:
    script = folder / "script.py"
    script.write_text(SCRIPT.format(settings=settings))
    command = [sys.executable, "-W", "error", str(script)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.run(command, capture_output=True, text=True, check=False, env=environment)


def test_nothing_is_printed_where_nothing_is_configured(tmp_path):
    """An unconfigured structlog prints to stdout; not here."""
    done = finished("", tmp_path)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_a_project_with_djangos_logging_sees_it(tmp_path):
    """Plain `LOGGING`, with a formatter that uses the record's attributes."""
    done = finished(LOGGING, tmp_path)
    assert done.returncode == 0, done.stderr
    assert (
        done.stdout == f'INFO autoprefetch {EVENT} Permission.objects.order_by("pk").select_related("content_type")\n'
    )
    assert done.stderr == ""


# The reference -------------------------------------------------------------------------------------------------------


def test_every_event_is_described() -> None:
    """A person who finds one in the logs finds it there."""
    text = (ROOT / "docs" / "reference" / "logs.md").read_text()
    events = {value for name, value in vars(logs).items() if name.isupper() and isinstance(value, str)}
    assert EVENT in events
    assert set(re.findall(r"^\| `(autoprefetch\.\w+)`", text, re.MULTILINE)) == events
