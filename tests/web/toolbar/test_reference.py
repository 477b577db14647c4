"""The reference of the panel: it describes what there is."""

from __future__ import annotations

import re
from pathlib import Path

from autoprefetch.observe import following
from autoprefetch.web import dashboard
from autoprefetch.web.dashboard import assets as dashboard_assets
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


def test_the_colours_are_those_of_the_dashboard():
    """In the light and in the dark, by the same names."""

    def colours(name: str) -> list[dict[str, str]]:
        blocks = re.findall(r"\{([^{}]*--faint:[^{}]*)\}", (dashboard_assets.FOLDER / name).read_text())
        return [dict(re.findall(r"(--[\w-]+): (#\w+);", block)) for block in blocks]

    whole, panel = colours("dashboard.css"), colours("toolbar.css")
    assert len(whole) == len(panel) == 2
    for all_of_it, some in zip(whole, panel, strict=True):
        assert len(some) > 10
        assert some.items() <= all_of_it.items()


def test_every_picture_is_there():
    """The browser's test takes it, see `docs/contributing.md`."""
    named = re.findall(r"\]\(\.\./images/([\w-]+\.png)\)", PAGE)
    assert named == ["toolbar.png"]
    assert all((ROOT / "docs" / "images" / name).is_file() for name in named)
