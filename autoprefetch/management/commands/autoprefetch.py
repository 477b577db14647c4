"""`manage.py autoprefetch report | export | import | clear | check`."""

from __future__ import annotations

import json
from argparse import ArgumentParser
from collections.abc import Callable, Mapping
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, TypeVar

from django.core.management.base import BaseCommand, CommandError

from autoprefetch import conf, stores
from autoprefetch.advise.differences import Difference, differences
from autoprefetch.advise.reports import Report, report_of
from autoprefetch.learn.encoding import UnreadableError
from autoprefetch.learn.histories import History
from autoprefetch.learn.stores import SharedStore
from autoprefetch.learn.stores.file import FileStore, entries
from autoprefetch.rules import MEMORY_STORE

T = TypeVar("T")

FORMATS: Mapping[str, Callable[[Report], str]] = {
    "text": Report.as_text,
    "json": lambda report: json.dumps(report.as_dict(), indent=2, ensure_ascii=False),
    "markdown": Report.as_markdown,
}

DIFFERENT, WRONG = 1, 2
"""Exit codes: `check` found something; the arguments, a file or the settings are wrong. 0 is for all that went well."""


class Command(BaseCommand):
    """What the workers of a project have learned together: look at it, move it, forget it, compare it."""

    help = "Look at what autoprefetch has learned, move it between a store and a file, forget it, or compare it."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Add one command for each action."""
        actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
        report = actions.add_parser("report", help="print each call site of the store, that which saves most first")
        report.add_argument("--format", choices=FORMATS, default="text", help='"text" unless told')
        report.add_argument("--site", default="*", metavar="PATTERN", help='a pattern of call sites: "bank.views:*"')
        report.add_argument("--limit", type=_positive, metavar="N", help="print N call sites at the most")
        export = actions.add_parser("export", help="write what the store knows to a file, for version control")
        export.add_argument("file", type=Path, metavar="FILE", help="it is replaced when it exists")
        importing = actions.add_parser("import", help="add what a file knows to the store")
        importing.add_argument("file", type=Path, metavar="FILE", help="made by `export`")
        clear = actions.add_parser("clear", help="forget what the store knows")
        clear.add_argument("--no-input", "--noinput", action="store_true", help="do not ask")
        check = actions.add_parser("check", help="compare what was learned with a committed file: for CI")
        check.add_argument("committed", type=Path, metavar="COMMITTED", help="the file in version control")
        check.add_argument("--learned", type=Path, metavar="FILE", help="made by `export`; the store unless told")
        check.add_argument("--format", choices=("text", "json"), default="text", help='"text" unless told')

    def handle(self, *args: Any, **options: Any) -> None:
        """Run one action."""
        {
            "report": self.report,
            "export": self.export,
            "import": self.import_,
            "clear": self.clear,
            "check": self.check_file,
        }[options["action"]](options)

    def report(self, options: Mapping[str, Any]) -> None:
        """Print what the store knows of each call site."""
        known = _known(_store())
        whole = report_of({key: history for key, history in known.items() if fnmatchcase(key, f"{options['site']}*")})
        self.stdout.write(FORMATS[options["format"]](Report(whole.call_sites[: options["limit"]])))

    def export(self, options: Mapping[str, Any]) -> None:
        """Write what the store knows to a file."""
        known = _known(_store())
        try:
            FileStore(options["file"]).replace(known)
        except OSError as error:
            msg = f"{options['file']} cannot be written: {error}."
            raise CommandError(msg, returncode=WRONG) from error
        self.stdout.write(f"{_sites(len(known))} written to {options['file']}.")

    def import_(self, options: Mapping[str, Any]) -> None:
        """Add what a file knows to the store."""
        known, store = self.read(options["file"]), _store()
        _using(store, lambda: store.merge_many(known))
        self.stdout.write(f"{_sites(len(known))} of {options['file']} added to the store.")

    def clear(self, options: Mapping[str, Any]) -> None:
        """Forget what the store knows."""
        store = _store()
        count = len(_known(store))
        if not options["no_input"]:
            answer = input(f"Forget what was learned of {_sites(count)}? [yes/no] ")
            if answer != "yes":
                msg = f'The answer is {answer!r}, not "yes": nothing was forgotten.'
                raise CommandError(msg, returncode=DIFFERENT)
        _using(store, store.clear)
        self.stdout.write(f"{_sites(count)} forgotten.")

    def check_file(self, options: Mapping[str, Any]) -> None:
        """Compare what was learned with a committed file."""
        committed = self.read(options["committed"])
        learned = self.read(options["learned"]) if options["learned"] else _known(_store())
        found = differences(committed, learned)
        self.stdout.write(_as_json(found) if options["format"] == "json" else _as_text(found, options["committed"]))
        if found:
            raise SystemExit(DIFFERENT)

    def read(self, file: Path) -> dict[str, History]:
        """Read a file; entries that cannot be read are named, and left out."""

        def left_out(key: str, reason: str) -> None:
            self.stderr.write(f"{file}: {key} is left out, because {reason}.")

        try:
            return entries(file.read_text(encoding="utf-8"), left_out)
        except (OSError, UnicodeDecodeError, UnreadableError) as error:
            msg = f"{file} cannot be read: {error}. Give a file that `export` has written."
            raise CommandError(msg, returncode=WRONG) from error


def _store() -> SharedStore:
    """Return the store of the settings, without a memory in front of it."""
    if problems := conf.current_problems():
        raise CommandError(" ".join(problems), returncode=WRONG)
    setting = conf.current().store
    if setting["BACKEND"] == MEMORY_STORE:
        msg = (
            "AUTOPREFETCH['STORE'] is the memory of each process, and a command has a process of its own."
            " Set a FileStore, a CacheStore or a DatabaseStore."
        )
        raise CommandError(msg, returncode=WRONG)
    return stores.shared(setting)


def _known(store: SharedStore) -> dict[str, History]:
    return _using(store, lambda: dict(store.items()))


def _using(store: SharedStore, use: Callable[[], T]) -> T:
    try:
        return use()
    except Exception as error:
        name = type(store).__name__
        msg = f"The {name} cannot be used: {type(error).__name__}: {error}. Look at its server."
        raise CommandError(msg, returncode=WRONG) from error


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise ValueError(text)
    return number


def _sites(count: int) -> str:
    return f"{count} call site{'' if count == 1 else 's'}"


def _as_text(found: list[Difference], committed: Path) -> str:
    if not found:
        return f"{committed} agrees with what was learned."
    lines = [one.as_text() for one in found]
    remedy = f"Load it ahead in the code, or run `manage.py autoprefetch export {committed}` and commit the file."
    return "\n".join([*lines, remedy])


def _as_json(found: list[Difference]) -> str:
    return json.dumps({"differences": [one.as_dict() for one in found]}, indent=2, ensure_ascii=False)
