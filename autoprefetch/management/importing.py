"""`import FILE`: what a file knows, added to the store."""

from __future__ import annotations

from argparse import ArgumentParser
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from autoprefetch.advise.foreseeing import model_of
from autoprefetch.advise.keys import label_of
from autoprefetch.advise.tables import counted
from autoprefetch.learn.histories import History
from autoprefetch.management.actions import WELL, WRONG, Action
from autoprefetch.management.opening import is_kept_in, read, store_of_settings, using


def _add_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("file", type=Path, metavar="FILE", help="made by `export`")


def _run(command: BaseCommand, options: Mapping[str, Any]) -> int:
    file, store = options["file"], store_of_settings()
    if is_kept_in(store, file):
        msg = f"{file} is the store itself, and each count in it would count twice. Give another file."
        raise CommandError(msg, returncode=WRONG)
    known = _of_installed_models(command, file, read(command, file))
    using(store, lambda: store.merge_many(known))
    command.stdout.write(f"{counted(len(known), 'call site')} of {file} added to the store.")
    return WELL


def _of_installed_models(command: BaseCommand, file: Path, known: Mapping[str, History]) -> dict[str, History]:
    gone = {key for key in known if model_of(key) is None}
    for key in sorted(gone):
        command.stderr.write(f"{file}: {key} is left out, because no installed model is called {label_of(key)!r}.")
    return {key: history for key, history in known.items() if key not in gone}


IMPORT = Action("import", "add what a file knows to the store", _add_arguments, _run)
