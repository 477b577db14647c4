"""The share of plain Django's repeated lazy loads that a join, a prefetch or a batch answered.

A lazy load is repeated when the rows of the same evaluation have loaded the same path before. How many plain Django
makes is seen in the cold pass of a test, where nothing is loaded ahead; both passes are asked how many of them still
ran a query of their own.
"""

from __future__ import annotations

import unittest
from collections import Counter
from typing import Any

from autoprefetch.loading import Loading
from autoprefetch.observe import tracking
from autoprefetch.observe.recordings import Recording


class Counted:
    """The lazy loads of the test that is running, and what they added up to for each label.

    Attributes:
        touched: the loads that plain Django would make, by recording and path.
        alone: those that ran a query of their own.
    """

    def __init__(self) -> None:
        self.touched: Counter[tuple[Recording, Any]] = Counter()
        self.alone: Counter[tuple[Recording, Any]] = Counter()
        self.totals: dict[str, Counter[str]] = {}
        self.latest: Any = None

    def ended(self, label: str, which: str) -> None:
        """Add up what one run of a test showed."""
        total = self.totals.setdefault(label, Counter())
        total[f"repeated_{which}"] += sum(count - 1 for count in self.touched.values())
        total[f"alone_{which}"] += sum(count - 1 for count in self.alone.values())
        self.touched.clear()
        self.alone.clear()

    def by_label(self) -> dict[str, dict[str, int]]:
        """Return for each label the repeated loads of two plain passes, and how many of them were answered."""
        found = {}
        for label, total in self.totals.items():
            repeated = 2 * total["repeated_cold"]
            answered = repeated - total["alone_cold"] - total["alone_warm"]
            found[label] = {"repeated": repeated, "answered": answered}
        return found


def watch(runner: Any) -> Counted:
    """Count from now on; `runner` is the class whose tests say when they end."""
    counted = Counted()
    _watch_loads(counted)
    stop = unittest.TextTestResult.stopTest

    def stop_test(self: Any, test: Any) -> None:
        stop(self, test)
        from tests.django_suite.worker import label_of, pass_of

        counted.ended(label_of(test), pass_of(test))

    unittest.TextTestResult.stopTest = stop_test
    return counted


def _watch_loads(counted: Counted) -> None:
    loaded, touch, alone, replay = Recording.loaded, tracking.touch, Loading.load_alone, Loading.replay

    def count_loaded(self: Any, path: Any, *args: Any, **kwargs: Any) -> None:
        counted.touched[self, path] += 1
        loaded(self, path, *args, **kwargs)

    def remember_touch(*args: Any, **kwargs: Any) -> Any:
        counted.latest = touch(*args, **kwargs)
        return counted.latest

    def count_alone(self: Any, touched: Any, load: Any) -> Any:
        counted.alone[touched.recording, touched.path] += 1
        return alone(self, touched, load)

    def count_replay(self: Any, *args: Any) -> Any:
        counted.latest = None
        rows = replay(self, *args)
        if rows is None and counted.latest is not None:
            counted.alone[counted.latest.recording, counted.latest.path] += 1
        return rows

    Recording.loaded = count_loaded
    tracking.touch = remember_touch
    Loading.load_alone = count_alone
    Loading.replay = count_replay
