"""Every block of Python and every command on every page is run, in the order in which a reader would run them."""

from __future__ import annotations

import os
import re
from importlib.util import find_spec
from pathlib import Path

import pytest

from tests.docs.blocks import PAGES, ROOT, Page, page
from tests.docs.projects import Project, matches

#: Languages whose blocks are run or written, and those that are only read.
KNOWN = {"python", "sh", "text", "html", "css", "diff", "ini", "json", "toml", "yaml"}
COMMENTS = re.compile(r"continues|output|(exit|needs|tested in|not run|command): .+")
RUN = [p for p in map(Page, PAGES) if p.blocks and not p.tested_in]
REQUIRED = os.environ.get("AUTOPREFETCH_REQUIRE_PACKAGES") == "1"


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """The project that most pages begin with; nobody changes it."""
    made = Project(tmp_path_factory.mktemp("shop"))
    made.begin()
    return made


@pytest.mark.parametrize("name", [p.name for p in RUN])
def test_a_page_does_what_it_says(name: str, shop: Project, tmp_path: Path) -> None:
    """Its blocks run, print what it shows, and send as many queries as it says."""
    found = page(name)
    for package in found.needs:
        if not REQUIRED and find_spec(package) is None:
            pytest.skip(f"{package} is not installed; pip install '.[docs]' brings it")
    project = Project(tmp_path) if found.begins_empty else shop.copied_to(tmp_path)
    project.follow(found.blocks)


def test_every_block_is_understood() -> None:
    """Its language, and what the comment in front of it says; no fence is missed for its form."""
    for found in map(Page, PAGES):
        blocks = [block for block in found.blocks if block.language != "queries"]
        fences = re.findall(r"^ *```\w", found.text, re.MULTILINE)
        assert len(fences) == len(blocks), found.name
        for block in blocks:
            assert block.language in KNOWN, (found.name, block.line, block.language)
            assert not block.comment or COMMENTS.fullmatch(block.comment), (found.name, block.line, block.comment)


def test_python_is_never_left_out() -> None:
    """Only commands are, and a page that another test follows is named there."""
    for found in map(Page, PAGES):
        assert not [b.line for b in found.blocks if b.language == "python" and b.said("not run")], found.name
        assert not found.tested_in or found.name in (ROOT / found.tested_in).read_text(), found.name


def test_output_may_leave_out_what_differs() -> None:
    """And nothing else."""
    assert matches("4 queries, ... ms\n", "4 queries, 0.1 ms")
    assert not matches("4 queries", "4 queries, 0.1 ms")
    assert not matches("4 queries ...", "5 queries in all")


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("```python\nassert 1 == 2\n```\n", "AssertionError"),
        ("```python\nprint(1)\n```\n\n<!-- output -->\n```text\n2\n```\n", "line 5 shows"),
        ("<!-- queries: /books/ 2, 2 -->\n", "/books/ 2, 2, and it is 2 1"),
        ("```sh\nfalse\n```\n", "false"),
        ("```python\n# mysite/settings.py\nAUTOPREFETCH = {'MODE': 'fast'}\n```\n", "autoprefetch.E001"),
    ],
)
def test_a_page_that_is_wrong_is_found(text: str, complaint: str, shop: Project, tmp_path: Path) -> None:
    """Whatever of it is."""
    path = tmp_path / "page.md"
    path.write_text(text)
    project = shop.copied_to(tmp_path / "project")
    with pytest.raises(AssertionError, match=re.escape(complaint)):
        project.follow(Page(path).blocks)
