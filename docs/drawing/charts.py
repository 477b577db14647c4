"""The charts of the benchmarks, from the JSON that `python -m tests.benchmarks --json FILE` writes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from docs.drawing.svg import Colours, box, picture, text

Table = Mapping[str, Any]

WIDTH, LABELS, BARS, FIGURES = 760, 220, 380, 616
ROW, BAR, HEAD = 28, 16, 58


@dataclass(frozen=True, slots=True)
class Bar:
    """One bar.

    Attributes:
        label: what it is.
        value: how long it is.
        figure: what stands behind it.
        is_ours: whether it is autoprefetch's.
    """

    label: str
    value: float
    figure: str
    is_ours: bool


def chart(title: str, subtitle: str, bars: Sequence[Bar], colours: Colours, *, mark: float = 0) -> str:
    """Draw horizontal bars from zero, all to one scale; `mark` is a value to draw a line at."""
    longest = max(bar.value for bar in bars)
    parts = [text(0, 18, title, colours.text, size=16, bold=True), text(0, 40, subtitle, colours.muted, size=13)]
    for number, bar in enumerate(bars):
        parts += drawn(bar, HEAD + number * ROW, bar.value / longest * BARS, colours)
    if mark:
        x = LABELS + mark / longest * BARS
        parts.append(box(x - 0.75, HEAD - 4, 1.5, len(bars) * ROW, colours.text, radius=0))
    return picture(WIDTH, HEAD + len(bars) * ROW + 4, f"{title}. {subtitle}", parts)


def drawn(bar: Bar, y: float, length: float, colours: Colours) -> Iterator[str]:
    """Draw one bar with its label before it, and its figure in a column of its own, where nothing crosses it."""
    yield text(LABELS - 10, y + 13, bar.label, colours.text, size=13, anchor="end")
    yield box(LABELS, y, max(length, 1), BAR, colours.ours if bar.is_ours else colours.other)
    yield text(FIGURES, y + 13, bar.figure, colours.text, size=13)


DASHBOARD = {
    "plain@0ms": "plain Django",
    "fetch_peers@0ms": "Django 6.1, FETCH_PEERS",
    "auto_prefetch@0ms": "django-auto-prefetch",
    "cold@0ms": "autoprefetch, first request",
    "warm@0ms": "autoprefetch, later requests",
    "hand_written@0ms": "the usual fix by hand",
    "best_hand_written@0ms": "the best one by hand",
}
GROWN = {
    "hand_written@5,000 each": "the usual fix by hand (window)",
    "best_hand_written@5,000 each": "the best one by hand",
    "cold@5,000 each": "autoprefetch, first request",
    "warm@5,000 each": "autoprefetch, later requests",
}
RATIOS = {
    ("W", "warm / hand_written"): "many rows of few wide ones (W)",
    ("S", "warm / (hand_written + building)"): "the dashboard (S)",
    ("C", "warm / (hand_written + building_and_compiling)@count"): "count() per parent (C)",
    ("N", "warm / plain"): "1,000 rows, nothing lazy (N)",
    ("X", "hand_written / warm@8 threads"): "8 threads (X)",
    ("J", "warm / hand_written"): "1,000 rows, 3 distinct joins (J)",
}


def times(table: Table, row: str, variants: Mapping[str, str]) -> list[Bar]:
    """Return the medians of variants as bars."""
    found = [(label, table[row]["variants"][name]) for name, label in variants.items()]
    return [
        Bar(label, figure["median_s"], f"{figure['median_s'] * 1000:,.0f} ms, {figure['queries']:,g} queries",
            label.startswith("autoprefetch"))
        for label, figure in found
    ]  # fmt: skip


def ratios(table: Table) -> list[Bar]:
    """Return what autoprefetch takes in proportion to the code beside it, the smallest first."""
    found = []
    for (row, name), label in RATIOS.items():
        value = table[row]["ratios"][name]
        found.append((1 / value if name.startswith("hand_written / ") else value, label))
    return [Bar(label, value, f"{value:.2f}", True) for value, label in sorted(found)]


def dashboard(table: Table, colours: Colours) -> str:
    """Draw the story's dashboard, by each who answers it."""
    subtitle = "61 accounts with 50 transactions each; SQLite, no round trip; one request"
    return chart("The dashboard", subtitle, times(table, "S", DASHBOARD), colours)


def grown(table: Table, colours: Colours) -> str:
    """Draw the same dashboard over a table that has grown."""
    subtitle = "61 accounts with 5,000 transactions each; SQLite, 1.2 ms a round trip; one request"
    return chart("The dashboard, when its table has grown", subtitle, times(table, "S", GROWN), colours)


def cost(table: Table, colours: Colours) -> str:
    """Draw warm call sites in proportion to the hand-written code."""
    subtitle = "time of a warm call site in proportion to the code without autoprefetch; SQLite; the line is 1"
    return chart("What it costs beside good code", subtitle, ratios(table), colours, mark=1)
