"""Measure variants of the same work: they take turns in one process, round by round, and medians are compared."""

from __future__ import annotations

import gc
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import median
from time import perf_counter
from typing import Any

from autoprefetch.conf import Config
from demo_site.measuring import metered
from tests.benchmarks.outcomes import Figure
from tests.benchmarks.scales import Pace

MOST_ROUNDS = 60


@dataclass(frozen=True, slots=True)
class Variant:
    """One way to do the work of a row.

    Args:
        name: what it is called in the table.
        run: does the work once, and returns what the caller of it would see; equal for all variants of a row.
        prepare: called before each round, outside the time.
        finish: called after each round, outside the time.
        runs_before: how often it does the work in each round before the time begins.
        repeat: how often a round does it; the figure is that of once.
        is_slow: whether it is measured only a few times.
        may_fail: whether it is left out, and named as such, where it raises: it is not ours to mend.
        result: what tells whether it did the same work: the value to compare, taken outside the time.
    """

    name: str
    run: Callable[[], Any]
    prepare: Callable[[], None] = lambda: None
    finish: Callable[[], None] = lambda: None
    runs_before: int = 0
    repeat: int = 1
    is_slow: bool = False
    may_fail: bool = False
    result: Callable[[Any], Any] = lambda returned: returned


class _Anything:
    """Equal to every result, for what is measured and has none."""

    __hash__ = object.__hash__

    def __eq__(self, other: object) -> bool:
        return True


ANYTHING = _Anything()


class DifferentResultsError(Exception):
    """Two variants of a row gave different results, so that their times cannot be compared."""


def interleaved(variants: Sequence[Variant], latency: float, pace: Pace) -> dict[str, Figure]:
    """Measure variants in turn, once they are warm and all see the same; those that may fail, and do, are left out.

    Args:
        variants: the ways to do the work.
        latency: seconds of one simulated round trip.
        pace: how many rounds.

    Raises:
        DifferentResultsError: their results differ.
    """
    return in_turn(compared(variants), latency, pace)


def in_turn(able: Sequence[Variant], latency: float, pace: Pace) -> dict[str, Figure]:
    """Measure variants that have been compared."""
    times: dict[str, list[float]] = {variant.name: [] for variant in able}
    queries: dict[str, float] = {}
    started = perf_counter()
    number = 0
    while number < pace.rounds or (number < MOST_ROUNDS and perf_counter() - started < pace.seconds):
        # Each round begins with another variant, so that none is always measured in the wake of the same one.
        turn = number % len(able)
        for variant in (*able[turn:], *able[:turn]):
            if not variant.is_slow or number < pace.slow_rounds:
                seconds, queries[variant.name] = once(variant, latency)
                times[variant.name].append(seconds)
        number += 1
    return {name: Figure(median(taken), queries[name], len(taken)) for name, taken in times.items()}


def once(variant: Variant, latency: float) -> tuple[float, float]:
    """Measure one round of a variant: seconds and queries of doing its work once."""
    run = variant.run
    variant.prepare()
    for _ in range(variant.runs_before):
        below(run)
    gc.collect()
    gc.disable()
    try:
        with metered(latency) as meter:
            started = perf_counter()
            for _ in range(variant.repeat):
                below(run)
            seconds = perf_counter() - started
    finally:
        gc.enable()
        variant.finish()
    return seconds / variant.repeat, meter.queries / variant.repeat


def below(run: Callable[[], Any], frames: int = Config().call_site_depth) -> Any:
    """Run something below as many frames as tell call sites apart: it is one call site, wherever this is called."""
    return below(run, frames - 1) if frames else run()


def compared(variants: Sequence[Variant]) -> list[Variant]:
    """Run each variant until it is warm, make sure that all see the same, and return those that could."""
    able: list[Variant] = []
    expected: Any = None
    for variant in variants:
        try:
            returned = warmed_up(variant)
        except Exception as error:
            if not variant.may_fail:
                raise
            failures[variant.name] = f"it fails: {type(error).__name__}: {error}"
            continue
        if not able:
            expected = returned
        elif returned != expected:
            msg = f"{variant.name} and {able[0].name} gave different results: {returned!r:.300}, {expected!r:.300}"
            raise DifferentResultsError(msg)
        able.append(variant)
    gc.collect()
    gc.freeze()
    return able


def warmed_up(variant: Variant) -> Any:
    """Run a variant some times, and return what tells its result."""
    returned = None
    for _ in range(1 if variant.is_slow else WARM_UP):
        variant.prepare()
        returned = variant.result(below(variant.run))
        variant.finish()
    return returned


WARM_UP = 3
failures: dict[str, str] = {}
"""Variants that failed in this process, with what they raised."""
