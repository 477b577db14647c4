"""Whether an import at the top of a module can work."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from autoprefetch.advise.imports import why_not_imported

#: What `mine.a` has, of `mine.b`, which it is to be imported into.
CIRCULAR = {
    "directly": "from mine.b import thing",
    "as a module": "import mine.b",
    "from its package": "from mine import b",
    "relative": "from . import b",
    "relative, of a module": "from .b import thing",
    "by a third": "from mine import c",
    "all of it": "from mine.b import *",
    "in a class": "class A:\n    from mine.b import thing",
    "if it can": "try:\n    import mine.b\nexcept ImportError:\n    pass",
}

#: What never runs before `mine.b` is whole.
FINE = {
    "nothing": "",
    "in a function": "def f():\n    from mine.b import thing",
    "for types": "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from mine.b import thing",
    "a name like it": "import mine.d",
}


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], None]]:
    """Write a package with a module of some source, and import it."""
    folder = tmp_path / "mine"
    folder.mkdir()
    for name, source in {"__init__": "", "b": "thing = 1", "c": "import mine.b", "d": "b = 1"}.items():
        (folder / f"{name}.py").write_text(source)
    monkeypatch.syspath_prepend(tmp_path)
    before = set(sys.modules)

    def write(source: str) -> None:
        (folder / "a.py").write_text(source)
        importlib.import_module("mine.a")

    yield write
    for name in set(sys.modules) - before:
        del sys.modules[name]


@pytest.mark.parametrize("source", CIRCULAR.values(), ids=CIRCULAR)
def test_a_module_cannot_import_what_imports_it(source: str, package: Callable[[str], None]) -> None:
    """However that is written."""
    package(source)
    assert why_not_imported("mine.a", "mine.b") == "importing mine.a in mine.b would be circular"


@pytest.mark.parametrize("source", FINE.values(), ids=FINE)
def test_a_module_can_import_what_does_not_import_it(source: str, package: Callable[[str], None]) -> None:
    """Nor can it be, where the import runs later or never."""
    package(source)
    assert why_not_imported("mine.a", "mine.b") == ""


def test_libraries_import_nothing_of_the_project() -> None:
    """They are not looked into."""
    assert why_not_imported("django.db.models", "tests.library.models") == ""
