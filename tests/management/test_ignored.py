"""The command, where a person has said in the source what is to stay lazy."""

from __future__ import annotations

import importlib
import json
import sys
from collections.abc import Callable, Iterator
from io import StringIO
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from django.core.management import call_command

from autoprefetch import override
from autoprefetch.evaluation import engine
from autoprefetch.learn.front import Front
from autoprefetch.plan.choosing import IGNORED
from tests.stores import kept_in

pytestmark = [
    pytest.mark.usefixtures("library"),
    pytest.mark.parametrize("database", ["sqlite"], indirect=True),
]

FILE = "autoprefetch.learn.stores.file.FileStore"
SOURCE = """
from autoprefetch import auto
from tests.library.models import Book

def view():
    books = {}
    return [(book.author.name, book.publisher and book.publisher.name) for book in books]
"""
BY_ARGUMENT = 'auto(Book.objects.order_by("pk"), ignore=("author", "publisher"))'
BY_COMMENT = 'auto(Book.objects.order_by("pk"))  # autoprefetch: ignore[author, publisher] few are shown'
OF_ONE = 'auto(Book.objects.order_by("pk"))  # autoprefetch: ignore[author]'
WHOLE = 'auto(Book.objects.order_by("pk"))  # autoprefetch: ignore'
OF_NONE = 'auto(Book.objects.order_by("pk"))'

Write = Callable[[str], ModuleType]


@pytest.fixture
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Write]:
    """Write the module `ignored`, and import it anew."""
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(sys, "dont_write_bytecode", True)

    def written(call: str) -> ModuleType:
        (tmp_path / "ignored.py").write_text(SOURCE.format(call))
        importlib.invalidate_caches()
        sys.modules.pop("ignored", None)
        return importlib.import_module("ignored")

    with kept_in(FILE, PATH=str(tmp_path / "store.json")):
        yield written
    sys.modules.pop("ignored", None)


def command(*arguments: str) -> tuple[int, Any]:
    """Run the command with what was learned until now; return its exit code and its JSON."""
    engine.take_in()
    if isinstance(engine.store, Front):
        engine.store.flush()
    out = StringIO()
    try:
        call_command("autoprefetch", *arguments, "--format", "json", stdout=out)
    except SystemExit as ended:
        return int(ended.code or 0), json.loads(out.getvalue())
    return 0, json.loads(out.getvalue())


def learn(module: ModuleType, times: int = 3) -> None:
    with override(MODE="learn"):
        for _ in range(times):
            module.view()


@pytest.mark.parametrize(
    ("call", "new"),
    [(OF_NONE, ["author", "publisher"]), (OF_ONE, ["publisher"]), (BY_COMMENT, []), (BY_ARGUMENT, []), (WHOLE, [])],
)
def test_check_heeds_what_the_source_says(call: str, new: list[str], write: Write, tmp_path: Path) -> None:
    """What is to stay lazy is no new lazy load; all else is."""
    module = write(call)
    file = tmp_path / "committed.json"
    call_command("autoprefetch", "export", str(file), stdout=StringIO())
    learn(module)
    code, found = command("check", str(file))
    assert [one["path"] for one in found["differences"]] == new
    assert found["ignores"] == []
    assert code == bool(new)


@pytest.mark.parametrize(
    ("call", "code"), [(OF_NONE, '("author", "publisher")'), (OF_ONE, '("publisher")'), (BY_COMMENT, ""), (WHOLE, "")]
)
def test_suggest_heeds_what_the_source_says(call: str, code: str, write: Write) -> None:
    """It is not advised to load what is to stay lazy; nor anything of a call site that is left alone."""
    learn(write(call))
    _, found = command("suggest")
    assert [one["code"] for one in found["suggestions"]] == (
        [f'Book.objects.order_by("pk").select_related{code}'] if code else []
    )


NAMED = 'auto(Book.objects.order_by("pk"), name="shown seldom")  # autoprefetch: ignore[author, publisher] few'


@pytest.mark.parametrize(
    ("call", "ignored"),
    [
        (OF_NONE, []),
        (OF_ONE, ["author"]),
        (BY_COMMENT, ["author", "publisher"]),
        (BY_ARGUMENT, ["author", "publisher"]),
        (NAMED, ["author", "publisher"]),
    ],
)
def test_report_heeds_what_the_source_says(call: str, ignored: list[str], write: Write) -> None:
    """A relation that is to stay lazy is said to, also where the process of the report has evaluated nothing."""
    learn(write(call))
    engine.standings.clear()
    [site] = command("report")[1]["call_sites"]
    assert [one["path"] for one in site["relations"] if one["reason"] == IGNORED] == ignored
    assert site["ignored"] == ""


def test_report_says_what_lets_a_call_site_run_as_plain_django(write: Write) -> None:
    """A comment that came after it was learned; and a pattern."""
    learn(write(OF_NONE))
    write(WHOLE)
    [site] = command("report")[1]["call_sites"]
    assert site["ignored"] == "its comment says `autoprefetch: ignore`"
    with override(IGNORE=["ignored.py"]):
        [site] = command("report")[1]["call_sites"]
    assert site["ignored"] == "IGNORE has 'ignored.py'"


def test_a_comment_that_came_later_is_heeded(write: Write) -> None:
    """What was learned before it is not advised any more."""
    learn(write(OF_NONE))
    module = write(WHOLE)
    _, found = command("suggest")
    assert found["suggestions"] == []
    assert module.view()


def test_check_names_a_comment_that_stands_in_the_wrong_place(write: Write, tmp_path: Path) -> None:
    """In a module that has a known call site."""
    module = write(f"{OF_NONE}\n    titles = Book.objects.all()  # autoprefetch: ignore[author]")
    file = tmp_path / "committed.json"
    learn(module)
    command("report")
    call_command("autoprefetch", "export", str(file), stdout=StringIO())
    code, found = command("check", str(file))
    [one] = found["ignores"]
    assert (code, found["differences"]) == (1, [])
    assert (one["kind"], one["place"]) == ("stale ignores", "ignored.py:7")
