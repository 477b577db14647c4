"""The pages on learning in tests and on gating CI: what a reader ends up with, beyond that each block runs."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.docs.blocks import page
from tests.docs.projects import Project

LEARNING = page("docs/how-to/learn-in-tests-apply-in-production.md")
GATE = page("docs/how-to/ci-gate.md")

REQUEST = """
import django
django.setup()
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
with CaptureQueriesContext(connection) as queries:
    assert Client().get("/books/").status_code == 200
print(len(queries))
"""


@pytest.fixture
def project(tmp_path: Path) -> Project:
    made = Project(tmp_path)
    made.begin()
    return made


def first_request(project: Project) -> int:
    """Return how many queries the first request of a production process runs."""
    project.put("production.py", REQUEST)
    return int(project.run("DJANGO_SETTINGS_MODULE=mysite.settings python production.py"))


def files(project: Project) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in project.folder.iterdir() if path.is_file()}


def test_learn_in_the_tests_apply_in_production(project: Project) -> None:
    """The page from top to bottom: then the first request of production is warm, and only reads."""
    project.follow(LEARNING.blocks, until="# shop/tests.py")
    assert first_request(project) == 21
    project.follow(LEARNING.blocks)
    before = files(project)
    assert first_request(project) == 1
    assert files(project) == before
    status = project.run("git status --porcelain").splitlines()
    assert "A  autoprefetch.json" in status
    assert not any("lock" in line or "learned" in line for line in status)
    [key] = [key for key in json.loads(before["autoprefetch.json"])["call_sites"] if key]
    assert key.endswith(" < GET books/ < shop.Book")


def test_the_gate_of_ci(project: Project) -> None:
    """It lets a change pass that learns nothing new, stops one that does, and passes it with what was learned."""
    project.follow(LEARNING.blocks)
    steps = iter(GATE.blocks)
    gate = next(steps)
    assert project.run(gate.text).endswith("autoprefetch.json agrees with what was learned of 1 call site.\n")
    workflow = next(steps)
    assert workflow.language == "yaml"
    assert [line.removeprefix("- run: ") for line in workflow.text.splitlines()] == gate.text.splitlines()[1:]
    project.write(next(steps))
    *_, finding, remedy = project.run(gate.text, code=1).splitlines()
    expected = next(steps).text.splitlines()
    assert [finding, remedy] == expected
    project.follow(steps)
    assert first_request(project) == 1


@pytest.mark.parametrize("options", ["", "--parallel 2"])
def test_all_processes_of_a_test_run_bring_what_they_learned(project: Project, options: str) -> None:
    """Also those that Django starts for `--parallel`."""
    project.follow(LEARNING.blocks, until="# shop/tests.py")
    tests = project.folder / "shop" / "tests.py"
    tests.write_text(tests.read_text() + "\n\nclass MoreBooksTest(BooksTest):\n    pass\n")
    project.run(f"python manage.py test --settings mysite.learning {options}")
    known = json.loads((project.folder / "learned.json").read_text())["call_sites"]
    assert [values["totals"]["evaluations"] for key, values in known.items() if key] == [4]
