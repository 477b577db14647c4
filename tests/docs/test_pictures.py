"""The pictures and figures of the pages are those that are committed beside them, and those are true."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from docs.drawing import pictures
from docs.drawing.svg import THEMES, Colours
from tests.benchmarks.command_line import parsed
from tests.benchmarks.printing import duration
from tests.docs.blocks import ROOT

DRAWN = dict(pictures.drawn())
TABLE: Any = pictures.figures(pictures.BENCHMARKS)
PAGE = (ROOT / "docs" / "benchmarks.md").read_text()
README = (ROOT / "README.md").read_text()
#: What is behind the text: a page of GitHub, and of furo.
PAGES = {"light": ("#ffffff", "#f8f9fb"), "dark": ("#0d1117", "#131416")}


def rows(text: str) -> list[list[str]]:
    """Return the cells of the tables of a page."""
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines() if line[:1] == "|"]


@pytest.mark.parametrize("path", list(DRAWN), ids=lambda path: path.name)
def test_each_picture_is_what_its_program_draws(path: Path) -> None:
    """`python -m docs.drawing` draws them anew."""
    assert path.read_text() == DRAWN[path]


@pytest.mark.parametrize("path", list(DRAWN), ids=lambda path: path.name)
def test_text_stays_inside_of_its_picture(path: Path) -> None:
    """As far as can be told from the number of letters."""
    root = ElementTree.fromstring(DRAWN[path])
    width = float(root.attrib["width"])
    for element in root.iter("{http://www.w3.org/2000/svg}text"):
        length = len(element.text or "") * float(element.attrib["font-size"]) * 0.5
        x = float(element.attrib["x"])
        left = {"end": x - length, "middle": x - length / 2}.get(element.attrib.get("text-anchor", ""), x)
        assert left >= 0, element.text
        assert left + length <= width, element.text


def luminance(colour: str) -> float:
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


@pytest.mark.parametrize("colours", THEMES, ids=lambda colours: colours.name)
def test_what_is_read_can_be_read(colours: Colours) -> None:
    """With the contrast that WCAG asks of text (AA, 4.5 to 1), on GitHub and here."""
    for page in PAGES[colours.name]:
        for colour in (colours.text, colours.muted, colours.plain, colours.ours):
            light, dark = sorted((luminance(colour), luminance(page)), reverse=True)
            assert (light + 0.05) / (dark + 0.05) >= 4.5, (colour, page)


def test_the_json_holds_the_figures_of_the_tables() -> None:
    """Each of the one and each of the other."""
    shown = {(row[0], row[1]): row[2:4] for row in rows(PAGE.partition("## Every variant")[2]) if row[0] in TABLE}
    held = {
        (row, name): [duration(figure["median_s"]), f"{figure['queries']:,g}"]
        for row, found in TABLE.items()
        for name, figure in found["variants"].items()
    }
    assert held == shown
    names = {row[2] for row in rows(PAGE.partition("## Every variant")[0]) if len(row) == 6}
    ratios = {name for found in TABLE.values() for name in found["ratios"]}
    assert ratios == {name for name in names if not name.startswith("queries of ")} - {"what is compared", "---"}


def test_the_numbers_of_the_readme_are_those_of_the_benchmarks() -> None:
    """Of row S, in milliseconds."""
    times = {name: f"{figure['median_s'] * 1000:.0f} ms" for name, figure in TABLE["S"]["variants"].items()}
    variants = ("plain", "hand_written", "cold", "warm")
    expected = [[times.get(f"{name}@{at}", "") for name in variants] for at in ("0ms", "5,000 each")]
    assert [row[1:] for row in rows(README) if "transactions each" in row[0]] == expected
    ratios = {name: f"{TABLE[name]['ratios'][found]:.2f}" for name, found in
              (("J", "warm / hand_written"), ("N", "warm / plain"))}  # fmt: skip
    assert re.findall(r"(1\.\d\d) times", README) == [ratios["J"], ratios["N"]]


def test_the_benchmarks_write_the_json_that_the_charts_need() -> None:
    """Into the file that the option names."""
    assert parsed(["S", "--json", "figures.json"]).json == Path("figures.json")


def test_the_demo_runs_as_many_queries_as_the_picture_shows() -> None:
    """And suggests what the README quotes; lines may have moved."""
    command = [sys.executable, "-m", "demo_site", "--latency", "0"]
    printed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    found = {name: int(queries) for name, queries in re.findall(r"^(\w+) +(\d+) ", printed, re.MULTILINE)}
    drawn = pictures.figures(pictures.DEMO)["endpoints"]
    assert found == {name: endpoint["queries"] for name, endpoint in drawn.items()}
    quoted = next(block for block in re.findall(r"```text\n(.*?)```", README, re.DOTALL))
    quoted = quoted.replace("and with this change 2", "now 2")  # it is logged before that could be measured
    assert re.sub(r":\d+", "", quoted) in re.sub(r":\d+", "", printed)
