"""Start the processes that measure, and collect what they found."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from tempfile import TemporaryDirectory
from typing import Any

from tests.benchmarks.outcomes import Outcome

SETTINGS = "tests.benchmarks.settings"


class MeasuringFailedError(Exception):
    """A measuring process ended before it had measured everything; its standard error says why."""


def found_by(module: str, asked: Mapping[str, Any], **environment: str) -> Iterator[tuple[str, Outcome]]:
    """Run a measuring process, and yield the id of a row with each outcome as soon as it is there.

    Args:
        module: what to run, with what is asked as its one argument, in JSON.
        asked: the database, the rows, and whether the run is quick.
        **environment: further environment variables.

    Raises:
        MeasuringFailedError: the process failed.
    """
    with TemporaryDirectory(prefix="benchmarks-") as folder:
        for line in lines_of([sys.executable, "-m", module, json.dumps(asked)], folder, asked["database"], environment):
            document = json.loads(line)
            yield document.pop("row"), Outcome.from_dict(document)


def lines_of(command: Sequence[str], folder: str, database: str, environment: Mapping[str, str]) -> Iterator[str]:
    """Yield the lines that a process writes to standard output; its standard error is ours."""
    variables = {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": SETTINGS,
        "BENCHMARKS_DATABASE": database,
        "BENCHMARKS_FOLDER": folder,
        "PYTHONHASHSEED": "0",
        **environment,
    }
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=variables) as process:
        assert process.stdout is not None
        try:
            yield from process.stdout
        except BaseException:  # also where whoever reads stops early or interrupts: no process is left behind
            process.terminate()
            raise
    if process.returncode:
        msg = f"{' '.join(command[:3])} ended with status {process.returncode}; what it wrote above says why."
        raise MeasuringFailedError(msg)
