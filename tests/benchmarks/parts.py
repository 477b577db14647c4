"""The parts of the table: which function measures what, and on which bank."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from tests.benchmarks.outcomes import Outcome
from tests.benchmarks.rows import dashboards, derived, memory, nesting, orders, requests, switched_off, threads
from tests.benchmarks.scales import Scale


def no_bank(scale: Scale) -> int:
    return 0


def small_bank(scale: Scale) -> int:
    return dashboards.FEW


def large_bank(scale: Scale) -> int:
    return scale.many


@dataclass(frozen=True, slots=True)
class Part:
    """One part of a row.

    Args:
        row: its id.
        title: what it measures, for the progress.
        measure: takes the scale and the name of the database where that is not the usual one.
        bank: how many transactions each account of the bank has to have; 0 where the bank is not read.
        on_every_database: whether the database matters.
    """

    row: str
    title: str
    measure: Callable[[Scale, str], Outcome]
    bank: Callable[[Scale], int] = no_bank
    on_every_database: bool = True


PARTS = [
    Part("F", "auto() with MODE off", switched_off.off, on_every_database=False),
    Part("H", "requests with the middleware", requests.counted, on_every_database=False),
    Part("N", "1,000 rows, nothing lazily loaded", orders.untouched),
    Part("O", "one row by get()", orders.one_row),
    Part("J", "1,000 rows, 3 foreign keys", orders.joined),
    Part("W", "3,000 rows that point to few wide ones", orders.wide),
    Part("P", "cold, 1,000 rows, 3 foreign keys", orders.cold),
    Part("C", "count(), exists(), aggregate() for each parent", derived.counted),
    Part("Q", "derived querysets consumed once each", derived.consumed),
    Part("D", "three nested levels", nesting.nested),
    Part("X", "threads at one call site", threads.contended),
    Part("S", "the dashboard, few transactions", dashboards.few, small_bank),
    Part("S", "the dashboard, many transactions", dashboards.many, large_bank),
    Part("T", "the top of each parent", derived.top, large_bank),
    Part("M", "memory", memory.kept, large_bank, on_every_database=False),
]
