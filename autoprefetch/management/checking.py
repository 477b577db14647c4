"""`check COMMITTED`: what was learned, compared with a committed file, and what is ignored for nothing, for CI."""

from __future__ import annotations

import json
from argparse import ArgumentParser
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from autoprefetch import conf
from autoprefetch.advise.differences import differences
from autoprefetch.advise.ignores import faulty, heeding
from autoprefetch.advise.tables import counted
from autoprefetch.learn.histories import History
from autoprefetch.management.actions import DIFFERENT, WELL, WRONG, Action
from autoprefetch.management.opening import is_kept_in, known_to, read, store_of_settings


def _add_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("committed", type=Path, metavar="COMMITTED", help="the file in version control")
    parser.add_argument("--learned", type=Path, metavar="FILE", help="made by `export`; the store unless told")
    parser.add_argument("--format", choices=("text", "json"), default="text", help='"text" unless told')


def _run(command: BaseCommand, options: Mapping[str, Any]) -> int:
    committed = options["committed"]
    known = read(command, committed)
    learned = _learned(command, committed, options["learned"])
    found = heeding(differences(known, learned), conf.current(), known, learned)
    ignores = faulty({*known, *learned}, conf.current())
    if options["format"] == "json":
        values = {"differences": [one.as_dict() for one in found], "ignores": [one.as_dict() for one in ignores]}
        command.stdout.write(json.dumps(values, indent=2, ensure_ascii=False))
    elif found or ignores:
        remedy = f"Or run `manage.py autoprefetch export {committed}` with what was learned, and commit it."
        lines = [*(one.as_text() for one in found), *([remedy] if found else [])]
        command.stdout.write("\n".join([*lines, *(one.as_text() for one in ignores)]))
    else:
        command.stdout.write(f"{committed} agrees with what was learned of {counted(len(learned), 'call site')}.")
    return DIFFERENT if found or ignores else WELL


def _learned(command: BaseCommand, committed: Path, file: Path | None) -> dict[str, History]:
    """Return what is to be compared with the committed file, which must not be that file itself."""
    if file is None:
        store = store_of_settings()
        if not is_kept_in(store, committed):
            return known_to(store)
    elif file.resolve() != committed.resolve():
        return read(command, file)
    msg = (
        f"{committed} would be compared with itself. Have the tests learn into another file, and give it by --learned."
    )
    raise CommandError(msg, returncode=WRONG)


CHECK = Action("check", "compare what was learned with a committed file, for CI", _add_arguments, _run)
