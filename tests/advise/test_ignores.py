"""Ignores: what is stale in the settings and in the source of a project is named, and nothing else."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from autoprefetch import conf, override
from autoprefetch.advise.ignores import MISWRITTEN, STALE, faulty
from autoprefetch.advise.scanning import scan
from autoprefetch.observe.callsites import location_of

VIEWS = '''
from autoprefetch import auto as automatic
from tests.library.models import Book

class Books:
    queryset = automatic(Book.objects.all())  # autoprefetch: ignore[author]

    def get(self):
        return [automatic(
            Book.objects.all(),
        ) for _ in "ab"]

def plain():
    """Say `# autoprefetch: ignore` in a docstring."""
    return Book.objects.all()
'''
KEYS = ["shop.views:Books/automatic#0", "shop.views:Books.get/automatic#0"]

Write = Callable[[str], None]


@pytest.fixture
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Write]:
    """Write `shop/views.py` in a package that the project names as its own."""
    (tmp_path / "shop").mkdir()
    (tmp_path / "shop" / "__init__.py").touch()
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(conf, "project_packages", lambda: frozenset({"shop"}))

    def written(text: str) -> None:
        (tmp_path / "shop" / "views.py").write_text(text)
        importlib.invalidate_caches()

    yield written
    for name in [name for name in sys.modules if name.partition(".")[0] == "shop"]:
        del sys.modules[name]


def found(known: tuple[str, ...] = (), **settings: object) -> list[tuple[str, str, str]]:
    with override(**settings):
        return [(one.kind, one.place, one.written) for one in faulty(known, conf.current())]


def test_the_source_tells_the_keys_of_call_sites(write: Write) -> None:
    """As they are when it runs, though nothing of it has."""
    write(VIEWS)
    [scanned] = [one for one in scan([]) if one.module == "shop.views"]
    assert scanned.path == "shop/views.py"
    calls = [call for call in scanned.calls if call.is_auto]
    assert sorted(call.key.partition("~")[0] for call in calls) == sorted(KEYS)
    assert "shop.views" not in sys.modules


def test_the_keys_are_those_of_what_runs(write: Write) -> None:
    """The step in a comprehension, too, has the same name."""
    write("import sys\n\ndef auto(x):\n    return sys._getframe(1)\n\nfound = [f for f in [auto(1)]]\n\ndef more():\n"
          "    return auto(1), [auto(2) for _ in 'a'], (lambda: auto(3))()\n")  # fmt: skip
    [scanned] = [one for one in scan([]) if one.module == "shop.views"]
    expected = {call.key for call in scanned.calls if call.is_auto}
    seen = set()

    def noted(frame: object) -> None:
        seen.add(location_of(frame).key)  # type: ignore[arg-type]

    module = importlib.import_module("shop.views")
    module.sys = type("Seam", (), {"_getframe": staticmethod(lambda depth: noted(sys._getframe(2)))})
    module.more()
    assert seen == {key for key in expected if ":more" in key}
    assert len(seen) == 3


@pytest.mark.parametrize(
    "pattern",
    [
        "library.Book.author",
        "library.*",
        "library.Author.library.Book.translator",  # a filter that compares with a key
        "shop/views.py",
        "shop/*",
        "*.py",
        "shop.views:*",
        "shop.views:Books/automatic#0",
        "*Books.get*",
    ],
)
def test_what_matches_something_is_not_stale(pattern: str, write: Write) -> None:
    """A relation, a call site, or the file of one."""
    write(VIEWS)
    assert found(IGNORE=[pattern]) == []


@pytest.mark.parametrize(
    "pattern",
    ["library.Book.writer", "shop/legacy/*.py", "shop.views:plain/*", "shop.gone:*", "nothing", "shop/__init__.py"],
)
def test_what_matches_nothing_is_stale(pattern: str, write: Write) -> None:
    """It is named, with those that match left out."""
    write(VIEWS)
    assert found(IGNORE=["library.Book.author", pattern]) == [(STALE, "AUTOPREFETCH['IGNORE']", pattern)]


def test_what_is_known_of_counts_too(write: Write) -> None:
    """A template, say, or a call site of a module that the project does not name as its own."""
    write(VIEWS)
    keys = ("other.tasks:run/auto#0 <  < library.Book", "a/b.html:{% for %}/tag#0 < GET / < library.Book")
    assert found(keys, IGNORE=["other/tasks.py", "other.tasks:*", "a/b.html"]) == []
    assert [one[2] for one in found(IGNORE=["other/tasks.py", "other.tasks:*"])] == ["other/tasks.py", "other.tasks:*"]


@pytest.mark.parametrize(
    ("pattern", "is_stale"),
    [
        ("shop/views.py", False),
        ("shop/__init__.py", False),  # any file may evaluate
        ("shop/legacy/*.py", True),
        ("library.Book.writer", True),
        ("django.contrib.admin.options:*", False),
        ("shop.views:plain/*", False),
        ("books/list.html", False),
    ],
)
def test_with_scope_any_line_may_be_a_call_site(pattern: str, is_stale: bool, write: Write) -> None:
    """Only what can be told is told."""
    write(VIEWS)
    assert bool(found(IGNORE=[pattern], SCOPE="all")) == is_stale


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("x = auto(Book.objects.all())  # autoprefetch: ignore[author]", None),
        ("x = auto(Book.objects.all())  # autoprefetch: ignore", None),
        ("x = auto(\n    Book.objects.all()\n)  # autoprefetch: ignore", None),
        ("x = auto(Book.objects.all()).filter(\n    pk=1\n)  # autoprefetch: ignore", STALE),
        ("x = Book.objects.all()  # autoprefetch: ignore", STALE),
        ("# autoprefetch: ignore\nx = auto(Book.objects.all())", STALE),
        ("x = auto(Book.objects.all())  # autoprefetch: ignore[nobody]", MISWRITTEN),
        ("x = auto(Book.objects.all())  # autoprefetch: ignore(author)", MISWRITTEN),
        ("x = Book.objects.all()  # autoprefetch: ignore(author)", MISWRITTEN),
        ("x = 'auto()  # autoprefetch: ignore(author)'", None),
        ("x = (  # autoprefetch: ignore", None),  # no Python: nothing can be told
    ],
)
def test_comments_in_the_source(line: str, expected: str | None, write: Write) -> None:
    """Where they stand and what they name is looked at, also where the line has never run."""
    write(f"from autoprefetch import auto\n{line}\n")
    number = next((at for at, text in enumerate(line.splitlines(), 2) if "# autoprefetch" in text), 0)
    assert [one[:2] for one in found()] == ([(expected, f"shop/views.py:{number}")] if expected else [])


@pytest.mark.parametrize(
    ("label", "expected"), [("library.Book", []), ("library.Tag", [MISWRITTEN]), ("gone.Model", [])]
)
def test_a_relation_is_looked_for_at_the_models_that_are_known(label: str, expected: list[str], write: Write) -> None:
    """Those of the call sites beside the comment, as far as they were evaluated; else at all models."""
    write(VIEWS)
    keys = (f"{KEYS[0]}@12345678 < shop.views:page/list#0 < GET / < {label}",)
    assert [one[0] for one in found(keys)] == expected


def test_a_comment_on_a_line_that_evaluates_is_live_with_scope(write: Write) -> None:
    """And stale without."""
    write("def view(books):\n    for book in books:  # autoprefetch: ignore\n        print(book)\n")
    assert found(SCOPE="all") == []
    assert [one[0] for one in found()] == [STALE]
