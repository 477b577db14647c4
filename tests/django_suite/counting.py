"""The share of plain Django's repeated lazy loads that a join, a prefetch or a batch answered.

A lazy load is repeated when another row of the same evaluation has loaded the same path before. How many plain Django
makes is seen in the cold pass of a test, where nothing is loaded ahead; both passes are asked for how many rows there
still ran a query of their own.
"""

from __future__ import annotations

import unittest
from collections import Counter, defaultdict
from itertools import count
from typing import Any

from autoprefetch.loading import Loading
from autoprefetch.observe import tracking
from autoprefetch.observe.recordings import Recording

Loads = defaultdict[tuple[Recording, Any], set[int]]


class Counted:
    """The lazy loads of the test that is running, and what they added up to for each label.

    Attributes:
        touched: the rows for which plain Django would load, by recording and path.
        alone: those for which a query of their own ran.
        row: the row that is loading.
        latest: the touch that is under way.
    """

    def __init__(self) -> None:
        self.touched: Loads = defaultdict(set)
        self.alone: Loads = defaultdict(set)
        self.totals: dict[str, Counter[str]] = {}
        self.row: Any = None
        self.latest: Any = None

    def ended(self, label: str, which: str) -> None:
        """Add up what one run of a test showed."""
        total = self.totals.setdefault(label, Counter())
        total[f"repeated_{which}"] += sum(len(rows) - 1 for rows in self.touched.values())
        total[f"alone_{which}"] += sum(len(rows) - 1 for rows in self.alone.values())
        self.touched.clear()
        self.alone.clear()
        self.row = self.latest = None

    def by_label(self) -> dict[str, dict[str, int]]:
        """Return for each label the repeated loads of two plain passes, and how many of them were answered."""
        found = {}
        for label, total in self.totals.items():
            repeated = 2 * total["repeated_cold"]
            answered = repeated - total["alone_cold"] - total["alone_warm"]
            found[label] = {"repeated": repeated, "answered": answered}
        return found


def watch() -> Counted:
    """Count from now on, test by test."""
    counted = Counted()
    _watch_loads(counted)
    stop = unittest.TextTestResult.stopTest

    def stop_test(self: Any, test: Any) -> None:
        from tests.django_suite.worker import label_of, pass_of

        stop(self, test)
        counted.ended(label_of(test), pass_of(test))

    unittest.TextTestResult.stopTest = stop_test
    return counted


def _watch_loads(counted: Counted) -> None:
    loaded, recalled, touch = Recording.loaded, Recording.recalled, tracking.touch
    alone, replay = Loading.load_alone, Loading.replay

    def count_loaded(self: Any, path: Any, *args: Any, **kwargs: Any) -> None:
        counted.touched[self, path].add(_number(counted.row))
        loaded(self, path, *args, **kwargs)

    def count_recalled(self: Any, path: Any, *args: Any) -> None:
        counted.touched[self, path].add(_number(counted.row))
        recalled(self, path, *args)

    def remember_touch(*args: Any, **kwargs: Any) -> Any:
        counted.latest = touch(*args, **kwargs)
        return counted.latest

    def count_alone(self: Any, touched: Any, load: Any) -> Any:
        counted.alone[touched.recording, touched.path].add(_number(counted.row))
        return alone(self, touched, load)

    def count_replay(self: Any, compiler: Any, derivation: Any, result_type: str, run: Any) -> Any:
        counted.row = derivation.instance  # what runs by itself goes through `load_alone`
        return replay(self, compiler, derivation, result_type, run)

    Recording.loaded = count_loaded
    Recording.recalled = count_recalled
    tracking.touch = remember_touch
    Loading.load_alone = count_alone
    Loading.replay = count_replay
    Loading.load_one = _of_row(counted, Loading.load_one, lambda instance, *args: instance)
    Loading.load_set = _of_row(counted, Loading.load_set, lambda derivation, *args: derivation.instance)


def _number(row: Any) -> int:
    """Return a number that no other row has; an `id` is used again once a row is gone."""
    known: int = row._state.__dict__.setdefault("django_suite_number", next(_numbers))
    return known


_numbers = count()


def _of_row(counted: Counted, plain: Any, row_of: Any) -> Any:
    def load(self: Any, *args: Any) -> Any:
        counted.row = row_of(*args)
        return plain(self, *args)

    return load
