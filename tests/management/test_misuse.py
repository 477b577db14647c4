"""`manage.py autoprefetch` in hands that do not know it yet."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.test import override_settings

from autoprefetch.learn.stores.file import FileStore
from tests.management.test_commands import FILE, KEY, fails, history, run, store

__all__ = ["store"]
ROOT = Path(__file__).parents[2]


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def test_an_export_to_the_store_itself_loses_nothing(store: FileStore) -> None:
    """Workers go on to merge into it, so it is left alone."""
    store.merge(KEY, history("author"))
    before = store.path.read_bytes()
    said = run("export", str(store.path))
    assert said == f"{store.path} is the store itself, and knows 1 call site: nothing was written.\n"
    assert store.path.read_bytes() == before


def test_an_import_of_the_store_itself_counts_nothing_twice(store: FileStore) -> None:
    """Nor under another spelling of its path."""
    store.merge(KEY, history("author"))
    code, text = fails("import", str(store.path.parent / ".." / store.path.parent.name / store.path.name))
    assert code == 2
    assert "is the store itself, and each count in it would count twice" in text
    assert store.load(KEY) == history("author")


@pytest.mark.parametrize("learned", [[], ["--learned"]])
def test_a_check_of_a_file_with_itself_is_no_gate(store: FileStore, learned: list[str]) -> None:
    """It would always agree."""
    store.merge(KEY, history("author"))
    code, text = fails("check", str(store.path), *learned, *[str(store.path)] * len(learned))
    assert code == 2
    assert "would be compared with itself. Have the tests learn into another file" in text


def test_an_export_replaces_a_file_that_is_broken(store: FileStore, tmp_path: Path) -> None:
    """Such as one with the marks of a merge conflict; nothing is left beside it."""
    folder = tmp_path / "repository"
    folder.mkdir()
    file = folder / "autoprefetch.json"
    file.write_text("<<<<<<< HEAD\n")
    store.merge(KEY, history("author"))
    run("export", str(file))
    assert dict(FileStore(file).items()) == {KEY: history("author")}
    assert names(folder) == {"autoprefetch.json", "autoprefetch.json.lock"}


def test_an_import_leaves_out_models_that_are_gone(store: FileStore, tmp_path: Path) -> None:
    """Each with its key and the reason; so it does with what cannot be read."""
    file = tmp_path / "other.json"
    FileStore(file).merge_many({KEY: history("author"), "shop.views:old < library.Gone": history()})
    file.write_text(file.read_text().replace('"": {}\n}\n}', '"bad < library.Book": 7,\n"": {}\n}\n}'))
    assert run("import", str(file)).splitlines() == [
        f"{file}: bad < library.Book is left out, because an entry is 7, and a mapping of texts is read.",
        f"{file}: shop.views:old < library.Gone is left out, because no installed model is called 'library.Gone'.",
        f"1 call site of {file} added to the store.",
    ]
    assert dict(store.items()) == {KEY: history("author")}


def test_a_pattern_that_matches_nothing_is_said_to(store: FileStore) -> None:
    """Where "nothing was learned" would be wrong."""
    store.merge(KEY, history())
    assert fails("report", "--site", "shop.view:") == (
        2,
        "--site 'shop.view:' is none of 1 call site. Give how a key begins, with * for any text.",
    )
    assert "shop.views:books" in run("report", "--site", "*GET books/")


def test_an_empty_store_is_nothing_wrong(store: FileStore, tmp_path: Path) -> None:
    """Nothing was learned yet."""
    assert run("report") == "Nothing was learned yet.\n"
    assert run("report", "--site", "shop*") == "Nothing was learned yet.\n"
    assert run("export", str(tmp_path / "x.json")) == f"0 call sites written to {tmp_path / 'x.json'}.\n"
    assert run("clear", "--no-input") == "0 call sites forgotten.\n"


@pytest.mark.parametrize("error", [EOFError, KeyboardInterrupt])
def test_clear_forgets_nothing_when_nobody_answers(
    store: FileStore, monkeypatch: pytest.MonkeyPatch, error: type[BaseException]
) -> None:
    """No terminal, or Ctrl-C at the question."""

    def asked(question: str) -> str:
        raise error

    store.merge(KEY, history())
    monkeypatch.setattr("builtins.input", asked)
    code, text = fails("clear")
    assert (code, "othing was forgotten" in text) == (2 if error is EOFError else 1, True)
    assert store.load(KEY) == history()


def test_settings_that_are_wrong_are_named() -> None:
    """By the message of the system check."""
    with override_settings(AUTOPREFETCH={"MODE": "fast"}):
        code, text = fails("report")
    assert code == 2
    assert text.startswith("AUTOPREFETCH['MODE'] is 'fast'.")


def test_a_store_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    """Whatever kind it is; here, a folder in the place of the file."""
    with override_settings(AUTOPREFETCH={"STORE": {"BACKEND": FILE, "OPTIONS": {"PATH": str(tmp_path)}}}):
        code, text = fails("report")
    assert code == 2
    assert text.startswith("The FileStore cannot be used: IsADirectoryError: ")


# As processes of their own --------------------------------------------------------------------------------------------


def manage(tmp_path: Path, *arguments: str, **options: Any) -> subprocess.Popen[str]:
    settings = tmp_path / "command_settings.py"
    setting = {"STORE": {"BACKEND": FILE, "OPTIONS": {"PATH": str(tmp_path / "store.json")}}}
    settings.write_text(
        "INSTALLED_APPS = ['django.contrib.contenttypes', 'autoprefetch', 'tests.library']\n"
        f"AUTOPREFETCH = {setting!r}\n"
    )
    env = {**os.environ, "PYTHONPATH": f"{ROOT}{os.pathsep}{tmp_path}", "DJANGO_SETTINGS_MODULE": settings.stem}
    command = [sys.executable, "-W", "error", "-m", "django", "autoprefetch", *arguments]
    pipes = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **options}
    return subprocess.Popen(command, cwd=ROOT, env=env, text=True, **pipes)


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["report"], 0, "shop.views:books/auto#0 (GET books/): library.Book"),
        (["export", "new.json"], 0, "1 call site written to"),
        (["check", "empty.json"], 1, "an evaluation of shop.views:books"),
        (["check", "nowhere.json"], 2, "nowhere.json cannot be read"),
        (["check", "empty.json", "--learned", "nowhere.json"], 2, "nowhere.json cannot be read"),
        (["check", "store.json"], 2, "would be compared with itself"),
        (["import", "nowhere.json"], 2, "nowhere.json cannot be read"),
        (["clear"], 2, "Say --no-input"),
        (["report", "--limit", "0"], 2, "'0' is not a whole number of 1 or more."),
        (["report", "--format", "yaml"], 2, "invalid choice: 'yaml'"),
        (["forget"], 2, "invalid choice: 'forget'"),
        ([], 2, "the following arguments are required: ACTION"),
    ],
)
def test_exit_codes(tmp_path: Path, arguments: list[str], code: int, said: str) -> None:
    """0 is well, 1 is something found, 2 is something wrong; and never a traceback."""
    FileStore(tmp_path / "store.json").merge(KEY, history("author"))
    FileStore(tmp_path / "empty.json").replace({})
    given = [str(tmp_path / argument) if argument.endswith(".json") else argument for argument in arguments]
    process = manage(tmp_path, *given)
    out, err = process.communicate(timeout=60)
    assert process.returncode == code, err
    assert said in (out if code < 2 else err)
    assert "Traceback" not in err


def test_an_export_that_is_stopped_leaves_the_old_file(tmp_path: Path) -> None:
    """Ctrl-C at any moment: the old file or the new one, and nothing half written beside it."""
    FileStore(tmp_path / "store.json").replace({f"view {n} < library.Book": history("author") for n in range(4000)})
    folder = tmp_path / "repository"
    folder.mkdir()
    file = folder / "autoprefetch.json"
    FileStore(file).replace({KEY: history("author")})
    old = file.read_bytes()
    process = manage(tmp_path, "export", str(file))
    until = time.monotonic() + 60
    while process.poll() is None and len(names(folder)) < 3:  # what it writes beside the file
        assert time.monotonic() < until
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=60)
    assert file.read_bytes() == old or len(dict(FileStore(file).items())) == 4000
    assert names(folder) == {"autoprefetch.json", "autoprefetch.json.lock"}


def test_check_as_a_function_ends_as_other_checks_do(store: FileStore, tmp_path: Path) -> None:
    """`call_command` raises what the command line ends with."""
    file = tmp_path / "committed.json"
    FileStore(file).replace({})
    assert call_command("autoprefetch", "check", str(file), stdout=StringIO()) is None
    store.merge(KEY, history("author"))
    with pytest.raises(SystemExit, match="1"):
        call_command("autoprefetch", "check", str(file), stdout=StringIO())
    with pytest.raises(CommandError, match="cannot be read"):
        call_command("autoprefetch", "check", str(tmp_path / "nowhere.json"), stdout=StringIO())
