"""The process that measures zeal, as a reference for what detecting costs; see `settings.py` for why it is apart."""

from __future__ import annotations

import json
import sys
import warnings
from collections.abc import Callable
from typing import Any

import django

from tests.benchmarks.scales import FULL, QUICK, Scale


def main() -> None:
    """Measure plain Django with zeal enabled, in the rows that were asked for."""
    asked: dict[str, Any] = json.loads(sys.argv[1])
    django.setup()
    from django.db import connection

    name = connection.creation.create_test_db(verbosity=0, autoclobber=True, serialize=False)
    # zeal warns of each N+1; to show the warnings is no part of the work.
    warnings.simplefilter("ignore")
    try:
        scale = QUICK if asked["quick"] else FULL
        for row, work in works(asked["rows"], scale).items():
            print(json.dumps({"row": row, **measured(work, scale).as_dict()}), flush=True)
    finally:
        connection.creation.destroy_test_db(name, verbosity=0)


def works(rows: list[str], scale: Scale) -> dict[str, Callable[[], Any]]:
    """Return the plain work of each row, on seeded tables."""
    from tests.benchmarks.rows import dashboards, orders
    from tests.benchmarks.tables import seeding
    from tests.benchmarks.tables.models import Item, Order

    known: dict[str, Callable[[], Any]] = {
        "S": dashboards.reading(dashboards.accounts_of_one, dashboards.latest),
        "W": lambda: orders.names_of_items(orders.first(scale.items)(Item)),
        "J": lambda: orders.names_of_orders(orders.first(scale.orders)(Order)),
        "N": lambda: orders.numbers(orders.first(scale.orders)(Order)),
    }
    if known.keys() & set(rows):
        seeding.seed()
        dashboards.seed(dashboards.FEW)
    return {row: work for row, work in known.items() if row in rows}


def measured(work: Callable[[], Any], scale: Scale) -> Any:
    from zeal import zeal_context

    from tests.benchmarks.measuring import Variant, interleaved
    from tests.benchmarks.outcomes import Outcome

    def run() -> Any:
        with zeal_context():
            return work()

    outcome = Outcome()
    pace = scale.pace
    slow = [Variant("zeal_disabled", work, is_slow=True), Variant("zeal", run, is_slow=True, may_fail=True)]
    pace.rounds = pace.slow_rounds
    pace.seconds = 0.0
    outcome.add(interleaved(slow, 0.0, pace))
    return outcome


if __name__ == "__main__":
    main()
