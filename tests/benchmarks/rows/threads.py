"""X: many threads at one call site."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from statistics import median
from threading import Barrier
from time import perf_counter
from typing import Any

from django.db import connection

from autoprefetch import auto
from tests.benchmarks.outcomes import Figure, Outcome, setting
from tests.benchmarks.scales import Scale
from tests.benchmarks.tables.models import Order

EVALUATIONS = 32
ROWS = 100


def contended(scale: Scale, at: str) -> Outcome:
    """X: evaluations a second of one call site, beside plain Django with the same plan by hand."""
    outcome = Outcome()
    for threads in scale.threads:
        here = setting(f"{threads} thread{'s' if threads > 1 else ''}", at)
        outcome.add(in_turn({"hand_written": by_hand, "warm": warm}, threads, scale.pace.rounds), here)
        bar = {} if scale.is_quick else {"at_least": 0.97}
        # Throughput is what a second holds, so the ratio of throughputs is that of the times, turned round.
        outcome.compare("hand_written", "warm", at=here, **bar)
    return outcome


def orders() -> Any:
    return Order.objects.filter(pk__lte=ROWS)


def by_hand() -> None:
    read(orders().select_related("customer", "invoice", "parcel"))


def warm() -> None:
    read(auto(orders()))


def read(found: Iterable[Any]) -> None:
    for order in found:
        order.customer.name, order.invoice.number, order.parcel.code  # noqa: B018


def in_turn(works: dict[str, Callable[[], None]], threads: int, rounds: int) -> dict[str, Figure]:
    """Measure works in turn, each shared by threads that keep their connections; a figure is that of one evaluation."""
    times: dict[str, list[float]] = {name: [] for name in works}
    with ThreadPoolExecutor(threads) as pool:
        for work in works.values():
            shared(pool, work, threads)
        for number in range(rounds):
            names = list(works) if number % 2 else list(reversed(works))
            for name in names:
                gc.collect()
                gc.disable()
                times[name].append(shared(pool, works[name], threads))
                gc.enable()
        everywhere(pool, close_own_connection, threads)
    return {name: Figure(median(taken), 1, rounds) for name, taken in times.items()}


def close_own_connection() -> None:
    connection.close()  # looked up in the thread that runs this, whose own it is


def shared(pool: ThreadPoolExecutor, work: Callable[[], None], threads: int) -> float:
    """Return the seconds of one evaluation when threads share a number of them."""
    each = EVALUATIONS // threads

    def several() -> None:
        for _ in range(each):
            work()

    started = perf_counter()
    everywhere(pool, several, threads)
    return (perf_counter() - started) / (each * threads)


def everywhere(pool: ThreadPoolExecutor, work: Callable[[], None], threads: int) -> None:
    """Run something once in each thread of a pool."""
    ready = Barrier(threads)

    def one() -> None:
        ready.wait()
        work()

    for future in [pool.submit(one) for _ in range(threads)]:
        future.result()
