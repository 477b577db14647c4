"""One run of Django's tests in a process of its own: each test twice in a row, the results as JSON.

It is started by `__main__.py` in the folder of Django's tests, with that folder and the checkout on the path.
"""

import argparse
import json
import logging
import os
import tempfile
import traceback
import unittest
import warnings
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from django.conf import settings
from django.test.runner import DiscoverRunner
from django.test.testcases import _AssertNumQueriesContext
from django.test.utils import CaptureQueriesContext, iter_test_cases

PASSES = ("cold", "warm")


class Faults(logging.Handler):
    """Keeps what autoprefetch logs of faults of its own: whatever a test asserts, there should be none."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.found: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        trace = "".join(traceback.format_exception(record.exc_info[1])) if record.exc_info else ""
        self.found.append(f"{record.getMessage()}\n{trace}")


class TwiceRunner(DiscoverRunner):
    """Queues each test twice, and keeps what came of it."""

    found: dict[str, Any] = {}
    faults = Faults()

    def build_suite(self, *args: Any, **kwargs: Any) -> unittest.TestSuite:
        if os.environ["DJANGO_SUITE_MODE"] == "automatic":
            # What the app's `ready()` does; Django's tests choose INSTALLED_APPS themselves.
            from autoprefetch import conf, evaluation  # noqa: F401  (it asks to be told when `SCOPE` widens)

            conf.announce_scope()
            logging.getLogger("autoprefetch").addHandler(self.faults)
        suite = super().build_suite(*args, **kwargs)
        self.run_count: Counter[str] = Counter()
        return type(suite)(self.twice(suite))

    def twice(self, suite: unittest.TestSuite) -> Iterator[unittest.TestCase]:
        for test in iter_test_cases(suite):
            self.run_count[label_of(test)] += 1
            for name in PASSES:
                again = type(test)(test._testMethodName)
                again.autoprefetch_pass = name
                yield again

    def run_suite(self, suite: unittest.TestSuite, **kwargs: Any) -> unittest.TestResult:
        result = super().run_suite(suite, **kwargs)
        failed = [*result.failures, *result.errors, *((test, "") for test in result.unexpectedSuccesses)]
        type(self).found = {
            "tests": self.run_count,
            "faults": self.faults.found,
            "failed": [
                {"id": id_of(test), "label": label_of(test), "pass": pass_of(test), "why": why} for test, why in failed
            ],
        }
        return result


def label_of(test: Any) -> str:
    return id_of(test).partition(".")[0]


def id_of(test: Any) -> str:
    """Return the id of a test; that of a set-up that failed is its class, that of a subtest the test's."""
    test = getattr(test, "test_case", test)
    name = str(test.id())
    return name.partition("(")[2].rstrip(")") if "(" in name else name.removeprefix("unittest.loader._FailedTest.")


def pass_of(test: Any) -> str:
    return str(getattr(getattr(test, "test_case", test), "autoprefetch_pass", ""))


def accept_fewer_queries() -> None:
    """Make `assertNumQueries` accept fewer queries than it expects, and not more."""
    plain = _AssertNumQueriesContext.__exit__

    def leave(self: Any, *exc_info: Any) -> None:
        if exc_info[0] is not None or self.executed_after_leaving() > self.num:
            plain(self, *exc_info)
        else:
            CaptureQueriesContext.__exit__(self, *exc_info)

    def executed_after_leaving(self: Any) -> int:
        return len(self.connection.queries_log) - self.initial_queries

    _AssertNumQueriesContext.executed_after_leaving = executed_after_leaving
    _AssertNumQueriesContext.__exit__ = leave


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--mode", choices=["plain", "automatic"], required=True)
    parser.add_argument("--output", type=Path, required=True)
    parser.add_argument("labels", nargs="*")
    asked = parser.parse_args()
    os.environ["DJANGO_SUITE_MODE"] = asked.mode
    os.environ["DJANGO_SETTINGS_MODULE"] = "tests.django_suite.settings"
    with tempfile.TemporaryDirectory(prefix="django_suite_") as folder:
        tempfile.tempdir = os.environ["TMPDIR"] = folder
        run(asked.mode, asked.labels)
    asked.output.write_text(json.dumps(TwiceRunner.found))


def run(mode: str, labels: list[str]) -> None:
    import runtests

    warnings.simplefilter("default", ResourceWarning)
    settings.TEST_RUNNER = "tests.django_suite.worker.TwiceRunner"
    TwiceRunner.found = {}
    counted = None
    accept_fewer_queries()  # in both modes, so that autoprefetch is all that differs
    if mode == "automatic":
        from tests.django_suite import counting

        counted = counting.watch()
    runtests.django_tests(
        verbosity=1, interactive=False, failfast=False, keepdb=False, reverse=False, debug_sql=False, parallel=1,
        tags=None, exclude_tags=["selenium"], test_name_patterns=None, start_at=None, start_after=None, pdb=False,
        buffer=False, timing=False, shuffle=False, test_labels=labels,
    )  # fmt: skip
    if counted is not None:
        TwiceRunner.found["loads"] = counted.by_label()


if __name__ == "__main__":
    # As a module by its name, so that the class that Django's runner imports is this one.
    from tests.django_suite.worker import main as main_of_module

    main_of_module()
