"""`report`: what the store knows of each call site."""

from __future__ import annotations

import json
from argparse import ArgumentParser
from collections.abc import Callable, Mapping
from typing import Any

from django.core.management.base import BaseCommand

from autoprefetch import conf
from autoprefetch.advise.foreseeing import report_of
from autoprefetch.advise.reports import Report
from autoprefetch.management.actions import WELL, Action, whole_number
from autoprefetch.management.opening import add_site, chosen

FORMATS: Mapping[str, Callable[[Report], str]] = {
    "text": Report.as_text,
    "json": lambda report: json.dumps(report.as_dict(), indent=2, ensure_ascii=False),
    "markdown": Report.as_markdown,
}


def _add_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("--format", choices=tuple(FORMATS), default="text", help='"text" unless told')
    add_site(parser)
    parser.add_argument("--limit", type=whole_number, metavar="N", help="print N call sites at the most")


def _run(command: BaseCommand, options: Mapping[str, Any]) -> int:
    whole = report_of(chosen(options["site"]), conf.current())
    command.stdout.write(FORMATS[options["format"]](Report(whole.call_sites[: options["limit"]])))
    return WELL


REPORT = Action("report", "print each call site of the store, that which saves most first", _add_arguments, _run)
