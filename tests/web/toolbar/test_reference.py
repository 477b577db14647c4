"""The reference of the panel: it describes what there is."""

from __future__ import annotations

import re
from pathlib import Path

from autoprefetch.observe import following
from autoprefetch.web import dashboard
from tests.web.toolbar.panels import PANEL, SETTINGS

ROOT = Path(__file__).parents[3]
PAGE = (ROOT / "docs" / "reference" / "toolbar.md").read_text()


def test_every_state_is_described():
    """In the order of the panel."""
    table = PAGE.partition("| state | ")[2].partition("\n\n")[0]
    described = [line.strip("| ").split(" | ")[0] for line in table.splitlines()[2:]]
    written = re.findall(
        r'yield "[\w-]+", "([\w ]+)"', (Path(dashboard.__file__).parents[1] / "toolbar" / "evaluations.py").read_text()
    )
    assert described == written == ["cold", "warm", "rolled back", "unused eager loads"]


def test_the_settings_are_those_of_the_tests():
    """And the name of the panel, and how much it follows."""
    assert [f'    "{name}",' for name in SETTINGS["DEBUG_TOOLBAR_PANELS"]] == re.findall(
        r'^    ".*Panel",', PAGE, re.MULTILINE
    )
    assert f'"{PANEL}"' in PAGE
    assert following._MOST == 1_000


def test_every_picture_is_there():
    """The browser's test takes it, see `docs/contributing.md`."""
    named = re.findall(r"\]\(\.\./images/([\w-]+\.png)\)", PAGE)
    assert named == ["toolbar.png"]
    assert all((ROOT / "docs" / "images" / name).is_file() for name in named)
