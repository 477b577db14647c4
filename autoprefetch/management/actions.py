"""Actions: what `manage.py autoprefetch` can do, one module for each."""

from __future__ import annotations

from argparse import SUPPRESS, ArgumentParser, ArgumentTypeError
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from django.core.management.base import BaseCommand

WELL, DIFFERENT, WRONG = 0, 1, 2
"""Exit codes: all went well; `check` found something, or a person said no; the arguments, a file or the settings are
wrong."""


@dataclass(frozen=True, slots=True)
class Action:
    """One action of the command.

    Attributes:
        name: what is typed for it.
        help: what it does, for `--help`.
        add_arguments: adds what it takes to its parser.
        run: does it, given the command to write by and the parsed arguments; returns the exit code.
    """

    name: str
    help: str
    add_arguments: Callable[[ArgumentParser], None]
    run: Callable[[BaseCommand, Mapping[str, Any]], int]

    def add_to(self, parsers: Any) -> None:
        """Add its parser to those of the other actions.

        What every command of Django takes may stand before the action and behind it.
        """
        parser = parsers.add_parser(self.name, help=self.help)
        self.add_arguments(parser)
        for option in ("--settings", "--pythonpath"):
            parser.add_argument(option, default=SUPPRESS, help=SUPPRESS)
        for option in ("--traceback", "--no-color", "--force-color", "--skip-checks"):
            parser.add_argument(option, action="store_true", default=SUPPRESS, help=SUPPRESS)
        parser.add_argument("-v", "--verbosity", type=int, choices=range(4), default=SUPPRESS, help=SUPPRESS)


def whole_number(text: str) -> int:
    """Read a whole number of 1 or more from the command line."""
    try:
        number = int(text)
    except ValueError:
        number = 0
    if number < 1:
        msg = f"{text!r} is not a whole number of 1 or more."
        raise ArgumentTypeError(msg)
    return number
