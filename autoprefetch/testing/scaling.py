"""`assert_scales`: a view that runs as many queries for many rows as for few."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from itertools import pairwise
from typing import Any

from django.db import connections

from autoprefetch.observe.places import accessed_at
from autoprefetch.testing.lazy_loads import watching

SIZES = (2, 10, 50)
"""Rows that the view is run at: the fewest that can repeat anything, and enough to tell growth from chance."""

_NAMED = 5  # statements that a failure names
_LONGEST = 300  # characters of a statement that it shows


def assert_scales(
    factory: Callable[[int], object], view: Callable[[], object], *, sizes: Sequence[int] = SIZES
) -> None:
    """Assert that a view runs no more queries when there are more rows.

    Args:
        factory: makes that many rows more; it is called once before each size.
        view: what is measured. It runs once more at the first size, uncounted, to fill caches and to let an automatic
            queryset learn.
        sizes: the rows that the factory has made by each run, growing.

    Raises:
        AssertionError: it ran more queries at a size than at the one before. It names the statements that became more,
            the lines that sent them, what is loaded lazily, and the code to paste.
        ValueError: the sizes do not grow, or there are fewer than two.
    """
    __tracebackhide__ = True  # pytest shows the line of the test
    if len(sizes) < 2 or sizes[0] < 1 or any(one >= other for one, other in pairwise(sizes)):
        msg = f"assert_scales() was given sizes={tuple(sizes)!r}. Pass two sizes or more that grow, such as {SIZES}."
        raise ValueError(msg)
    runs: dict[int, Statements] = {}
    made = 0
    for size in sizes:
        factory(size - made)
        if not made:
            view()
        made = size
        with counting() as runs[size]:
            view()
    if any(runs[one].total < runs[other].total for one, other in pairwise(sizes)):
        with watching() as found:
            view()
        raise AssertionError("\n".join([*_growth(runs), *filter(None, [found()])]))


class Statements:
    """An execute wrapper that counts each statement, with the line of the project that sent it a second time.

    Attributes:
        counts: how often each ran, by its SQL without the parameters.
        places: what sent those that ran more than once.
    """

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self.places: dict[str, str] = {}

    def __call__(self, execute: Callable[..., Any], sql: Any, params: Any, many: bool, context: Any) -> Any:
        """Count one statement and run it."""
        text = str(sql)
        self.counts[text] += 1
        if self.counts[text] == 2:
            self.places[text] = accessed_at()
        return execute(sql, params, many, context)

    @property
    def total(self) -> int:
        """How many statements ran (queries)."""
        return self.counts.total()


@contextmanager
def counting() -> Iterator[Statements]:
    """Count the statements of a block, on all databases."""
    found = Statements()
    with ExitStack() as stack:
        for connection in connections.all():
            stack.enter_context(connection.execute_wrapper(found))
        yield found


def _growth(runs: Mapping[int, Statements]) -> Iterator[str]:
    """Say how many queries ran at each size, and which of them became more."""
    *first, last = [f"{statements.total} at {size} rows" for size, statements in runs.items()]
    yield f"The number of queries grows with the rows: {', '.join(first)} and {last}."
    (fewest, few), *_, (most, many) = runs.items()
    for sql, more in (many.counts - few.counts).most_common(_NAMED):
        if many.counts[sql] > 1:
            place = f" from {many.places[sql]}" if many.places.get(sql) else ""
            before = many.counts[sql] - more
            yield f"    {before} times at {fewest} rows, {many.counts[sql]} at {most}{place}: {sql[:_LONGEST]}"
