"""Print the table: as text, as JSON, and as the Markdown that `docs/benchmarks.md` holds."""

from __future__ import annotations

import json
import os
import platform
import sqlite3
import sys
from collections.abc import Iterable, Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from demo_site.printing import table as aligned
from tests.benchmarks.outcomes import Figure, Outcome, QueryBar, Ratio
from tests.benchmarks.titles import TITLES

PACKAGES = ("autoprefetch", "Django", "djangorestframework", "psycopg", "django-auto-prefetch", "django-zeal", "wrapt")
REACHED = {True: "reached", False: "NOT REACHED", None: ""}


def as_json(table: Mapping[str, Outcome]) -> str:
    """Show the table as one JSON document; times are in seconds.

    `reached` is null where no bar of the row could be measured here.
    """
    return json.dumps({row: row_as_dict(outcome) for row, outcome in table.items()}, indent=2)


def row_as_dict(outcome: Outcome) -> dict[str, Any]:
    found: dict[str, Any] = {
        "variants": {
            name: {"median_s": figure.median_s, "queries": figure.queries} for name, figure in outcome.variants.items()
        },
        "ratios": {ratio.name: ratio.value for ratio in outcome.ratios},
        "reached": outcome.is_reached,
    }
    if outcome.skipped:
        found["skipped"] = outcome.skipped
    return found


def as_text(table: Mapping[str, Outcome]) -> str:
    """Show the table with aligned columns, a block for each row."""
    lines: list[str] = []
    for row, outcome in table.items():
        lines += [f"{row}  {TITLES[row]}", ""]
        if outcome.variants:
            cells = [("  variant", "time", "queries", "rounds"), *figures(outcome.variants)]
            lines += [*aligned([(f"  {name}" if at else name, *rest) for at, (name, *rest) in enumerate(cells)]), ""]
        if outcome.ratios or outcome.query_bars:
            lines += [*aligned([("  bar", "found", "wanted", ""), *(indented(bars(outcome)))]), ""]
        lines += [f"  skipped: {name}: {reason}" for name, reason in outcome.skipped.items()]
        lines += [""] * bool(outcome.skipped)
    return "\n".join([*lines, *machine()])


def indented(rows: Iterable[tuple[str, ...]]) -> Iterable[tuple[str, ...]]:
    return ((f"  {name}", *rest) for name, *rest in rows)


def figures(variants: Mapping[str, Figure]) -> list[tuple[str, str, str, str]]:
    """Write the figures as the cells of rows, those of the usual setting first."""
    ordered = sorted(variants.items(), key=lambda item: item[0].partition("@")[2])
    return [(name, duration(f.median_s), f"{f.queries:,g}", str(f.rounds)) for name, f in ordered]


def bars(outcome: Outcome) -> list[tuple[str, str, str, str]]:
    """Write ratios and query counts as the cells of rows."""
    ratios = [(r.name, number(r.value, r.unit), wanted(r), REACHED[r.is_reached]) for r in outcome.ratios]
    return ratios + [query_cells(bar) for bar in outcome.query_bars]


def query_cells(bar: QueryBar) -> tuple[str, str, str, str]:
    return f"queries of {bar.variant}", f"{bar.queries:,g}", f"at most {bar.at_most:,g}", REACHED[bar.is_reached]


def wanted(ratio: Ratio) -> str:
    most = f"at most {number(ratio.at_most, ratio.unit)}" if ratio.at_most is not None else ""
    least = f"at least {number(ratio.at_least, ratio.unit)}" if ratio.at_least is not None else ""
    return " and ".join(filter(None, (most, least)))


def number(value: float, unit: str) -> str:
    if unit == "x":
        return f"{value:,.3f}" if value < 10 else f"{value:,.0f}"
    return f"{value:,.1f} {unit}".rstrip() if unit else f"{value:,g}"


def duration(seconds: float) -> str:
    if seconds < 0.000_01:
        return f"{seconds * 1e9:,.0f} ns"
    if seconds < 0.001:
        return f"{seconds * 1e6:,.1f} us"
    return f"{seconds * 1e3:,.2f} ms"


def as_markdown(table: Mapping[str, Outcome]) -> str:
    """Show the table as a page."""
    lines = [f"Measured with {'; '.join(machine())}.", ""]
    lines += ["| id | work | what is compared | found | wanted | |", "|---|---|---|---:|---:|---|"]
    for row, outcome in table.items():
        heads = [(row, TITLES[row]), *[("", "")] * len(bars(outcome))]
        lines += [f"| {' | '.join((*head, *cells))} |" for head, cells in zip(heads, bars(outcome), strict=False)]
    lines += ["", "## Every variant", "", "| id | variant | time | queries | rounds |", "|---|---|---:|---:|---:|"]
    for row, outcome in table.items():
        lines += [f"| {row} | {' | '.join(cells)} |" for cells in figures(outcome.variants)]
    skipped = [f"- {row} {name}: {why}" for row, o in table.items() for name, why in o.skipped.items()]
    return "\n".join([*lines, *(["", "## Skipped", ""] if skipped else []), *skipped])


def machine() -> list[str]:
    """Name the machine and the versions that the figures belong to."""
    return [
        f"Python {platform.python_version()}",
        *(f"{name} {found}" for name in PACKAGES if (found := installed(name))),
        f"SQLite {sqlite3.sqlite_version}",
        f"{processor()}, {os.cpu_count()} cores, {platform.system()} {platform.machine()}",
    ]


def installed(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return ""


def processor() -> str:
    """Name the processor, as far as the system says."""
    cpus = Path("/proc/cpuinfo")
    names = [line for line in cpus.read_text().splitlines() if line.startswith("model name")] if cpus.exists() else []
    return names[0].partition(":")[2].strip() if names else platform.processor() or sys.platform
