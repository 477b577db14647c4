"""Run Django's own tests plainly and with every queryset automatic, and compare.

::

    python -m tests.django_suite                  the labels of the ORM
    python -m tests.django_suite queries basic    these labels, or single tests by their dotted names
    python -m tests.django_suite --fast           what a check of each change can afford
    python -m tests.django_suite --all            the whole suite

It ends with status 1 when a test fails that passes without autoprefetch and that `exempt.txt` does not name, or when
autoprefetch has logged a fault of its own.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import django

from tests.django_suite.labels import FAST, LABELS
from tests.django_suite.sources import tests_of_django

CHECKOUT = Path(__file__).parents[2]
EXEMPT = Path(__file__).with_name("exempt.txt")
MODES = ("plain", "automatic")

Failure = tuple[str, str]
"""A test and the pass in which it fails: "cold" or "warm", "" when its class cannot be set up."""


@dataclass(frozen=True)
class Outcome:
    """What the two runs of a label came to."""

    label: str
    tests: int
    plain: frozenset[Failure]
    automatic: frozenset[Failure]
    repeated: int
    answered: int

    @property
    def broken(self) -> frozenset[Failure]:
        """The failures, each of a test in one pass, that are there only with autoprefetch."""
        return self.automatic - self.plain


def main() -> int:
    asked = _parser().parse_args()
    folder = tests_of_django()
    labels = [] if asked.all else asked.labels or (FAST if asked.fast else LABELS)
    present = [label for label in labels if "." in label or (folder / label).is_dir()]
    with tempfile.TemporaryDirectory() as results, ThreadPoolExecutor(asked.jobs) as pool:
        plain, automatic = pool.map(lambda mode: run(mode, present, folder, Path(results), asked), MODES)
    outcomes = compare(plain, automatic)
    broken = {test: why for outcome in outcomes for test, why in reasons(automatic, outcome.broken).items()}
    unexpected = {test: why for test, why in broken.items() if test not in exempt()}
    for test, why in sorted(unexpected.items()):
        print(f"\n{'=' * 70}\nfails only with autoprefetch: {test}\n{why}")
    print(table(outcomes))
    print(f"\n{len(broken)} fail only with autoprefetch, {len(broken) - len(unexpected)} of them exempt.")
    faults = automatic["faults"]
    print("\n".join([f"{len(faults)} faults inside autoprefetch.", *faults]))
    return int(bool(unexpected or faults))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.django_suite", description=__doc__.partition("\n")[0])
    parser.add_argument("labels", nargs="*", metavar="LABEL", help="labels of Django's tests, or dotted names")
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--fast", action="store_true", help="a subset for each change")
    which.add_argument("--all", action="store_true", help="the whole suite")
    parser.add_argument("--jobs", type=int, default=1, help="2 runs the two modes side by side")
    parser.add_argument("--keep", type=Path, help="a folder for the results as JSON and the output of the runs")
    return parser


def run(mode: str, labels: list[str], folder: Path, results: Path, asked: argparse.Namespace) -> dict[str, Any]:
    """Run Django's tests in a process of their own and return what it found."""
    kept = asked.keep or results
    kept.mkdir(parents=True, exist_ok=True)
    output, log = kept / f"{mode}.json", kept / f"{mode}.log"
    output.unlink(missing_ok=True)
    command = [sys.executable, "-m", "tests.django_suite.worker", "--mode", mode, "--output", str(output.resolve())]
    environment = {**os.environ, "PYTHONPATH": f"{folder}{os.pathsep}{CHECKOUT}"}
    with log.open("w") as written:
        subprocess.run([*command, *labels], cwd=folder, env=environment, stdout=written, stderr=written, check=False)
    if not output.exists():
        msg = f"The {mode} run of Django's tests ended before its results:\n{log.read_text()[-4000:]}"
        raise SystemExit(msg)
    found: dict[str, Any] = json.loads(output.read_text())
    return found


def compare(plain: dict[str, Any], automatic: dict[str, Any]) -> list[Outcome]:
    loads = automatic.get("loads", {})
    return [
        Outcome(
            label,
            count,
            _failed(plain, label),
            _failed(automatic, label),
            loads.get(label, {}).get("repeated", 0),
            loads.get(label, {}).get("answered", 0),
        )
        for label, count in sorted(automatic["tests"].items())
    ]


def _failed(found: dict[str, Any], label: str) -> frozenset[Failure]:
    return frozenset((failure["id"], failure["pass"]) for failure in found["failed"] if failure["label"] == label)


def reasons(found: dict[str, Any], broken: frozenset[Failure]) -> dict[str, str]:
    """Return for each test that is broken why it fails, in the pass that fails first."""
    return {
        failure["id"]: f"{failure['pass']}: {failure['why']}"
        for failure in reversed(found["failed"])
        if (failure["id"], failure["pass"]) in broken
    }


def exempt() -> frozenset[str]:
    """Return the tests that may fail, each a line of `exempt.txt`: the test, a space, and one sentence."""
    lines = [line for line in EXEMPT.read_text().splitlines() if line and not line.startswith("#")]
    return frozenset(line.split()[0] for line in lines)


def table(outcomes: list[Outcome]) -> str:
    """Write a table in Markdown."""
    version = ".".join(map(str, sys.version_info[:2]))
    rows = [
        f"\nDjango {django.__version__}, Python {version}, SQLite, each test twice\n",
        "| label | tests | fail plain | fail automatic | only automatic | repeated lazy loads | answered |",
        "|---|--:|--:|--:|--:|--:|--:|",
    ]
    rows += [_row(f"`{o.label}`", [o]) for o in outcomes]
    return "\n".join([*rows, _row("**all**", outcomes)])


def _row(name: str, outcomes: list[Outcome]) -> str:
    repeated, answered = sum(o.repeated for o in outcomes), sum(o.answered for o in outcomes)
    share = f"{answered / repeated:.0%}" if repeated else ""
    counts = [
        sum(o.tests for o in outcomes),
        *(sum(len(getattr(o, name)) for o in outcomes) for name in ("plain", "automatic", "broken")),
    ]
    return f"| {name} | {' | '.join(map(str, counts))} | {repeated} | {share} |"


if __name__ == "__main__":
    sys.exit(main())
