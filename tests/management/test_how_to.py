"""The how-to pages: each of their blocks is run, in the order in which a reader would run them."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = ROOT / "docs" / "how-to"

MANAGE = """
import os, sys
from django.core.management import execute_from_command_line
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "mysite.settings")
execute_from_command_line(sys.argv)
"""
SETTINGS = """
from pathlib import Path
BASE_DIR = Path(__file__).parent.parent
SECRET_KEY = "only for tests"
ALLOWED_HOSTS = ["*"]
ROOT_URLCONF = "mysite.urls"
INSTALLED_APPS = ["autoprefetch", "shop"]
DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": BASE_DIR / "db.sqlite3"}}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
"""
URLS = """
from django.urls import path
from shop.views import books
urlpatterns = [path("books/", books)]
"""
MODELS = """
from django.db import models

class Author(models.Model):
    name = models.CharField(max_length=20)

class Publisher(models.Model):
    name = models.CharField(max_length=20)

class Book(models.Model):
    title = models.CharField(max_length=20)
    author = models.ForeignKey(Author, models.CASCADE)
    publisher = models.ForeignKey(Publisher, models.CASCADE)
"""
PRODUCTION = """
import json, sys
import django
django.setup()
from django.core.management import call_command
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from shop.models import Author, Book, Publisher
call_command("migrate", run_syncdb=True, verbosity=0)
if not Book.objects.exists():
    for number in range(20):
        author, publisher = Author.objects.create(name="A"), Publisher.objects.create(name="P")
        Book.objects.create(title=f"B{number}", author=author, publisher=publisher)
with CaptureQueriesContext(connection) as queries:
    assert Client().get("/books/").status_code == 200
print(len(queries))
"""


@dataclass(frozen=True)
class Block:
    language: str
    text: str

    @property
    def file(self) -> str:
        return self.text.splitlines()[0].removeprefix("# ")


def blocks(page: str) -> Iterator[Block]:
    found = list(re.finditer(r"^```(\w+)\n(.*?)^```$", (PAGES / page).read_text(), re.MULTILINE | re.DOTALL))
    assert len(found) > 4
    return iter([Block(match[1], match[2]) for match in found])


@dataclass(frozen=True)
class Project:
    folder: Path

    def write(self, block: Block) -> None:
        """Write a file that a block gives; what is in the settings stays."""
        path = self.folder / block.file
        before = path.read_text() if path.name == "settings.py" else ""
        path.write_text(before + block.text)

    def run(self, command: str, code: int = 0) -> str:
        env = {name: value for name, value in os.environ.items() if name != "DJANGO_SETTINGS_MODULE"}
        env |= {"PATH": f"{Path(sys.executable).parent}{os.pathsep}{env['PATH']}", "PYTHONPATH": str(ROOT)}
        env |= {"PYTHONDONTWRITEBYTECODE": "1"}  # an edit within a second would not be seen
        run = subprocess.run(
            ["sh", "-e", "-c", command], cwd=self.folder, env=env, capture_output=True, text=True, check=False
        )
        assert run.returncode == code, (command, run.stdout, run.stderr)
        return run.stdout

    def first_request(self) -> int:
        """Return how many queries the first request of a production process runs."""
        (self.folder / "production.py").write_text(PRODUCTION)
        return int(self.run("DJANGO_SETTINGS_MODULE=mysite.settings python production.py"))

    def files(self) -> dict[str, bytes]:
        return {path.name: path.read_bytes() for path in self.folder.iterdir() if path.is_file()}


@pytest.fixture
def project(tmp_path: Path) -> Project:
    skeleton = {"manage.py": MANAGE, "mysite/__init__.py": "", "mysite/settings.py": SETTINGS, "mysite/urls.py": URLS}
    skeleton |= {"shop/__init__.py": "", "shop/models.py": MODELS}
    for name, text in skeleton.items():
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(textwrap.dedent(text))
    made = Project(tmp_path)
    made.run("git init -q")
    return made


def follow(project: Project, page: Iterator[Block], until: str = "") -> None:
    """Do what a page says, up to the block that begins with a text."""
    for block in page:
        if block.language == "python":
            project.write(block)
        elif block.language == "text":
            (project.folder / block.file).write_text(block.text)
        elif block.language == "sh":
            project.run(block.text)
        if until and block.text.startswith(until):
            return


def test_learn_in_the_tests_apply_in_production(project: Project) -> None:
    """The page from top to bottom: then the first request of production is warm, and only reads."""
    follow(project, blocks("learn-in-tests-apply-in-production.md"), until="# shop/tests.py")
    assert project.first_request() == 21
    follow(project, blocks("learn-in-tests-apply-in-production.md"))
    before = project.files()
    assert project.first_request() == 1
    assert project.files() == before
    status = project.run("git status --porcelain").splitlines()
    assert "A  autoprefetch.json" in status
    assert not any("lock" in line or "learned" in line for line in status)
    [key] = [key for key in json.loads(before["autoprefetch.json"])["call_sites"] if key]
    assert key.endswith(" < GET books/ < shop.Book")


def test_the_gate_of_ci(project: Project) -> None:
    """It lets a change pass that learns nothing new, stops one that does, and passes it with what was learned."""
    follow(project, blocks("learn-in-tests-apply-in-production.md"))
    page = blocks("ci-gate.md")
    gate = next(page)
    assert project.run(gate.text).endswith("autoprefetch.json agrees with what was learned of 1 call site.\n")
    steps = next(page)
    assert steps.language == "yaml"
    assert [line.removeprefix("- run: ") for line in steps.text.splitlines()] == gate.text.splitlines()[1:]
    project.write(next(page))
    *_, finding, remedy = project.run(gate.text, code=1).splitlines()
    expected = next(page).text.splitlines()
    assert [finding, remedy] == expected
    follow(project, page)
    assert project.first_request() == 1


@pytest.mark.parametrize("options", ["", "--parallel 2"])
def test_all_processes_of_a_test_run_bring_what_they_learned(project: Project, options: str) -> None:
    """Also those that Django starts for `--parallel`."""
    follow(project, blocks("learn-in-tests-apply-in-production.md"), until="# shop/tests.py")
    tests = project.folder / "shop" / "tests.py"
    tests.write_text(tests.read_text() + "\n\nclass MoreBooksTest(BooksTest):\n    pass\n")
    project.run(f"python manage.py test --settings mysite.learning {options}")
    known = json.loads((project.folder / "learned.json").read_text())["call_sites"]
    assert [values["totals"]["evaluations"] for key, values in known.items() if key] == [4]
