"""Deciding: what people have decided to ignore runs as if `IGNORE` named it, in each process, until they do not."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from asgiref.sync import async_to_sync
from django.core.management import call_command
from django.test import override_settings

import autoprefetch
from autoprefetch import auto, conf
from autoprefetch.advise.differences import NEW, Difference, differences
from autoprefetch.advise.ignores import faulty, heeding
from autoprefetch.advise.proposing import proposals
from autoprefetch.evaluation import engine
from autoprefetch.learn.decisions import WHOLE, Decision
from autoprefetch.learn.histories import History
from autoprefetch.surveying import Surveyed, decide, forget, survey
from tests import databases
from tests.databases import count_queries
from tests.library.models import Author, Book
from tests.stores import kept_in

pytestmark = [
    pytest.mark.usefixtures("library"),
    pytest.mark.parametrize("database", ["sqlite"], indirect=True),
]

FILE = "autoprefetch.learn.stores.file.FileStore"


@pytest.fixture(autouse=True)
def _one_call_site() -> Iterator[None]:
    """Let what reads be one call site, from whichever line of a test it is called."""
    with autoprefetch.override(CALL_SITE_DEPTH=1):
        yield


def read_all() -> list[Any]:
    return [(book.title, book.author.name, book.publisher and book.publisher.name) for book in books()]


def books() -> Any:
    return auto(Book.objects.order_by("pk"))


def read_derived() -> list[Any]:
    authors = auto(Author.objects.order_by("pk"))
    return [[book.title for book in author.books.order_by("title", "pk")[:2]] for author in authors]


def read_stream() -> list[Any]:
    return [book.author.name for book in books().iterator(chunk_size=100)]


async def _aread() -> list[Any]:
    return [book.author.name async for book in auto(Book.objects.order_by("pk").select_related("author"))]


def read_async() -> list[Any]:
    return async_to_sync(_aread)()


def queries(read: Callable[[], Any]) -> int:
    with count_queries() as log:
        read()
    return len(log)


def only() -> Surveyed:
    [found] = survey()
    return found


def told(read: Callable[[], Any], name: str, pattern: str) -> tuple[list[int], list[int]]:
    """Return the queries of some evaluations that are ignored by a decision, and by the settings."""
    queries(read)
    queries(read)
    decide(only(), name, ignores=True)
    decided = [queries(read) for _ in range(3)]
    autoprefetch.reset()
    with override_settings(AUTOPREFETCH={"IGNORE": [pattern]}):
        return decided, [queries(read) for _ in range(3)][1:]


@pytest.mark.parametrize(
    ("read", "name", "pattern", "expected"),
    [
        (read_all, WHOLE, "tests.test_deciding:*", 1 + 16 + 12),
        (read_all, "author", "library.Book.author", 1 + 16),
        (read_all, "publisher", "library.Book.publisher", 1 + 12),
        (read_stream, WHOLE, "tests.test_deciding:*", 1 + 16),
        (read_stream, "author", "library.Book.author", 1 + 16),
        (read_async, WHOLE, "tests.test_deciding:*", 1),
    ],
)
def test_what_people_ignore_runs_as_what_the_settings_ignore(read, name, pattern, expected, database):
    """From the next evaluation on, with the same queries and results."""
    with autoprefetch.override(MODE="off"):
        plain = read()
    decided, ignored = told(read, name, pattern)
    assert set(decided) == set(ignored) == {expected}
    assert read() == plain


def test_queries_for_each_parent_are_left_alone_with_their_relation(database):
    """None of them is answered for the others, and the report says so, by a decision as by the settings."""
    with autoprefetch.override(MODE="off"):
        plain = queries(read_derived)
    decided, ignored = told(read_derived, "books", "library.Author.books")
    assert set(decided) == set(ignored) == {plain}
    assert queries(read_derived) == 2
    for settings in ({}, {"IGNORE": ["library.Author.books"]}):
        if not settings:
            decide(only(), "books", ignores=True)
        with override_settings(AUTOPREFETCH=settings):
            [line] = only().report.lines()
            assert (line.method, line.reason) == ("lazy", "it is ignored")
            engine.standings.clear()  # as in a process that has not evaluated it
            [line] = only().report.lines()
            assert (line.method, line.reason) == ("lazy", "it is ignored")
            decide(only(), "books", ignores=False)
            queries(read_derived)


@pytest.mark.parametrize("mode", ["auto", "learn", "apply"])
def test_a_decision_holds_in_each_mode_that_does_anything(mode, database):
    """Also where nothing is learned."""
    queries(read_all)
    queries(read_all)
    for name in (WHOLE, "author"):
        decide(only(), name, ignores=True)
        with autoprefetch.override(MODE=mode):
            assert queries(read_all) in (29, 17)
        decide(only(), name, ignores=False)
    with autoprefetch.override(MODE="apply"):
        assert queries(read_all) == 1


def test_nothing_is_learned_or_advised_of_what_is_ignored(database):
    """What was learned before is kept, so that it is warm at once when the decision is taken back."""
    queries(read_all)
    queries(read_all)
    assert len(autoprefetch.suggestions()) == 1
    before = only()
    assert before.has_advice
    decide(before, WHOLE, ignores=True)
    queries(read_all)
    after = only()
    assert after.history.totals == before.history.totals
    assert (after.has_advice, after.suggestion(), after.is_ignored, after.ignored_by) == (False, None, True, "")
    assert autoprefetch.suggestions() == []
    assert autoprefetch.report().call_sites == ()
    assert proposals(dict(engine.store.items()), conf.current()) == []
    decide(after, WHOLE, ignores=False)
    assert queries(read_all) == 1
    assert len(autoprefetch.suggestions()) == 1
    assert len(proposals(dict(engine.store.items()), conf.current())) == 1


def test_a_relation_that_is_ignored_is_in_no_suggestion(database):
    """Here, and as the command makes it from what a store knows."""
    queries(read_all)
    queries(read_all)
    decide(only(), "author", ignores=True)
    [here] = autoprefetch.suggestions()
    [proposal] = proposals(dict(engine.store.items()), conf.current())
    for made in (here, proposal.suggestion):
        assert ".select_related(" in made.code
        assert "publisher" in made.code
        assert "author" not in made.code


def test_forgetting_drops_decisions(database):
    """It is learned anew, as if it had never been."""
    queries(read_all)
    decide(only(), WHOLE, ignores=True)
    decide(only(), "author", ignores=True)
    assert queries(read_all) == 29
    forget(only().key)
    assert [queries(read_all), queries(read_all)] == [3, 1]
    decide(only(), "author", ignores=True)
    autoprefetch.reset()
    assert [queries(read_all), queries(read_all)] == [3, 1]


def test_a_recording_of_before_goes_on(database):
    """Rows that were loaded before keep their peers, and what they show is learned; the next evaluation is plain."""

    def loaded() -> list[Book]:
        return list(books())

    rows = loaded()
    assert rows[0].author
    decide(only(), WHOLE, ignores=True)
    assert queries(lambda: [row.author.name for row in rows]) == 0
    assert queries(lambda: [row.publisher for row in rows]) == 1
    engine.settle()
    assert only().history.profile.usages.keys() == {("author",), ("publisher",)}
    rows = loaded()
    assert queries(lambda: [row.author.name for row in rows]) == 16


# Commands -------------------------------------------------------------------------------------------------------------

DECIDED = Decision(5, ignores=True)


def test_the_check_is_silent_about_what_people_ignore(database):
    """In the committed file or in what was learned: a lazy load of it is wanted, and all of it need not be used."""
    queries(read_all)
    learned = engine.everything()
    [key] = learned
    found = differences({}, learned)
    assert {one.path for one in found if one.kind == NEW} == {"author", "publisher"}

    def left(decisions: dict[str, Decision]) -> set[str]:
        known = {key: History(decisions=decisions)}
        assert heeding(found, conf.current(), known, learned) == heeding(found, conf.current(), learned, known)
        return {one.path for one in heeding(found, conf.current(), known)}

    assert left({}) == {"author", "publisher"}
    assert left({"author": DECIDED}) == {"publisher"}
    assert left({"author": Decision(5, ignores=False)}) == {"author", "publisher"}
    assert left({WHOLE: DECIDED}) == set()
    committed = {key: learned[key].merged_with(History(decisions={WHOLE: DECIDED}))}
    assert {one.kind for one in differences(committed, {})} == {"not used"}
    assert heeding(differences(committed, {}), conf.current(), committed) == []
    assert heeding([Difference("other < library.Book", "author", NEW)], conf.current(), committed) != []


def test_a_decision_makes_no_pattern_stale(database):
    """A call site that people ignore is one that `IGNORE` can name, though nothing is known of it but that."""
    queries(read_all)
    [key] = engine.everything()
    pattern = "tests.test_deciding:books/*"
    with override_settings(AUTOPREFETCH={"IGNORE": [pattern, "tests.nowhere:*"]}):
        for known in ({key}, {f"gone.{key}"}):
            assert [one.written for one in faulty(known, conf.current())] == ["tests.nowhere:*"]


def test_decisions_go_with_an_export_and_come_with_an_import(tmp_path, capsys, database):
    """So that they can be committed, and reach another store."""
    one, other, file = tmp_path / "one.json", tmp_path / "other.json", tmp_path / "committed.json"
    with kept_in(FILE, PATH=str(one)):
        queries(read_all)
        decide(only(), "author", ignores=True)
        engine.store.flush()
        call_command("autoprefetch", "export", str(file))
    with kept_in(FILE, PATH=str(other)):
        call_command("autoprefetch", "import", str(file))
        assert [line.reason for line in only().report.lines() if line.path == "author"] == ["it is ignored"]
        decide(only(), "author", ignores=False)
        call_command("autoprefetch", "import", str(file))
        assert not only().history.decisions["author"].ignores
        call_command("autoprefetch", "report")
        assert "it is ignored" not in capsys.readouterr().out
        call_command("autoprefetch", "clear", "--no-input")
        call_command("autoprefetch", "import", str(file))
        call_command("autoprefetch", "report")
        assert "it is ignored" in capsys.readouterr().out


# Workers --------------------------------------------------------------------------------------------------------------


class Worker:
    """Another process of the project, which does what it is told."""

    def __init__(self, store: dict[str, Any], database: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.worker", json.dumps(store), database],
            cwd=Path(__file__).parents[1],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def __call__(self, *words: str) -> Any:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        print(*words, file=self.process.stdin, flush=True)
        return json.loads(self.process.stdout.readline())

    def reads_in(self, expected: int) -> bool:
        """Wait until an evaluation takes so many queries."""
        until = time.monotonic() + 20
        while (found := self("read")) != expected and time.monotonic() < until:
            time.sleep(0.05)
        return bool(found == expected)

    def end(self) -> None:
        """Let it end."""
        self.process.communicate()


@pytest.fixture(params=["file", "database", pytest.param("redis", marks=pytest.mark.needs("redis"))])
def workers(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Callable[[], Worker]]:
    """Start processes that share a store."""
    store: dict[str, Any] = {
        "file": {"BACKEND": FILE, "OPTIONS": {"PATH": str(tmp_path / "known.json")}},
        "database": {"BACKEND": "autoprefetch.database.store.DatabaseStore", "OPTIONS": {}},
        "redis": {"BACKEND": "autoprefetch.learn.stores.cache.CacheStore", "OPTIONS": {"ALIAS": "redis"}},
    }[request.param]
    store["OPTIONS"] |= {"FLUSH_INTERVAL": 0.1, "REFRESH_INTERVAL": 0.2}
    running: list[Worker] = []

    def start() -> Worker:
        running.append(Worker(store, str(tmp_path / "library.sqlite3")))
        return running[-1]

    yield start
    for worker in running:
        worker.end()
    if request.param == "redis":
        databases.clear_redis()


def test_what_one_worker_ignores_all_ignore(workers, database):
    """As soon as they look into the store; also those that start later, until it is taken back or forgotten."""
    one, other = workers(), workers()
    assert one("populate") == "done"
    assert [one("read"), one("read")] == [3, 1]
    assert other.reads_in(1)
    assert one("ignore", WHOLE) == "done"
    assert one("read") == 29
    assert other.reads_in(29)
    assert workers()("read") == 29
    assert other("heed", WHOLE) == "done"
    assert other("read") == 1
    assert one.reads_in(1)
    assert other("ignore", "author") == "done"
    assert one.reads_in(17)
    assert one("forget") == "done"
    assert other.reads_in(1)
    assert one.reads_in(1)
