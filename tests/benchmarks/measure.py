"""The process that measures one database: `python -m tests.benchmarks.measure '{"database": ...}'`.

It writes one JSON document a line to standard output, for `processes.py`, and its progress to standard error.
"""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Callable
from time import perf_counter
from typing import Any

import django


def main() -> None:
    """Measure what the argument asks for."""
    asked: dict[str, Any] = json.loads(sys.argv[1])
    django.setup()
    from django.db import connection

    from tests.benchmarks import unhooked

    unhooked.remember()
    logging.getLogger("autoprefetch").setLevel(logging.WARNING)
    name = connection.creation.create_test_db(verbosity=0, autoclobber=True, serialize=False)
    try:
        measure(asked)
    finally:
        connection.creation.destroy_test_db(name, verbosity=0)


def measure(asked: dict[str, Any]) -> None:
    """Measure parts of rows, the ones that need the small bank before those that need the large one."""
    from tests.benchmarks.measuring import failures
    from tests.benchmarks.outcomes import named
    from tests.benchmarks.parts import PARTS
    from tests.benchmarks.rows import dashboards
    from tests.benchmarks.scales import FULL, QUICK
    from tests.benchmarks.tables import seeding

    scale = QUICK if asked["quick"] else FULL
    at = "" if asked["database"] == "sqlite" else asked["database"]
    wanted = [part for part in PARTS if part.row in asked["rows"] and (not at or part.on_every_database)]
    if wanted:
        timed(asked, "seeding the tables", seeding.seed)
    transactions = 0
    for part in sorted(wanted, key=lambda part: part.bank(scale)):
        if part.bank(scale) and part.bank(scale) != transactions:
            transactions = part.bank(scale)
            timed(asked, f"seeding the bank, {transactions:,} transactions each", dashboards.seed, transactions)
        outcome = timed(asked, f"{part.row}: {part.title}", part.measure, scale, at)
        outcome.skipped |= {named(name, at): reason for name, reason in failures.items()}
        failures.clear()
        print(json.dumps({"row": part.row, **outcome.as_dict()}), flush=True)


def timed(asked: dict[str, Any], title: str, work: Callable[..., Any], *args: Any) -> Any:
    """Do something, and say on standard error what and how long it took."""
    started = perf_counter()
    done = work(*args)
    print(f"{asked['database']:<11} {perf_counter() - started:6.1f} s  {title}", file=sys.stderr, flush=True)
    return done


if __name__ == "__main__":
    main()
