"""`report`: what the store knows of each call site, and what is ignored for nothing."""

from __future__ import annotations

import json
from argparse import ArgumentParser
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from django.core.management.base import BaseCommand

from autoprefetch import conf
from autoprefetch.advise.foreseeing import report_of
from autoprefetch.advise.ignores import Ignore, faulty
from autoprefetch.advise.reports import Report
from autoprefetch.management.actions import WELL, Action, whole_number
from autoprefetch.management.opening import add_site, chosen


def _as_text(report: Report, ignores: Sequence[Ignore]) -> str:
    return "\n\n".join([report.as_text(), *(["\n".join(one.as_text() for one in ignores)] if ignores else [])])


def _as_json(report: Report, ignores: Sequence[Ignore]) -> str:
    values = {**report.as_dict(), "ignores": [one.as_dict() for one in ignores]}
    return json.dumps(values, indent=2, ensure_ascii=False)


def _as_markdown(report: Report, ignores: Sequence[Ignore]) -> str:
    return "\n\n".join(
        [report.as_markdown(), *(["\n".join(f"- {one.as_text()}" for one in ignores)] if ignores else [])]
    )


FORMATS: Mapping[str, Callable[[Report, Sequence[Ignore]], str]] = {
    "text": _as_text,
    "json": _as_json,
    "markdown": _as_markdown,
}


def _add_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("--format", choices=tuple(FORMATS), default="text", help='"text" unless told')
    add_site(parser)
    parser.add_argument("--limit", type=whole_number, metavar="N", help="print N call sites at the most")


def _run(command: BaseCommand, options: Mapping[str, Any]) -> int:
    known = chosen(options["site"])
    whole = report_of(known, conf.current())
    ignores = faulty(known, conf.current()) if options["site"] is None else []  # they are of the project as a whole
    report = Report(whole.call_sites[: options["limit"]])
    command.stdout.write(FORMATS[options["format"]](report, ignores))
    return WELL


REPORT = Action("report", "print each call site of the store, that which saves most first", _add_arguments, _run)
