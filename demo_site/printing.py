"""Print what was measured: a table for people, JSON for programs."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from autoprefetch import suggestions

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from autoprefetch.advise.suggestions import Suggestion
    from demo_site.measuring import Measurement
    from demo_site.trials import Trial

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
    return json.dumps(document(measurements, equal, suggestions()), indent=2)


def document(measurements: Mapping[str, Measurement], equal: bool, suggested: Iterable[Suggestion]) -> dict[str, Any]:
    """Show the forms of a page as values for JSON."""
    return {
        "endpoints": {
            name: {"queries": measurement.queries, "seconds": round(measurement.seconds, 6)}
            for name, measurement in measurements.items()
        },
        "equal": equal,
        "suggestions": [{"call_site": str(suggestion.call_site), "code": suggestion.code} for suggestion in suggested],
    }


def shop_as_text(trials: Sequence[Trial], latency: float) -> str:
    """Show the pages of the shop as one table, the queries and the time of each form, and below it the suggestions."""
    headings = ["page", *(cell for form in trials[0].measurements for cell in (form, "time"))]
    rows = [
        [trial.page.name, *(cell for one in trial.measurements.values() for cell in row("", one, 1.0)[1:3])]
        for trial in trials
    ]
    texts = [suggestion.as_text() for trial in trials for suggestion in trial.suggestions]
    return "\n".join(
        [*table([headings, *rows]), "", f"queries and time of each form; {round_trips(latency)}.", "", *texts]
    )


def shop_as_json(trials: Sequence[Trial]) -> str:
    """Show the pages of the shop as one JSON document; times are in seconds."""
    pages = {
        trial.page.name: document(trial.measurements, trial.difference is None, trial.suggestions) for trial in trials
    }
    return json.dumps({"pages": pages}, indent=2)
