"""Learn here, apply there: what one process learned, a new one applies from its first request, and learns nothing."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import pytest

import autoprefetch
from autoprefetch.learn.stores.file import FileStore
from tests.management.test_commands import FILE, history

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


@pytest.mark.parametrize("mode", ["apply", "strict"])
def test_what_is_applied_is_known_from_the_first_evaluation_however_long_the_file(mode: str, tmp_path: Path) -> None:
    """Where nothing is learned, no second request would be any better; so the file is read as a whole first."""
    file = tmp_path / "autoprefetch.json"
    project("auto", file, 3)
    before = FileStore(file)
    before.merge_many({f"view {n} < library.Book": history(*(f"relation_{m}" for m in range(9))) for n in range(4000)})
    if mode == "apply":
        assert project(mode, file, 1)[0] == [3]
        return
    with pytest.raises(AssertionError, match=r"LazyLoadError: .*comments"):
        project(mode, file, 1)  # that it is not `author` that is left


def test_what_is_applied_is_only_read(tmp_path: Path) -> None:
    """No lock, no file beside it, no new place for a broken one: production may have no right to write there."""
    file = tmp_path / "folder" / "autoprefetch.json"
    project("auto", file, 3)
    file.with_name(f"{file.name}.lock").unlink()
    before = file.read_bytes(), file.stat().st_mtime_ns, sorted(file.parent.iterdir())
    project("apply", file, 2)
    assert (file.read_bytes(), file.stat().st_mtime_ns, sorted(file.parent.iterdir())) == before
    file.write_text("<<<<<<< HEAD\n")
    plain, expected = project("off", file, 1)
    assert project("apply", file, 2) == ([plain[0]] * 2, expected)
    assert file.read_text() == "<<<<<<< HEAD\n"
    assert sorted(file.parent.iterdir()) == before[2]


def test_what_the_file_does_not_know_runs_as_plain_django(tmp_path: Path) -> None:
    """A missing file, and one without this call site."""
    plain, expected = project("off", tmp_path / "none.json", 1)
    assert project("apply", tmp_path / "missing.json", 2) == (plain * 2, expected)
    FileStore(tmp_path / "empty.json").replace({})
    assert project("apply", tmp_path / "empty.json", 2) == (plain * 2, expected)
    assert not (tmp_path / "missing.json").exists()
