"""Measure what autoprefetch adds to the start of a bare Django project: `python -m tests.benchmarks.starting`.

Each start is a process of its own, and the forms take turns. What is compared is the median of the differences to the
start without autoprefetch in the same round. All modules are compiled before the first round.
"""

from __future__ import annotations

import os
import resource
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median
from tempfile import TemporaryDirectory
from time import perf_counter

ROUNDS = 15

_SETTINGS = """
from django.conf import settings
settings.configure(
    INSTALLED_APPS=["django.contrib.contenttypes", "django.contrib.auth", *{apps}],
    DATABASES={{"default": {{"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}}}},
)
import django
django.setup()
"""

PLAIN = _SETTINGS.format(apps=[])
FORMS = {
    '"autoprefetch" in INSTALLED_APPS': _SETTINGS.format(apps=["autoprefetch"]),
    "and `from autoprefetch import auto`": _SETTINGS.format(apps=["autoprefetch"]) + "from autoprefetch import auto",
}


@dataclass(frozen=True, slots=True)
class Start:
    """What one start took: wall clock, and the processor for the process and the system on its behalf (seconds)."""

    wall: float
    processor: float


def started(program: str, folder: str) -> Start:
    """Run a program in a process of its own.

    Args:
        program: what it runs.
        folder: where its compiled modules are kept, so that those of a checkout that nobody may write to are too.
    """
    variables = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    variables["PYTHONPYCACHEPREFIX"] = folder
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), perf_counter()
    subprocess.run([sys.executable, "-c", program], check=True, env=variables)
    wall, after = perf_counter() - began, resource.getrusage(resource.RUSAGE_CHILDREN)
    return Start(wall, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)


def compared(rounds: int) -> list[str]:
    """Return the table of what a start takes, line by line."""
    programs = {"without": PLAIN, **FORMS}
    with TemporaryDirectory(prefix="starting-") as folder:
        for program in programs.values():
            started(program, folder)  # compiles
        taken: dict[str, list[Start]] = {name: [] for name in programs}
        for _ in range(rounds):
            for name, program in programs.items():
                taken[name].append(started(program, folder))
    plain = taken.pop("without")
    lines = [f"{'without':40} {_ms([one.processor for one in plain])} {_ms([one.wall for one in plain])}"]
    for name, starts in taken.items():
        processor = [one.processor - other.processor for one, other in zip(starts, plain, strict=True)]
        wall = [one.wall - other.wall for one, other in zip(starts, plain, strict=True)]
        lines.append(f"{name:40} {_ms(processor, '+')} {_ms(wall, '+')}")
    return [f"{'start':40} {'processor':>12} {'wall clock':>12}", *lines]


def _ms(values: Sequence[float], sign: str = "") -> str:
    return f"{median(values) * 1000:{sign}9.0f} ms"


if __name__ == "__main__":
    print(*compared(int(sys.argv[1]) if sys.argv[1:] else ROUNDS), sep="\n")
