"""Tasks, processes and long runs: what one evaluation leaves behind disturbs no other, however many there are."""

import asyncio
import gc
import os
import subprocess
import sys
import textwrap
import threading
import weakref
from pathlib import Path
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from django.db import connections

import autoprefetch
from autoprefetch import auto
from autoprefetch.evaluation import engine
from tests.databases import count_queries
from tests.library.models import Author, Book

EVALUATIONS = 1_000_000 if os.environ.get("AUTOPREFETCH_NIGHTLY") else 2_000


@pytest.mark.usefixtures("library")
async def test_interleaved_tasks_at_one_call_site_get_their_own_rows(database: str) -> None:
    async def view(number: int) -> Any:
        found = []
        async for author in auto(Author.objects.filter(pk__gt=number).order_by("pk")):
            await asyncio.sleep(0)
            found.append((author.name, await author.books.filter(pages__gt=number * 20).acount()))
            found.append([book.pages async for book in author.books.order_by("-pages", "pk")[:2]])
        return found

    with autoprefetch.override(MODE="off"):
        expected = [await view(number) for number in range(6)]
    for _ in range(3):
        assert await asyncio.gather(*map(view, range(6))) == expected


@pytest.mark.usefixtures("library")
async def test_batches_leave_the_event_loop_free(database: str) -> None:
    """Each statement waits until the loop has taken another turn, as it could not if it were blocked."""
    turned = threading.Event()
    waited: list[bool] = []

    async def turn() -> None:
        while True:
            turned.set()
            await asyncio.sleep(0)

    def after_a_turn(execute: Any, *args: Any) -> Any:
        turned.clear()
        waited.append(turned.wait(10))
        return execute(*args)

    async def view() -> Any:
        authors = [author async for author in auto(Author.objects.all())]
        return [[book.title async for book in author.books.order_by("-pk")[:2]] for author in authors]

    wrappers = await sync_to_async(lambda: connections[database].execute_wrappers)()
    turning = asyncio.create_task(turn())
    wrappers.append(after_a_turn)
    try:
        cold, warm = await view(), await view()
    finally:
        wrappers.remove(after_a_turn)
        turning.cancel()
    assert cold == warm
    assert waited == [True] * 4


FORKING = """
import os, sys, tempfile
import django
from django.conf import settings

folder = sys.argv[1]
settings.configure(
    INSTALLED_APPS=["django.contrib.contenttypes", "autoprefetch"],
    DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": folder + "/db.sqlite3"}},
)
django.setup()

from django.contrib.contenttypes.models import ContentType
from django.db import connections, models
from autoprefetch import auto

class Parent(models.Model):
    class Meta:
        app_label = "forking"

class Child(models.Model):
    parent = models.ForeignKey(Parent, models.CASCADE)
    class Meta:
        app_label = "forking"

with connections["default"].schema_editor() as editor:
    editor.create_model(Parent)
    editor.create_model(Child)
for _ in range(5):
    Child.objects.create(parent=Parent.objects.create())

def view():
    count = []
    with connections["default"].execute_wrapper(lambda run, *args: (count.append(1), run(*args))[1]):
        keys = [child.parent.pk for child in auto(Child.objects.order_by("pk"))]
    return keys, len(count)

plain = [1, 2, 3, 4, 5]
found, pid = [], 1
for turn in range(3):
    if turn == 2:
        connections.close_all()
        pid = os.fork()
    found.append(view())
assert found == [(plain, 2), (plain, 1), (plain, 1)], found
if pid:
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")  # as Windows
def test_a_forked_worker_knows_what_was_learned_before_the_fork(tmp_path: Path) -> None:
    """As with gunicorn's preload: parent and child are both warm, each on a connection of its own."""
    script = tmp_path / "forking.py"
    script.write_text(textwrap.dedent(FORKING))
    run = subprocess.run(
        [sys.executable, "-W", "error", str(script), str(tmp_path)],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        env={**os.environ, "PYTHONPATH": str(Path(autoprefetch.__file__).parent.parent)},
    )
    assert run.returncode == 0, run.stderr


@pytest.mark.django_db
def test_memory_stays_flat_over_many_evaluations() -> None:
    """A million of them in the nightly run."""
    author = Author.objects.create(name="A")
    Book.objects.bulk_create(Book(title="t", pages=1, published="2020-01-01", author=author) for _ in range(2))

    def evaluate(times: int) -> None:
        for _ in range(times):
            for book in auto(Book.objects.all()):
                assert book.author.books.count() == 2

    def in_use() -> int:
        gc.collect()  # what waits to be collected is not kept
        return sys.getallocatedblocks()  # each is an object; to trace them takes four times as long

    evaluate(1_500)  # until what is remembered of statements is full, and some eras have gone by
    before = in_use()
    evaluate(EVALUATIONS)
    assert in_use() - before < 1_000


@pytest.mark.django_db
def test_the_least_recently_used_call_site_is_forgotten_first() -> None:
    def evaluate(name: str) -> int:
        with count_queries() as log:
            assert [book.author.name for book in auto(Book.objects.all(), name=name)] == ["A", "A"]
        return len(log)

    author = Author.objects.create(name="A")
    Book.objects.bulk_create(Book(title="t", pages=1, published="2020-01-01", author=author) for _ in range(2))
    with autoprefetch.override(MAX_CALL_SITES=3, JOIN_UNORDERED=True):
        assert [evaluate(name) for name in ("a", "b", "c", "a")] == [2, 2, 2, 1]
        assert evaluate("d") == 2
        assert {standing.mark.name for standing in engine.standings.all()} == {"a", "c", "d"}
        assert len(list(engine.store.items())) <= 3
        assert [evaluate(name) for name in ("a", "c", "d")] == [1, 1, 1]
        assert evaluate("b") == 2


@pytest.mark.django_db
def test_a_call_site_that_is_forgotten_leaves_no_garbage() -> None:
    """Nothing that is kept of it refers back to it, so that nothing waits for the collector."""
    author = Author.objects.create(name="A")
    Book.objects.create(title="t", pages=1, published="2020-01-01", author=author)
    gc.collect()
    gc.disable()
    try:
        for _ in range(3):
            assert [book.author.name for book in auto(Book.objects.order_by("pk"), name="a")] == ["A"]
        kept = weakref.ref(engine.standings.all()[0])
        autoprefetch.reset()
        assert kept() is None
    finally:
        gc.enable()
