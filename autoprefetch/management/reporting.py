"""`report`: what the store knows of each call site."""

from __future__ import annotations

import json
from argparse import ArgumentParser
from collections.abc import Callable, Mapping
from fnmatch import fnmatchcase
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from autoprefetch import conf
from autoprefetch.advise.foreseeing import report_of
from autoprefetch.advise.reports import Report
from autoprefetch.management.actions import WELL, WRONG, Action, call_sites, whole_number
from autoprefetch.management.opening import known_to, store_of_settings

FORMATS: Mapping[str, Callable[[Report], str]] = {
    "text": Report.as_text,
    "json": lambda report: json.dumps(report.as_dict(), indent=2, ensure_ascii=False),
    "markdown": Report.as_markdown,
}


def _add_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("--format", choices=tuple(FORMATS), default="text", help='"text" unless told')
    parser.add_argument("--site", metavar="PATTERN", help='how its key begins, * for any text: "bank.views:*"')
    parser.add_argument("--limit", type=whole_number, metavar="N", help="print N call sites at the most")


def _run(command: BaseCommand, options: Mapping[str, Any]) -> int:
    known, pattern = known_to(store_of_settings()), options["site"]
    chosen = {key: history for key, history in known.items() if pattern is None or fnmatchcase(key, f"{pattern}*")}
    if known and not chosen:
        msg = f"--site {pattern!r} is none of {call_sites(len(known))}. Give how a key begins, with * for any text."
        raise CommandError(msg, returncode=WRONG)
    whole = report_of(chosen, conf.current())
    command.stdout.write(FORMATS[options["format"]](Report(whole.call_sites[: options["limit"]])))
    return WELL


REPORT = Action("report", "print each call site of the store, that which saves most first", _add_arguments, _run)
