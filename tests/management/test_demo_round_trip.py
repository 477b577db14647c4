"""The demo site, learned by one process and applied by another, through each kind of store and the command between."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests import databases

ROOT = Path(__file__).parents[2]
FILE, CACHE, DATABASE = (
    "autoprefetch.learn.stores.file.FileStore",
    "autoprefetch.learn.stores.cache.CacheStore",
    "autoprefetch.database.store.DatabaseStore",
)
WARM = 2
"""Queries of a warm dashboard."""

AUTHOR = ("-c", "user.name=demo", "-c", "user.email=demo@example.com")

VISIT = """
import json, sys
import django
django.setup()
from django.test import Client
answers = [Client().get(sys.argv[2]) for _ in range(int(sys.argv[1]))]
assert {answer.status_code for answer in answers} == {200}
print(json.dumps([[int(answer["X-Queries"]) for answer in answers], answers[-1].content.decode()]))
"""


class Site:
    """The demo site with a database of its own.

    Args:
        folder: what it keeps is there.
        root: the folder that its source is in.
    """

    def __init__(self, folder: Path, root: Path = ROOT) -> None:
        self.root = root
        self.file = folder / "autoprefetch.json"
        self.env = {**os.environ, "DJANGO_SETTINGS_MODULE": "tests.fleet.settings", "FLEET_STORE": "{}"}
        self.env |= {
            "DATABASE_URL": f"sqlite:///{folder / 'bank.sqlite3'}",
            "FLEET_REDIS": json.dumps(databases.REDIS_CACHE),
        }

    def python(self, *arguments: str, mode: str = "auto", store: str = FILE, **options: str) -> str:
        env = {**self.env, "FLEET_MODE": mode, "FLEET_STORE": json.dumps({"BACKEND": store, "OPTIONS": options})}
        run = subprocess.run(
            [sys.executable, "-W", "error", *arguments],
            env=env,
            cwd=self.root,
            capture_output=True,
            text=True,
            check=False,
        )
        assert run.returncode == 0, run.stderr
        return run.stdout

    def visit(self, times: int, path: str = "/auto/", **options: str) -> tuple[list[int], Any]:
        counts, body = json.loads(self.python("-c", VISIT, str(times), path, **options))
        return counts, json.loads(body)


@pytest.fixture
def site(tmp_path: Path) -> Site:
    made = Site(tmp_path)
    made.python("-m", "tests.fleet.prepare", PATH=str(made.file))
    return made


ON_REDIS = pytest.param(CACHE, marks=pytest.mark.needs("redis"))


@pytest.fixture(params=[FILE, ON_REDIS, DATABASE], ids=["file", "cache", "database"])
def learning(request: pytest.FixtureRequest, site: Site) -> Iterator[dict[str, str]]:
    """The options of a store to learn into."""
    if request.param == FILE:
        yield {"store": FILE, "PATH": str(site.file.with_name("learned.json"))}
        return
    options = {"store": request.param}
    command = ("-m", "django", "autoprefetch", "clear", "--no-input")
    site.python(*command, **options)
    yield options
    site.python(*command, **options)


def test_the_first_request_of_a_new_process_is_warm(site: Site, learning: dict[str, str]) -> None:
    """What was learned into any store goes by a file to where nothing is learned; the file stays byte by byte."""
    [cold, *warm], expected = site.visit(3, **learning)
    assert cold > WARM
    assert warm == [WARM, WARM]
    command = ("-m", "django", "autoprefetch")
    assert "call sites written to" in site.python(*command, "export", str(site.file), **learning)
    assert "agrees with what was learned" in site.python(*command, "check", str(site.file), **learning)
    before = site.file.read_bytes(), sorted(site.file.parent.iterdir())
    applied = {"mode": "apply", "store": FILE, "PATH": str(site.file)}
    assert site.visit(2, **applied) == ([WARM, WARM], expected)
    assert (site.file.read_bytes(), sorted(site.file.parent.iterdir())) == before


def test_a_new_store_knows_what_was_imported(site: Site, learning: dict[str, str]) -> None:
    """A deploy to a new server begins with what the old one knew, and goes on to learn."""
    learned = {"store": FILE, "PATH": str(site.file)}
    site.visit(3, **learned)
    if learning["store"] == FILE:
        learning["PATH"] += ".new"
    assert "added to the store" in site.python("-m", "django", "autoprefetch", "import", str(site.file), **learning)
    assert site.visit(1, **learning)[0] == [WARM]
    report = json.loads(site.python("-m", "django", "autoprefetch", "report", "--format", "json", **learning))
    [dashboard] = [found for found in report["call_sites"] if found["model"] == "bank.Account"]
    assert dashboard["evaluations"] == 4


def test_the_fix_of_the_demo_is_applied_by_git_and_needs_no_autoprefetch(tmp_path: Path) -> None:
    """The fixed view runs the queries of the plan with `MODE` "off"; the plain one, which shares code, works."""
    source = tmp_path / "source"
    shutil.copytree(ROOT / "demo_site", source / "demo_site", ignore=shutil.ignore_patterns("__pycache__"))
    site = Site(tmp_path, source)
    site.env["PYTHONPATH"] = os.pathsep.join([str(source), str(ROOT)])
    site.python("-m", "tests.fleet.prepare", PATH=str(site.file))
    learned = {"store": FILE, "PATH": str(site.file)}
    [_, *warm], expected = site.visit(4, **learned)
    for arguments in (("init", "--quiet"), ("add", "."), (*AUTHOR, "commit", "--quiet", "--message", "before")):
        subprocess.run(["git", *arguments], cwd=source, check=True)
    patch = tmp_path / "fix.patch"
    patch.write_text(site.python("-m", "django", "autoprefetch", "fix", **learned))
    subprocess.run(["git", "apply", str(patch)], cwd=source, check=True)
    assert (
        "auto(" not in (source / "demo_site" / "bank" / "views.py").read_text().partition("class AutoDashboardView")[2]
    )
    assert site.visit(2, mode="off") == (warm[-2:], expected)
