"""What the tests of the command share."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.management.projects import FILE, Project
from tests.stores import kept_in


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Project]:
    folder = tmp_path / "project"
    folder.mkdir()
    monkeypatch.syspath_prepend(folder)
    monkeypatch.setattr(sys, "dont_write_bytecode", True)  # two versions within a second have the same time
    before = set(sys.modules)
    with kept_in(FILE, PATH=str(tmp_path / "store.json")):
        yield Project(folder)
    for name in set(sys.modules) - before:
        del sys.modules[name]
