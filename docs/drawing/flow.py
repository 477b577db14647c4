"""How data flows, as a picture."""

from __future__ import annotations

from collections.abc import Iterator

from docs.drawing.svg import Colours, arrow, arrow_head, box, picture, text

WIDTH, HEIGHT = 790, 284
BOX_WIDTH, BOX_HEIGHT = 160, 62
LEFT, STEP = 5, 206
UPPER, LOWER = 44, 216

#: Each box: column, top, what it is, and what is said of it.
BOXES = {
    "queryset": (0, UPPER, "auto(queryset)", "the call site"),
    "plan": (1, UPPER, "plan", "join, prefetch, batch, lazy"),
    "query": (2, UPPER, "query", "with the plan put on it"),
    "rows": (3, UPPER, "rows", "each knows its peers"),
    "recording": (3, LOWER, "recording", "of one evaluation"),
    "profile": (2, LOWER, "profile", "all evaluations, in a store"),
    "suggestion": (1, LOWER, "suggestion", "log, report, code to paste"),
}


def flow(colours: Colours) -> str:
    """Draw the way from a queryset to its rows, and back from what is touched to the next plan."""
    title = "A queryset is evaluated with a plan; what its rows show makes the next plan and the suggestion"
    parts = [
        arrow_head(colours.line),
        text(LEFT, 22, "each evaluation", colours.muted, size=13),
        *arrows(colours),
        *(part for name in BOXES for part in labelled(name, colours)),
    ]
    return picture(WIDTH, HEIGHT, title, parts)


def corner(name: str) -> tuple[float, float]:
    """Return where a box begins."""
    column, top, *_ = BOXES[name]
    return LEFT + column * STEP, top


def labelled(name: str, colours: Colours) -> Iterator[str]:
    """Draw a box with its two lines."""
    (x, y), (*_, what, said) = corner(name), BOXES[name]
    line = colours.ours if name == "plan" else colours.line
    yield box(x, y, BOX_WIDTH, BOX_HEIGHT, colours.fill, line=line, radius=6)
    yield text(x + BOX_WIDTH / 2, y + 26, what, colours.text, bold=True, anchor="middle", code=name == "queryset")
    yield text(x + BOX_WIDTH / 2, y + 46, said, colours.muted, size=12, anchor="middle")


def arrows(colours: Colours) -> Iterator[str]:
    """Draw what leads to what, and say what goes there."""
    for first, second in (("queryset", "plan"), ("plan", "query"), ("query", "rows")):
        (x, y), (until, _) = corner(first), corner(second)
        yield arrow([(x + BOX_WIDTH, y + BOX_HEIGHT / 2), (until - 3, y + BOX_HEIGHT / 2)], colours.line)
    for first, second in (("recording", "profile"), ("profile", "suggestion")):
        (x, y), (until, _) = corner(first), corner(second)
        yield arrow([(x, y + BOX_HEIGHT / 2), (until + BOX_WIDTH + 3, y + BOX_HEIGHT / 2)], colours.line)
    (x, y), (_, below) = corner("rows"), corner("recording")
    down, y = x + BOX_WIDTH * 0.7, y + BOX_HEIGHT
    yield arrow([(down, y), (down, below - 3)], colours.line)
    for number, words in enumerate(("lazy load: answered", "for all peers;", "access; write")):
        yield text(down - 10, y + 38 + number * 18, words, colours.text, size=13, anchor="end")
    (x, y), (above, top) = corner("profile"), corner("plan")
    middle = (top + BOX_HEIGHT + y) / 2 - 22
    turn = x + BOX_WIDTH * 0.2
    yield arrow(
        [(turn, y), (turn, middle), (above + BOX_WIDTH / 2, middle), (above + BOX_WIDTH / 2, top + BOX_HEIGHT + 3)],
        colours.line,
    )
    yield text(above + BOX_WIDTH / 2 + 8, middle + 18, "for the next evaluation", colours.text, size=13)
