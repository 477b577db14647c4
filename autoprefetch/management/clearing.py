"""`clear`: forget what the store knows."""

from __future__ import annotations

from argparse import ArgumentParser
from collections.abc import Mapping
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from autoprefetch.advise.tables import counted
from autoprefetch.management.actions import DIFFERENT, WELL, WRONG, Action
from autoprefetch.management.opening import known_to, store_of_settings, using


def _add_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("--no-input", "--noinput", action="store_true", help="do not ask")


def _run(command: BaseCommand, options: Mapping[str, Any]) -> int:
    store = store_of_settings()
    count = len(known_to(store))
    if not options["no_input"]:
        _ask(f"Forget what was learned of {counted(count, 'call site')}? [yes/no] ")
    using(store, store.clear)
    command.stdout.write(f"{counted(count, 'call site')} forgotten.")
    return WELL


def _ask(question: str) -> None:
    try:
        answer = input(question)
    except EOFError as error:
        msg = "Nobody is there to ask, and nothing was forgotten. Say --no-input to forget without a question."
        raise CommandError(msg, returncode=WRONG) from error
    except KeyboardInterrupt as error:
        msg = "Stopped: nothing was forgotten."
        raise CommandError(msg, returncode=DIFFERENT) from error
    if answer != "yes":
        msg = f'The answer is {answer!r}, not "yes": nothing was forgotten.'
        raise CommandError(msg, returncode=DIFFERENT)


CLEAR = Action("clear", "forget what the store knows", _add_arguments, _run)
