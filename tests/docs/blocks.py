"""The fenced blocks of the README and of the documentation, with what the comments in front of them say.

A block of Python is a file of the project when its first line names one (`# shop/views.py`), and is run where it stands
when not. A block of shell commands is run. A comment may stand in front of a block, which readers do not see:

    <!-- continues -->              run together with the Python in front of it, whose names it uses
    <!-- output -->                 what the block before it has printed; `...` stands for anything
    <!-- exit: 1 -->                the commands end with this status
    <!-- not run: why -->           only for commands that need the network, and the like

Between the blocks a comment may count what the page speaks of:

    <!-- queries: /books/ 4, 2 -->   requests in one process, one after the other, run so many queries

And at the head of a page:

    <!-- begins in an empty folder -->   not in the project of the tutorial
    <!-- needs: celery -->               packages, by the names that are imported
    <!-- tested in: tests/... -->        a test of that file follows the page
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from textwrap import dedent

ROOT = Path(__file__).parents[2]
PAGES = (ROOT / "README.md", *sorted(path for path in (ROOT / "docs").rglob("*.md") if "_build" not in path.parts))

_BLOCK = re.compile(
    r"^(?:[ ]*<!-- (?P<comment>[^\n]*) -->\n)?(?P<indent>[ ]*)```(?P<language>\w+)\n(?P<text>.*?)^(?P=indent)```$",
    re.MULTILINE | re.DOTALL,
)
_QUERIES = re.compile(r"^ *<!-- queries: (?P<text>[^\n]*) -->$", re.MULTILINE)
_FILE = re.compile(r"# ([\w/.-]+\.\w+|\.\w+)")


@dataclass(frozen=True)
class Block:
    """A fenced block.

    Attributes:
        language: what it is in, as it says.
        text: what stands in it.
        comment: what the comment in front of it says; "" where there is none.
        line: where it stands in its page.
    """

    language: str
    text: str
    comment: str
    line: int

    @property
    def file(self) -> str:
        """The file that its first line names; "" where it names none."""
        named = _FILE.fullmatch(self.text.partition("\n")[0])
        return named[1] if named else ""

    def said(self, what: str) -> str:
        """Return what its comment says of something; "" where it says nothing."""
        name, _, value = self.comment.partition(": ")
        return value if name == what else ""


@dataclass(frozen=True)
class Page:
    """A page of Markdown."""

    path: Path

    @property
    def name(self) -> str:
        return str(self.path.relative_to(ROOT))

    @property
    def text(self) -> str:
        return self.path.read_text()

    @property
    def blocks(self) -> list[Block]:
        text = self.text
        found = {
            match.start(): (match["language"], dedent(match["text"]), match["comment"] or "")
            for match in _BLOCK.finditer(text)
        }
        found |= {match.start(): ("queries", match["text"], "") for match in _QUERIES.finditer(text)}
        return [Block(*values, text[:start].count("\n") + 1) for start, values in sorted(found.items())]

    @property
    def begins_empty(self) -> bool:
        return "<!-- begins in an empty folder -->" in self.text

    @property
    def needs(self) -> list[str]:
        """The packages that its blocks import."""
        return [name for name in self._said("needs").split(", ") if name]

    @property
    def tested_in(self) -> str:
        """The test that follows it; "" where it is followed like all others."""
        return self._said("tested in")

    def _said(self, what: str) -> str:
        found = re.search(rf"^<!-- {what}: (.*) -->$", self.text, re.MULTILINE)
        return found[1] if found else ""


def page(name: str) -> Page:
    """Return a page by its path from the root of the repository."""
    return Page(ROOT / name)
