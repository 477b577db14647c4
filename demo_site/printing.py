"""Print what was measured: a table for people, JSON for programs."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from autoprefetch import suggestions

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from demo_site.measuring import Measurement

HEADINGS = ("endpoint", "queries", "time", "ratio")


def as_text(measurements: Mapping[str, Measurement], latency: float) -> str:
    """Show the measurements as one aligned table, and below it the suggestions."""
    plain = measurements["plain"].seconds
    rows = [row(name, measurement, plain) for name, measurement in measurements.items()]
    lines = [*table([HEADINGS, *rows]), "", f"ratio: the time in proportion to plain; {round_trips(latency)}.", ""]
    return "\n".join([*lines, *suggestion_texts()])


def row(name: str, measurement: Measurement, plain_seconds: float) -> Sequence[str]:
    """Write one measurement as the cells of a row."""
    return (
        name,
        f"{measurement.queries:,}",
        f"{measurement.seconds * 1000:,.1f} ms",
        f"{measurement.seconds / plain_seconds:.3f}",
    )


def table(rows: Sequence[Sequence[str]]) -> list[str]:
    """Align the first column to the left and all others to the right, with a rule below the headings."""
    widths = [max(len(cell) for cell in column) for column in zip(*rows, strict=True)]
    first, *others = widths
    lines = [
        "  ".join([cells[0].ljust(first), *(cell.rjust(width) for cell, width in zip(cells[1:], others, strict=True))])
        for cells in rows
    ]
    return [lines[0], "  ".join("-" * width for width in widths), *lines[1:]]


def round_trips(latency: float) -> str:
    """Say what was simulated."""
    return f"each query takes a simulated round trip of {latency * 1000:g} ms" if latency else "no simulated round trip"


def suggestion_texts() -> Iterable[str]:
    """Show each suggestion as autoprefetch words it, or say that there is none."""
    texts = [suggestion.as_text() for suggestion in suggestions()]
    return texts or ["autoprefetch has nothing to suggest."]


def as_json(measurements: Mapping[str, Measurement], equal: bool) -> str:
    """Show the measurements and suggestions as one JSON document; times are in seconds."""
    document: dict[str, Any] = {
        "endpoints": {
            name: {"queries": measurement.queries, "seconds": round(measurement.seconds, 6)}
            for name, measurement in measurements.items()
        },
        "equal": equal,
        "suggestions": [
            {"call_site": str(suggestion.call_site), "code": suggestion.code} for suggestion in suggestions()
        ],
    }
    return json.dumps(document, indent=2)
