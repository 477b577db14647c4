"""M: what is kept in memory, of call sites and of results."""

from __future__ import annotations

import gc
import tracemalloc
from collections.abc import Callable
from typing import Any

from autoprefetch import auto, report, reset
from demo_site.bank.models import Category, Transaction
from tests.benchmarks.outcomes import Outcome, Ratio, named
from tests.benchmarks.scales import Scale
from tests.benchmarks.tables.models import SPOKES, Hub

MEGABYTE = 1024 * 1024
MOST_MEGABYTES = 20.0


def kept(scale: Scale, at: str) -> Outcome:
    """M: bytes of call sites that have learned twenty paths each, and what stays of a large result."""
    gc.unfreeze()
    outcome = Outcome()
    bar = {} if scale.is_quick else {"at_most": MOST_MEGABYTES}  # what few call sites share would count for too much
    learned = bytes_of_call_sites(scale.call_sites) / MEGABYTE
    title = f"{scale.call_sites:,} call sites"
    outcome.ratios.append(Ratio(named(title, at), learned, unit="MB", **bar))
    instances, left = left_of_result(scale.rows)
    outcome.ratios.append(Ratio(named(f"instances left of {scale.rows:,}", at), instances, at_most=0, unit=""))
    outcome.ratios.append(Ratio(named(f"left of {scale.rows:,} rows", at), left / MEGABYTE, at_most=1.0, unit="MB"))
    return outcome


def bytes_of_call_sites(count: int) -> int:
    """Return what autoprefetch keeps of call sites, each a function of its own that was evaluated cold and warm."""
    reset()
    sites = functions(count + 1)
    run_twice(sites.pop())
    gc.collect()
    tracemalloc.start()
    try:
        before, _ = tracemalloc.get_traced_memory()
        for function in sites:
            run_twice(function)
        known = len(report().call_sites)
        gc.collect()
        after, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    if known < count:
        msg = f"Of {count} call sites only {known} are known."
        raise AssertionError(msg)
    return after - before


def run_twice(function: Callable[[], Any]) -> None:
    for _ in range(2):  # from one line, so that it is one call site
        function()


def functions(count: int) -> list[Callable[[], Any]]:
    """Compile functions that evaluate one line each and touch twenty relations, as if each had a file of its own."""
    lines = "\n".join(f"        hub.{spoke}" for spoke in SPOKES)
    made = []
    for number in range(count):
        source = f"def view_{number}():\n    for hub in auto(Hub.objects.filter(pk__lte=2)):\n{lines}\n"
        names: dict[str, Any] = {"auto": auto, "Hub": Hub, "__name__": f"views.part_{number}"}
        exec(compile(source, f"/views/part_{number}.py", "exec"), names)
        made.append(names[f"view_{number}"])
    return made


def left_of_result(rows: int) -> tuple[int, int]:
    """Return the instances and the bytes that stay when a large result is dropped."""
    read(1_000)
    read(1_000)
    gc.collect()
    tracemalloc.start()
    try:
        before, _ = tracemalloc.get_traced_memory()
        read(rows)
        gc.collect()
        after, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    # By type: `isinstance` would ask lazy objects for their class, and so make them.
    alive = sum(type(found) in (Transaction, Category) for found in gc.get_objects())
    return alive, after - before


def read(rows: int) -> None:
    for transaction in auto(Transaction.objects.order_by("pk")[:rows]):
        transaction.category.name  # noqa: B018
