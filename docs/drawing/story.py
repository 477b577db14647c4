"""The story as a picture: each query of the demo's dashboard is a square."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from docs.drawing.svg import Colours, picture, squares, text

SIDE, STEP = 8, 10
COLUMNS = 54
BESIDE = 590
TOP = 68


def story(figures: Mapping[str, Any], colours: Colours) -> str:
    """Draw what `python -m demo_site --format json` has found."""
    queries = {name: endpoint["queries"] for name, endpoint in figures["endpoints"].items()}
    plain, cold, warm = queries["plain"], queries["auto_cold"], queries["auto_warm"]
    title = f"One dashboard: {plain} queries as it was written, with auto() {cold} on the first request, then {warm}"
    parts = [
        *panel(0, TOP, f"{plain} queries", "one request, as it was written", plain, colours.plain, colours),
        *panel(BESIDE, TOP, f"{cold} queries", "auto(), the very first request", cold, colours.ours, colours),
        *panel(BESIDE, TOP + 116, f"{warm} queries", "auto(), every later request", warm, colours.ours, colours),
    ]
    height = TOP + -(-plain // COLUMNS) * STEP + 4
    return picture(820, height, title, parts)


def panel(x: float, y: float, number: str, what: str, queries: int, colour: str, colours: Colours) -> Iterator[str]:
    """Draw so many squares below their number."""
    yield text(x, y - 34, number, colour, size=26, bold=True)
    yield text(x, y - 14, what, colours.muted)
    yield squares([(x + query % COLUMNS * STEP, y + query // COLUMNS * STEP) for query in range(queries)], SIDE, colour)
