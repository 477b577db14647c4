"""`python -m tests.benchmarks`: read the arguments, measure, print, and say by the exit status whether queries fit."""

from __future__ import annotations

import argparse
import signal
import sys
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from time import perf_counter

from tests.benchmarks.outcomes import Outcome, merged, named
from tests.benchmarks.printing import as_json, as_markdown, as_text
from tests.benchmarks.processes import MeasuringFailedError, found_by
from tests.benchmarks.titles import TITLES

EPILOG = """\
Variants of packages that are not installed are skipped by name; pip install '.[benchmarks]' brings them all.
The exit status is 1 when a variant ran more queries than it may or gave another result than the others, and 0 else:
times depend on the machine, so a bar that is not reached is reported and fails nothing.
"""
FORMATS = {"text": as_text, "json": as_json, "markdown": as_markdown}


@dataclass(frozen=True, slots=True)
class Options:
    """What was asked for."""

    rows: tuple[str, ...]
    format: str
    is_quick: bool
    databases: tuple[str, ...]
    json: Path | None = None


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the benchmarks.

    Returns:
        0; 1 when queries or results are not as they have to be, or a process failed; 130 after Ctrl-C.
    """
    options = parsed(arguments)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    started = perf_counter()
    try:
        table = measured(options)
    except MeasuringFailedError as error:
        print(f"benchmarks: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nbenchmarks: stopped.", file=sys.stderr)
        return 130
    if options.json is not None:
        options.json.write_text(as_json(table) + "\n")
    print(FORMATS[options.format](table))
    print(f"benchmarks: {perf_counter() - started:.0f} s in all.", file=sys.stderr)
    return status(table)


def parsed(arguments: Sequence[str] | None) -> Options:
    """Read the arguments, or leave with status 2 and a message that names the bad value."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.benchmarks",
        description="Measure what autoprefetch costs and saves.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("rows", nargs="*", metavar="ID", help=f"rows to measure, of {' '.join(TITLES)} (all)")
    add("--format", choices=list(FORMATS), default="text", help="how to print the table (text)")
    add("--json", type=Path, metavar="FILE", help="write the figures into this file as JSON, too")
    add("--quick", action="store_true", help="small and few: ends within a minute, and its times say little")
    add("--database", choices=["sqlite", "postgresql"], action="append", help="measure on this one only")
    given = parser.parse_args(arguments)
    rows = tuple(dict.fromkeys(row.upper() for row in given.rows)) or tuple(TITLES)
    for row in rows:
        if row not in TITLES:
            parser.error(f"there is no row {row!r}. The rows are {' '.join(TITLES)}.")
    return Options(rows, given.format, given.quick, tuple(given.database or ("sqlite", "postgresql")), given.json)


def measured(options: Options) -> dict[str, Outcome]:
    """Measure the rows that were asked for, in the order of the table."""
    found: defaultdict[str, list[Outcome]] = defaultdict(list)
    for row, outcome in measuring(options):
        found[row].append(outcome)
    return {row: merged(found[row]) for row in TITLES if row in found}


def measuring(options: Options) -> Iterator[tuple[str, Outcome]]:
    """Run one process after the other, and yield what they find."""
    for database in options.databases:
        if reason := missing(database):
            at = "" if database == "sqlite" else database
            yield from ((row, Outcome(skipped={named("all variants", at): reason})) for row in options.rows)
            continue
        for rows in apart(options.rows, database):
            asked = {"database": database, "rows": rows, "quick": options.is_quick}
            yield from found_by("tests.benchmarks.measure", asked)
    if "sqlite" in options.databases:
        yield from beside(options)


def apart(rows: tuple[str, ...], database: str) -> list[tuple[str, ...]]:
    """Return the rows that are measured in one process each; memory is counted where nothing was done before."""
    others, memory = tuple(row for row in rows if row != "M"), tuple(row for row in rows if row == "M")
    return [some for some in (others, memory if database == "sqlite" else ()) if some]


def beside(options: Options) -> Iterator[tuple[str, Outcome]]:
    """Run what needs processes of its own, zeal and the counting of instructions; what fails is skipped."""
    asked = {"database": "sqlite", "rows": options.rows, "quick": options.is_quick}
    processes = [("zeal", "tests.benchmarks.measure_zeal", {"BENCHMARKS_ZEAL": "1"})] if find_spec("zeal") else []
    processes.append(("instructions", "tests.benchmarks.instructions", {}))
    if options.is_quick:
        yield options.rows[0], Outcome(skipped={name: "not with --quick, in any row" for name, *_ in processes})
        return
    for name, module, environment in processes:
        try:
            yield from found_by(module, asked, **environment)
        except MeasuringFailedError as error:
            yield options.rows[0], Outcome(skipped={name: str(error)})


def missing(database: str) -> str:
    """Say why a database cannot be measured; "" when it can."""
    from tests.databases import MISSING

    return MISSING.get(database, "")


def status(table: dict[str, Outcome]) -> int:
    """Return the exit status, and say on standard error what makes it 1."""
    too_many = [(row, bar) for row, outcome in table.items() for bar in outcome.too_many_queries]
    for row, bar in too_many:
        print(
            f"benchmarks: {row} {bar.variant} ran {bar.queries:g} queries, and may run {bar.at_most:g}.",
            file=sys.stderr,
        )
    return 1 if too_many else 0
