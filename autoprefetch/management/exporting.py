"""`export FILE`: what the store knows, as a file for version control."""

from __future__ import annotations

from argparse import ArgumentParser
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from autoprefetch.advise.tables import counted
from autoprefetch.learn.stores.file import FileStore
from autoprefetch.management.actions import WELL, WRONG, Action
from autoprefetch.management.opening import is_kept_in, known_to, store_of_settings


def _add_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("file", type=Path, metavar="FILE", help="it is replaced when it exists")


def _run(command: BaseCommand, options: Mapping[str, Any]) -> int:
    file, store = options["file"], store_of_settings()
    known = known_to(store)
    if is_kept_in(store, file):  # processes go on to merge into it: what they add meanwhile would be lost
        command.stdout.write(
            f"{file} is the store itself, and knows {counted(len(known), 'call site')}: nothing was written."
        )
        return WELL
    try:
        FileStore(file).replace(known)
    except OSError as error:
        msg = f"{file} cannot be written: {error}. Give a file in a folder that can be written to."
        raise CommandError(msg, returncode=WRONG) from error
    command.stdout.write(f"{counted(len(known), 'call site')} written to {file}.")
    return WELL


EXPORT = Action("export", "write what the store knows to a file, for version control", _add_arguments, _run)
