"""The pages on testing, docs/how-to/test-with-autoprefetch.md and docs/reference/testing.md.

Their blocks are run in the order in which a reader would run them, and their tables hold.
"""

from __future__ import annotations

import argparse
import re
from pathlib import Path

import pytest

from autoprefetch import testing
from autoprefetch.testing import plugin
from tests.testing.projects import ROOT, Project

MANAGE = """
import os
import sys

from django.core.management import execute_from_command_line

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "mysite.settings")
execute_from_command_line(sys.argv)
"""


def blocks(page: str) -> list[tuple[str, str]]:
    text = (ROOT / "docs" / page).read_text()
    return re.findall(r"^```(\w+)\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)


@pytest.fixture
def project(tmp_path: Path) -> Project:
    made = Project.made_in(tmp_path)
    made.write("manage.py", MANAGE)
    made.run("git init -q")
    return made


def test_the_how_to_page(project: Project) -> None:
    """Files are written, commands are run, and print each line of the text that follows; they fail where it says so."""
    found = blocks("how-to/test-with-autoprefetch.md")
    commands = 0
    for number, (language, text) in enumerate(found):
        if language in ("python", "ini"):
            project.write(text.splitlines()[0].removeprefix("# "), text)
        elif language == "sh":
            commands += 1
            follows, expected = found[number + 1] if number + 1 < len(found) else ("", "")
            lines = expected.splitlines() if follows == "text" else []
            fails = any("lazily" in line or "FAILED" in line for line in lines)
            printed = project.run(text, code=1 if fails else 0)
            missing = [line for line in lines if line.removesuffix("...") not in printed]
            assert not missing, printed
        else:
            assert language == "text"
    assert commands == 7


def test_the_tests_of_the_reference_page_pass(project: Project) -> None:
    """As tests of the project of the how-to page, once its view joins."""
    for language, text in blocks("how-to/test-with-autoprefetch.md")[:7]:
        if language in ("python", "ini"):
            project.write(text.splitlines()[0].removeprefix("# "), text)
    found = [text for language, text in blocks("reference/testing.md") if language == "python"]
    assert len(found) == 2
    header = "import pytest\n\npytestmark = pytest.mark.django_db\n"
    for number, text in enumerate(found):
        project.write(f"shop/test_block_{number}.py", header + text)
    assert "2 passed" in project.run("pytest shop/test_block_0.py shop/test_block_1.py")


def cells(heading: str) -> list[list[str]]:
    """Return the rows of the table whose first heading is given."""
    text = (ROOT / "docs" / "reference" / "testing.md").read_text()
    rows = re.search(rf"^\| {re.escape(heading)} \|.*\n\| ---.*\n((?:\|.*\n?)+)", text, re.MULTILINE)[1]
    return [[cell.strip(" `") for cell in row.strip("| ").split(" | ")] for row in rows.splitlines()]


def test_the_tables_name_what_there_is() -> None:
    """The public names, the options and the modes, and none that does not exist."""
    assert {row[0].partition("(")[0] for row in cells("name")} == set(testing.__all__)
    group = pytest.Parser(_ispytest=True)
    plugin.pytest_addoption(group)
    parser = argparse.ArgumentParser()
    for option in group.getgroup("autoprefetch").options:
        parser.add_argument(*option.names(), **{k: v for k, v in option.attrs().items() if k in ("choices", "help")})
    options = {name: action for action in parser._actions for name in action.option_strings if name.startswith("--a")}
    assert {row[0] for row in cells("option")} == set(options)
    assert tuple(row[0] for row in cells("mode")) == options["--autoprefetch"].choices
    assert {row[0] for row in cells("fixture")} == {"assert_no_lazy_loads", "assert_scales"}
