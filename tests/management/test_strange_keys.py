"""Keys of any text: they go through every action, and come out as they went in."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from autoprefetch.learn.stores.file import FileStore
from tests.management.test_commands import history, run, store

__all__ = ["store"]

NAMES = [
    "a" * 5000,
    "schön Ω 🐍 \u202e",
    'quote " and \\ and / and {}',
    "line\nline\r\n\u2028line\ttab",
    "bar | and `code` and <b>",
    "a < b < c",
    "mail@example.org",
    "[0-9]*?",
    "",
    "format",
    "call_sites",
]


@pytest.fixture
def keys(store: FileStore) -> list[str]:
    found = sorted(f"{name} < library.Book" for name in NAMES)
    store.merge_many(dict.fromkeys(found, history("author")))
    return found


def test_they_are_exported_and_imported(store: FileStore, keys: list[str], tmp_path: Path) -> None:
    """Every one, and as it was."""
    file = tmp_path / "exported.json"
    run("export", str(file))
    assert sorted(key for key, _ in FileStore(file).items()) == keys
    run("clear", "--no-input")
    assert run("import", str(file)) == f"{len(keys)} call sites of {file} added to the store.\n"
    assert sorted(key for key, _ in store.items()) == keys
    assert run("check", str(file)) == f"{file} agrees with what was learned of {len(keys)} call sites.\n"


def test_they_are_reported_and_found(store: FileStore, keys: list[str], tmp_path: Path) -> None:
    """One line each, whatever is in them."""
    assert [site["key"] for site in json.loads(run("report", "--format", "json"))["call_sites"]]
    assert sum("library.Book, 1 evaluation" in line for line in run("report").splitlines()) == len(keys)
    rows = run("report", "--format", "markdown").splitlines()
    assert sum("| library.Book |" in row and row.startswith("| `") for row in rows) == len(keys)
    FileStore(tmp_path / "empty.json").replace({})
    with pytest.raises(SystemExit):
        run("check", str(tmp_path / "empty.json"))


def test_a_store_of_many_call_sites_is_reported_by_the_part(store: FileStore, keys: list[str]) -> None:
    """By the beginning of their names, and by number."""

    def names(*arguments: str) -> Any:
        return [site["call_site"] for site in json.loads(run("report", "--format", "json", *arguments))["call_sites"]]

    assert names("--site", "mail@") == ["mail@example.org"]
    assert names("--site", "*Ω") == ["schön Ω 🐍 \u202e"]
    assert names("--site", "[[]0-9") == ["[0-9]*?"]
    assert len(names("--limit", "3")) == 3
