"""`manage.py autoprefetch`: what a person can do with what the workers of a project have learned."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import textwrap
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.test import override_settings

import autoprefetch
from autoprefetch import auto
from autoprefetch.advise.differences import NEW, UNUSED, differences
from autoprefetch.evaluation import engine
from autoprefetch.learn.histories import History
from autoprefetch.learn.profiles import Profile, Usage
from autoprefetch.learn.stores.file import FileStore
from tests.library.models import Book

FILE = "autoprefetch.learn.stores.file.FileStore"
KEY = "shop.views:books/auto#0@12345678 < GET books/ < library.Book"


def history(*paths: str, loads: int = 16, evaluations: int = 1) -> History:
    usages = {
        tuple(path.split("__")): Usage(evaluations, 16, loads, loads, first_access=f"shop/views.py:3 {path}")
        for path in paths
    }
    return History.of(Profile(evaluations, 16 * evaluations, evaluations, usages=usages), 0)


@pytest.fixture
def store(tmp_path: Path) -> Any:
    path = tmp_path / "store.json"
    with override_settings(AUTOPREFETCH={"STORE": {"BACKEND": FILE, "OPTIONS": {"PATH": str(path)}}}):
        yield FileStore(path)
        engine.store.clear()
    list(auto(Book.objects.none()))  # the memory of this process again


def run(*arguments: str) -> str:
    out = StringIO()
    call_command("autoprefetch", *arguments, stdout=out, stderr=out)
    return out.getvalue()


def fails(*arguments: str) -> tuple[int, str]:
    with pytest.raises(CommandError) as raised:
        run(*arguments)
    return raised.value.returncode, str(raised.value)


# Export, import, clear ------------------------------------------------------------------------------------------------


def test_export_and_import_move_what_is_known(store: FileStore, tmp_path: Path) -> None:
    """From one store to another, by way of a file."""
    store.merge_many({KEY: history("author"), "other": history()})
    file = tmp_path / "autoprefetch.json"
    assert run("export", str(file)) == f"2 call sites written to {file}.\n"
    assert dict(FileStore(file).items()) == dict(store.items())
    assert run("clear", "--no-input") == "2 call sites forgotten.\n"
    assert list(store.items()) == []
    assert run("import", str(file)) == f"2 call sites of {file} added to the store.\n"
    assert store.load(KEY) == history("author")


def test_an_export_replaces_the_file(store: FileStore, tmp_path: Path) -> None:
    """It is the whole of what is known."""
    file = tmp_path / "autoprefetch.json"
    FileStore(file).merge("old", history())
    store.merge(KEY, history())
    run("export", str(file))
    assert [key for key, _ in FileStore(file).items()] == [KEY]


def test_clear_asks_first(store: FileStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """And forgets nothing unless the answer is yes."""
    store.merge(KEY, history())
    monkeypatch.setattr("builtins.input", lambda question: "no")
    assert fails("clear") == (1, "The answer is 'no', not \"yes\": nothing was forgotten.")
    assert store.load(KEY) == history()
    monkeypatch.setattr("builtins.input", lambda question: "yes")
    run("clear")
    assert store.load(KEY) is None


@pytest.mark.parametrize("action", [["report"], ["export", "x.json"], ["clear", "--no-input"]])
def test_the_memory_of_a_process_is_no_store_for_a_command(action: list[str]) -> None:
    """The message says what to set."""
    code, text = fails(*action)
    assert code == 2
    assert "Set a FileStore, a CacheStore or a DatabaseStore." in text


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["import", "nowhere.json"], "nowhere.json cannot be read"),
        (["check", "nowhere.json"], "nowhere.json cannot be read"),
        (["export", "/dev/null/x.json"], "/dev/null/x.json cannot be written"),
        (["report", "--limit", "0"], "invalid _positive value: '0'"),
        (["report", "--format", "yaml"], "invalid choice: 'yaml'"),
        (["forget"], "invalid choice: 'forget'"),
        ([], "the following arguments are required: ACTION"),
    ],
)
def test_what_is_wrong_is_named(arguments: list[str], text: str, store: FileStore) -> None:
    """With what is accepted where that helps."""
    assert text in fails(*arguments)[1]


def test_a_server_that_is_down_is_said_to_be(tmp_path: Path) -> None:
    """A command has to tell, where a request goes on."""
    caches = {"default": {"BACKEND": "django.core.cache.backends.redis.RedisCache", "LOCATION": "redis://127.0.0.1:1"}}
    store = {"BACKEND": "autoprefetch.learn.stores.cache.CacheStore", "OPTIONS": {}}
    with override_settings(CACHES=caches, AUTOPREFETCH={"STORE": store}):
        code, text = fails("report")
    assert code == 2
    assert text.startswith("The CacheStore cannot be used: ConnectionError: ")


# Report ---------------------------------------------------------------------------------------------------------------


def test_the_report_tells_of_all_workers(store: FileStore) -> None:
    """Also of call sites that this process has never seen."""
    warm = History.of(Profile(3, 48, 3, 2, 2, {("author",): Usage(3, 48, 48, 48, eager=2)}), 0)
    store.merge_many({KEY: warm, "shop.views:tags/auto#0 < library.Tag": history("books")})
    text = run("report")
    assert text.index("shop.views:books") < text.index("shop.views:tags")
    assert "3 evaluations, 48 rows" in text
    assert "17 plain, 1 warm, 32 saved in all (about 16 ms)" in text
    assert "author  ahead: in 67% of evaluations (used in 100%, 16 loads; lazy" in text
    assert "shop.views:tags" not in run("report", "--site", "shop.views:books")
    assert "shop.views:tags" not in run("report", "--limit", "1")


def test_the_report_as_json_and_markdown(store: FileStore) -> None:
    """For machines, and for a comment on a pull request."""
    store.merge(KEY, history("author"))
    [site] = json.loads(run("report", "--format", "json"))["call_sites"]
    assert (site["key"], site["model"], site["queries_plain"]) == (KEY, "library.Book", 17)
    [relation] = site["relations"]
    assert (relation["path"], relation["used"], relation["loads"]) == ("author", 1, 16)
    assert set(relation["costs_ms"]) == {"lazy", "batch", "join", "prefetch"}
    markdown = run("report", "--format", "markdown").splitlines()
    assert markdown[0].startswith("| call site | model |")
    assert markdown[2].startswith("| `shop.views:books/auto#0` | library.Book | 1 | 16 | 17 |")
    assert any(line.startswith("| `author` | at touch | 100% | 16 |") for line in markdown)


# Check ----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("committed", "learned", "found"),
    [
        ({}, {}, []),
        ({KEY: history("author")}, {KEY: history("author")}, []),
        ({KEY: history("author")}, {KEY: history("author", "tags")}, [(KEY, "tags", NEW)]),
        ({}, {KEY: history("author", "author__archive")}, [(KEY, "author", NEW), (KEY, "author__archive", NEW)]),
        ({}, {KEY: history()}, []),
        ({}, {KEY: history("author", loads=1)}, []),
        ({KEY: history("author", "tags")}, {KEY: history("author")}, [(KEY, "tags", UNUSED)]),
        ({KEY: history("author")}, {}, [(KEY, "", UNUSED)]),
        ({KEY: history("author")}, {"new": history("tags")}, [("new", "tags", NEW), (KEY, "", UNUSED)]),
    ],
)
def test_what_has_changed(committed: Any, learned: Any, found: Any) -> None:
    """New lazy loads, and what nothing uses; a single load is no repetition."""
    assert [(one.call_site, one.path, one.kind) for one in differences(committed, learned)] == found


def test_check_is_a_gate(store: FileStore, tmp_path: Path) -> None:
    """0 where both agree, 1 with a list where they do not."""
    file = tmp_path / "autoprefetch.json"
    store.merge(KEY, history("author"))
    run("export", str(file))
    assert run("check", str(file)) == f"{file} agrees with what was learned.\n"
    store.merge(KEY, history("tags"))
    out = StringIO()
    with pytest.raises(SystemExit) as raised:
        call_command("autoprefetch", "check", str(file), stdout=out)
    assert raised.value.code == 1
    place, remedy = out.getvalue().splitlines()
    assert place == (
        f"{KEY}: tags is loaded lazily 16 times an evaluation (first at shop/views.py:3 tags), and is not in the"
        " committed file."
    )
    assert f"export {file}" in remedy
    learned = tmp_path / "learned.json"
    run("export", str(learned))
    out = StringIO()
    with pytest.raises(SystemExit), override_settings(AUTOPREFETCH={}):
        call_command("autoprefetch", "check", str(file), "--learned", str(learned), "--format", "json", stdout=out)
    assert [one["path"] for one in json.loads(out.getvalue())["differences"]] == ["tags"]


# Learn here, apply there ----------------------------------------------------------------------------------------------

PROJECT = """
import json, sys
import django
from django.conf import settings

settings.configure(
    INSTALLED_APPS=["django.contrib.contenttypes", "autoprefetch", "tests.library"],
    DATABASES={{"default": {{"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}}}},
    DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
    AUTOPREFETCH={{"MODE": sys.argv[1], "STORE": {{"BACKEND": {file!r}, "OPTIONS": {{"PATH": sys.argv[2]}}}}}},
)
django.setup()
from django.core.management import call_command
from django.db import connection
from django.test.utils import CaptureQueriesContext
from autoprefetch import auto
from tests.library import data
from tests.library.models import Book

call_command("migrate", run_syncdb=True, verbosity=0)
data.populate()

def view():
    return [
        (str(book.author), [tag.name for tag in book.tags.all()], [str(c) for c in book.comments.order_by("pk")[:2]])
        for book in auto(Book.objects.order_by("pk"))
    ]

counts = []
for _ in range(int(sys.argv[3])):
    with CaptureQueriesContext(connection) as queries:
        found = view()
    counts.append(len(queries))
print(json.dumps([counts, found]))
"""


def project(mode: str, file: Path, times: int) -> tuple[list[int], Any]:
    run = subprocess.run(
        [sys.executable, "-W", "error", "-c", textwrap.dedent(PROJECT.format(file=FILE)), mode, str(file), str(times)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        cwd=Path(autoprefetch.__file__).parent.parent,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
    )
    assert run.returncode == 0, run.stderr
    counts, found = json.loads(run.stdout)
    return counts, found


@pytest.mark.parametrize("mode", ["auto", "learn"])
def test_what_one_process_learned_another_applies_from_its_first_request(mode: str, tmp_path: Path) -> None:
    """Learn, keep the file, run elsewhere: the first evaluation is warm, nothing is learned, the file stays."""
    file = tmp_path / "autoprefetch.json"
    plain, expected = project("off", file, 1)
    learned, found = project(mode, file, 3)
    assert found == expected
    before = file.read_bytes()
    applied, found = project("apply", file, 2)
    assert found == expected
    assert applied == [3, 3]
    assert learned[0] == (4 if mode == "auto" else plain[0])
    assert file.read_bytes() == before
