"""All pictures, and the files that they are drawn into."""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

from docs.drawing import charts
from docs.drawing.flow import flow
from docs.drawing.story import story
from docs.drawing.svg import THEMES

DOCS = Path(__file__).parents[1]
IMAGES = DOCS / "images"
DEMO, BENCHMARKS = DOCS / "drawing" / "demo.json", DOCS / "benchmarks.json"


def drawn() -> Iterator[tuple[Path, str]]:
    """Draw each picture in each theme, and yield where it belongs."""
    table = figures(BENCHMARKS)
    pictures = {
        "story": partial(story, figures(DEMO)),
        "flow": flow,
        "dashboard": partial(charts.dashboard, table),
        "grown": partial(charts.grown, table),
        "cost": partial(charts.cost, table),
    }
    for name, draw in pictures.items():
        for colours in THEMES:
            yield IMAGES / f"{name}-{colours.name}.svg", draw(colours)


def figures(path: Path) -> Any:
    """Read the figures that a picture is drawn from."""
    return json.loads(path.read_text())


def draw_all() -> None:
    """Write each picture into its file."""
    IMAGES.mkdir(exist_ok=True)
    for path, content in drawn():
        path.write_text(content)
