"""`manage.py autoprefetch`: what a person can do with what the workers of a project have learned."""

from __future__ import annotations

import json
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.core.management import CommandError, call_command
from django.test import override_settings

from autoprefetch import auto
from autoprefetch.advise.differences import EDITED, IDLE, NEW, UNUSED, differences
from autoprefetch.advise.ignores import STALE
from autoprefetch.evaluation import engine
from autoprefetch.learn.histories import UNKNOWN, History
from autoprefetch.learn.profiles import Profile, Usage
from autoprefetch.learn.stores.file import FileStore
from tests.library.models import Book

FILE = "autoprefetch.learn.stores.file.FileStore"
KEY = "shop.views:books/auto#0@12345678 < GET books/ < library.Book"


EDITED_KEY = KEY.replace("12345678", "87654321")


def history(*paths: str, loads: int = 16, evaluations: int = 1) -> History:
    usages = {
        tuple(path.split("__")): Usage(evaluations, 16, loads, loads, first_access=f"shop/views.py:3 {path}")
        for path in paths
    }
    return History.of(Profile(evaluations, 16 * evaluations, evaluations, usages=usages), 0)


def idle(evaluations: int, path: str) -> History:
    """Return what is known of a call site that loads a path ahead, and does not use it."""
    return History.of(Profile(evaluations, 16, evaluations, usages={(path,): Usage(eager=evaluations)}), 0)


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
    store.merge_many({KEY: history("author"), "other < library.Tag": history()})
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
        (["report", "--limit", "0"], "'0' is not a whole number of 1 or more."),
        (["report", "--limit", "many"], "'many' is not a whole number of 1 or more."),
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
    *lines, why = text.splitlines()[:4]
    assert lines == [
        "shop.views:books/auto#0 (GET books/): library.Book, 3 evaluations, 48 rows",
        "  queries: 17 plain, 1 warm, 32 saved in all (16 ms, estimated)",
        "  relation  used  loads  ahead  lazy  batch  join  prefetch  applied               why",
    ]
    assert why.startswith(
        "  author    100%     16    67%  8.08   0.60  0.08      0.58  joined or prefetched  a join saves the query of"
    )
    assert text.index("shop.views:books") < text.index("shop.views:tags")
    assert "shop.views:tags" not in run("report", "--site", "shop.views:books")
    assert "shop.views:tags" not in run("report", "--limit", "1")


def test_the_report_as_json_and_markdown(store: FileStore) -> None:
    """For machines, and for a comment on a pull request."""
    store.merge(KEY, history("author"))
    [site] = json.loads(run("report", "--format", "json"))["call_sites"]
    assert (site["key"], site["model"], site["queries_plain"]) == (KEY, "library.Book", 17)
    [relation] = site["relations"]
    assert (relation["path"], relation["used"], relation["loads"], relation["ahead"]) == ("author", 1, 16, 0)
    assert (site["saved_seconds"], site["saved_seconds_basis"]) == (0, "estimated")
    assert set(relation["costs_ms"]) == {"lazy", "batch", "join", "prefetch"}
    markdown = run("report", "--format", "markdown").splitlines()
    assert markdown[0].startswith("| call site | model |")
    assert markdown[2].startswith("| `shop.views:books/auto#0 (GET books/)` | library.Book | 1 | 16 | 17 |")
    assert any(line.startswith("| `author` | 100% | 16 | 0% | 8.08 |") for line in markdown)
    assert {line.count("|") for line in markdown if line.startswith("|")} == {9, 11}


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
        ({KEY: history("author")}, {EDITED_KEY: history("author")}, [(EDITED_KEY, "author", NEW), (KEY, "", EDITED)]),
        ({KEY: history("author")}, {EDITED_KEY: UNKNOWN}, [(KEY, "", UNUSED)]),
        ({KEY: history("author", "tags")}, {KEY: UNKNOWN}, [(KEY, "", UNUSED)]),
        ({KEY: UNKNOWN}, {KEY: history("author")}, [(KEY, "author", NEW)]),
        ({}, {KEY: idle(8, "author")}, [(KEY, "author", IDLE)]),
        ({}, {KEY: idle(7, "author")}, []),  # too few to tell
        ({KEY: history("author", "tags")}, {KEY: idle(8, "author")}, [(KEY, "author", IDLE), (KEY, "tags", UNUSED)]),
    ],
)
def test_what_has_changed(committed: Any, learned: Any, found: Any) -> None:
    """New lazy loads, and what nothing uses; a single load is no repetition."""
    assert [(one.call_site, one.path, one.kind) for one in differences(committed, learned)] == found


@pytest.mark.parametrize(
    ("committed", "learned", "texts"),
    [
        (
            {KEY: history("author", "tags")},
            {KEY: history("author")},
            ["tags of shop.views:books/auto#0 (GET books/) is in the committed file, and nothing used it."],
        ),
        (
            {KEY: history()},
            {EDITED_KEY: history()},
            ["shop.views:books/auto#0 (GET books/) is in the committed file as its auto() was before it was edited."],
        ),
        (
            {},
            {KEY: idle(8, "author")},
            ["author of shop.views:books/auto#0 (GET books/) is loaded ahead, and no evaluation used it of late."],
        ),
    ],
)
def test_a_finding_names_the_call_site_for_people(committed: Any, learned: Any, texts: list[str]) -> None:
    """As the report does; the key is for machines."""
    assert [one.fact for one in differences(committed, learned)] == texts


@pytest.mark.parametrize("ignore", ["library.Book.tags", "shop.views:*", "shop/*.py", "library.Author.books"])
def test_what_is_to_stay_lazy_is_no_new_lazy_load(ignore: str, store: FileStore, tmp_path: Path) -> None:
    """`IGNORE` is heeded; a pattern of another relation says nothing about it."""
    file = tmp_path / "autoprefetch.json"
    run("export", str(file))
    store.merge(KEY, history("tags"))
    with override_settings(AUTOPREFETCH={**settings.AUTOPREFETCH, "IGNORE": [ignore]}):
        if ignore != "library.Author.books":
            assert run("check", str(file)).startswith(f"{file} agrees")
        else:
            with pytest.raises(SystemExit):
                run("check", str(file))


@pytest.mark.parametrize("action", ["check", "report"])
@pytest.mark.parametrize("written", ["text", "json"])
def test_a_stale_ignore_is_reported(action: str, written: str, store: FileStore, tmp_path: Path) -> None:
    """By `check`, which then fails, and by `report`."""
    file = tmp_path / "autoprefetch.json"
    run("export", str(file))
    arguments = [action, *([str(file)] if action == "check" else []), "--format", written]
    out = StringIO()
    code = 0
    with override_settings(AUTOPREFETCH={**settings.AUTOPREFETCH, "IGNORE": ["library.Book.writer"]}):
        try:
            call_command("autoprefetch", *arguments, stdout=out)
        except SystemExit as ended:
            code = ended.code
    assert code == (1 if action == "check" else 0)
    text = out.getvalue()
    if written == "json":
        [one] = json.loads(text)["ignores"]
        assert (one["kind"], one["ignore"]) == (STALE, "library.Book.writer")
    else:
        assert text.splitlines()[-1].startswith("AUTOPREFETCH['IGNORE']: 'library.Book.writer' matches no call site")


def test_check_is_a_gate(store: FileStore, tmp_path: Path) -> None:
    """0 where both agree, 1 with a list where they do not."""
    file = tmp_path / "autoprefetch.json"
    store.merge(KEY, history("author"))
    run("export", str(file))
    assert run("check", str(file)) == f"{file} agrees with what was learned of 1 call site.\n"
    store.merge(KEY, history("tags"))
    out = StringIO()
    with pytest.raises(SystemExit) as raised:
        call_command("autoprefetch", "check", str(file), stdout=out)
    assert raised.value.code == 1
    finding, remedy = out.getvalue().splitlines()
    assert finding == (
        "shop/views.py:3 tags: tags is loaded lazily 16 times an evaluation of shop.views:books/auto#0 (GET books/),"
        " and is not in the committed file. Load it ahead in the code if it is not meant to be automatic."
    )
    assert f"export {file}" in remedy
    learned = tmp_path / "learned.json"
    run("export", str(learned))
    out = StringIO()
    with pytest.raises(SystemExit), override_settings(AUTOPREFETCH={}):
        call_command("autoprefetch", "check", str(file), "--learned", str(learned), "--format", "json", stdout=out)
    assert [one["path"] for one in json.loads(out.getvalue())["differences"]] == ["tags"]
