"""`fix`: write the suggestions into the source, as a diff or into the files."""

from __future__ import annotations

import os
import subprocess
from argparse import ArgumentParser
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from autoprefetch import conf
from autoprefetch.advise.diffs import changed, diff, name_in
from autoprefetch.advise.fixes import Fixes, fixes_for
from autoprefetch.advise.proposing import proposals
from autoprefetch.management.actions import WELL, WRONG, Action
from autoprefetch.management.opening import add_site, chosen

NOTHING = "Nothing to fix: no suggestion has a place in the source that can be changed."


def _add_arguments(parser: ArgumentParser) -> None:
    add_site(parser)
    parser.add_argument("--write", action="store_true", help="change the files; else print a diff for `git apply`")
    parser.add_argument("--keep-auto", action="store_true", help="leave the querysets in auto()")
    parser.add_argument("--force", action="store_true", help="change files with changes that are not committed, too")


def _run(command: BaseCommand, options: Mapping[str, Any]) -> int:
    known = chosen(options["site"])
    fixes = fixes_for(proposals(known, conf.current()), known, keep_auto=options["keep_auto"])
    _leave_foreign(fixes)
    if options["write"]:
        _leave_fixed(fixes)
    if options["write"] and not options["force"]:
        _leave_unsaved(fixes)
    files = _changed(fixes)
    for remark in (*fixes.remarks, *fixes.notes):
        command.stderr.write(remark)
    if not files:
        command.stderr.write(NOTHING)
    for file, (before, after) in files.items():
        if options["write"]:
            _write(command, file, after)
            continue
        try:
            command.stdout.write(diff(_name(file), before, after), ending="")
        except UnicodeDecodeError:
            command.stderr.write(f"{_name(file)} is not UTF-8, as a diff has to be. Give --write to change it.")
    return WELL


def _write(command: BaseCommand, file: Path, text: bytes) -> None:
    try:
        file.write_bytes(text)
    except OSError as error:
        command.stderr.write(f"{_name(file)} cannot be written: {error.strerror or error}.")
    else:
        command.stdout.write(f"{_name(file)} is changed.")


def _leave_foreign(fixes: Fixes) -> None:
    """Leave the files alone that a link in the project leads to, out of the repository of the link."""
    for written in {one.span[0] for fix in fixes.fixes for one in fix.replacements if one.span}:
        link, file = Path(written), Path(written).resolve()
        top = next((folder for folder in link.parents if (folder / ".git").exists()), link.parent).resolve()
        if not file.is_relative_to(top):
            fixes.leave_file(str(file), f"{written} is a link to {file}, which is outside of {top}.")


def _leave_fixed(fixes: Fixes) -> None:
    """Leave the files alone that nobody may write."""
    for file in fixes.by_file():
        if not os.access(file, os.W_OK):
            fixes.leave_file(file, f"{_name(Path(file))} cannot be written: it is read-only.")


def _leave_unsaved(fixes: Fixes) -> None:
    """Leave the files alone whose present state would be lost: nobody could take the change back."""
    for file in fixes.by_file():
        state = _git(Path(file).parent, "status", "--porcelain", "--ignored", "--", Path(file).name)
        name = _name(Path(file))
        if state is None:
            fixes.leave_file(file, f"{name} is in no git repository. Give --force to change it.")
        elif state:
            fixes.leave_file(file, f"{name} has changes that are not committed. Commit them, or give --force.")


def _changed(fixes: Fixes) -> dict[Path, tuple[bytes, bytes]]:
    try:
        return changed(fixes)
    except ImportError as error:
        msg = f"fix needs LibCST: {error}. Install autoprefetch[fix]."
        raise CommandError(msg, returncode=WRONG) from error


def _name(file: Path) -> str:
    """Name a file from the top of its repository, as a diff does; outside of one, from the current folder."""
    top = _git(file.parent, "rev-parse", "--show-toplevel")
    return name_in(Path(top) if top else Path.cwd(), file)


def _git(folder: Path, *arguments: str) -> str | None:
    """Ask git about a folder; None where there is no repository, or no git."""
    try:
        run = subprocess.run(["git", *arguments], cwd=folder, capture_output=True, text=True, check=False)
    except OSError:
        return None
    return run.stdout.strip() if run.returncode == 0 else None


FIX = Action("fix", "write the suggestions into the source, as a diff unless told", _add_arguments, _run)
