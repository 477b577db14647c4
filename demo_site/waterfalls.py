"""Waterfalls: the queries of all forms of a page as columns of bars, in which time runs down to one scale.

Nothing here knows of Django. Heights are in pixels and widths in percent, so that a picture fits any screen, and two
equal times are equally high in all of its columns.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from demo_site.measuring import Measurement
    from demo_site.sent_queries import SentQuery

TITLES = {"plain": "Plain", "auto_cold": "Cold", "auto_warm": "Warm", "hand_written": "By hand"}

HEADER = 64
"""Pixels above the beginning of time, for the headings."""

LEAST, MOST, PER_QUERY = 300, 1100, 1.5
"""Pixels of the longest column: so many for each query, within limits."""

GUTTER, GAP = 9.0, 3.0
"""Percent for the labels of the time, and between two columns."""

MOST_TICKS = 6

COLOURS = 8
"""As many as the stylesheet has; where there are more lanes, their places tell them apart."""


@dataclass(frozen=True, slots=True)
class Bar:
    """One query: where it stands, its colour, and what it is."""

    x: float
    y: float
    width: float
    height: float
    colour: int
    label: str


@dataclass(frozen=True, slots=True)
class Column:
    """One form: its headings, how high its whole time is, and a bar for each query."""

    title: str
    queries: str
    time: str
    x: float
    width: float
    height: float
    bars: tuple[Bar, ...]


@dataclass(frozen=True, slots=True)
class Tick:
    """A line across the picture at a round time."""

    y: float
    label: str


@dataclass(frozen=True, slots=True)
class Waterfalls:
    """The picture.

    Args:
        header: Pixels from its top to the beginning of time.
        height: Pixels of all of it.
        ticks: Lines at round times.
        columns: One for each form.
        tables: What the lanes of each column are, from left to right.
        summary: The picture in words.
    """

    header: int
    height: float
    ticks: tuple[Tick, ...]
    columns: tuple[Column, ...]
    tables: tuple[str, ...]
    summary: str


def waterfalls(measurements: Mapping[str, Measurement]) -> Waterfalls:
    """Draw the queries of each form at their start and as long as they took."""
    longest = max(measurement.seconds for measurement in measurements.values())
    most_queries = max(measurement.queries for measurement in measurements.values())
    pixels = min(MOST, max(LEAST, PER_QUERY * most_queries))
    tables = tables_of(measurements.values())
    share = (100 - GUTTER) / len(measurements)
    columns = tuple(
        column(TITLES[form], measurement, GUTTER + position * share, share - GAP, pixels / longest, tables)
        for position, (form, measurement) in enumerate(measurements.items())
    )
    return Waterfalls(
        HEADER,
        HEADER + pixels + 12,
        tuple(ticks(longest, pixels / longest)),
        columns,
        tables,
        " ".join(f"{one.title}: {one.queries} in {one.time}." for one in columns),
    )


def tables_of(measurements: Iterable[Measurement]) -> tuple[str, ...]:
    """Name the tables that the queries are about, as they come."""
    return tuple(dict.fromkeys(query.table() for measurement in measurements for query in measurement.sent))


def column(
    title: str, measurement: Measurement, x: float, width: float, scale: float, tables: tuple[str, ...]
) -> Column:
    """Draw one form; the scale is in pixels a second."""
    lane_width = width / max(1, len(tables))
    bars = (
        bar(query, number, x, lane_width, scale, tables.index(query.table()))
        for number, query in enumerate(measurement.sent, 1)
    )
    return Column(
        title,
        plural(measurement.queries),
        milliseconds(measurement.seconds),
        x,
        width,
        measurement.seconds * scale,
        tuple(bars),
    )


def bar(query: SentQuery, number: int, x: float, lane_width: float, scale: float, lane: int) -> Bar:
    """Draw one query in the lane of its table."""
    return Bar(
        x=round(x + lane * lane_width, 4),
        y=round(HEADER + query.started * scale, 4),
        width=round(lane_width * 0.85, 4),
        height=round(query.seconds * scale, 4),
        colour=lane % COLOURS,
        label=f"{number}. {query.table()}: {milliseconds(query.seconds)}, at {milliseconds(query.started)}",
    )


def ticks(longest: float, scale: float) -> Iterable[Tick]:
    """Put lines at round times: as many as there is room for."""
    step = round_step(longest / MOST_TICKS)
    for number in range(int(longest / step) + 1):
        yield Tick(round(HEADER + number * step * scale, 4), f"{number * step * 1000:,.6g}")


def round_step(least: float) -> float:
    """Return the smallest of 1, 2 and 5 times a power of ten that is not below the given one."""
    power = 1e-6
    while True:
        for factor in (1, 2, 5):
            if factor * power >= least:
                return factor * power
        power *= 10


def plural(queries: int) -> str:
    """Say how many queries."""
    return f"{queries:,} quer{'y' if queries == 1 else 'ies'}"


def milliseconds(seconds: float) -> str:
    """Say how long, with a decimal where there is little."""
    return f"{seconds * 1000:,.{1 if seconds < 0.1 else 0}f} ms"
