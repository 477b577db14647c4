"""`suggest`: the code that makes `auto()` unnecessary, call site by call site."""

from __future__ import annotations

import json
from argparse import ArgumentParser, ArgumentTypeError
from collections.abc import Callable, Mapping
from typing import Any

from django.core.management.base import BaseCommand

from autoprefetch import conf
from autoprefetch.advise.proposing import LEAST, Proposal, kept_by_auto, proposals
from autoprefetch.management.actions import WELL, Action, whole_number
from autoprefetch.management.opening import add_site, known_to, some, store_of_settings

NOTHING = f"Nothing to suggest: of no call site that was evaluated {LEAST} times is anything known that saves a query."

FORMATS: Mapping[str, Callable[[list[Proposal]], str]] = {
    "text": lambda found: "\n\n".join(proposal.as_text() for proposal in found) or NOTHING,
    "json": lambda found: json.dumps({"suggestions": [one.as_dict() for one in found]}, indent=2, ensure_ascii=False),
    "markdown": lambda found: "\n\n".join(proposal.as_markdown() for proposal in found) or NOTHING,
}


def _milliseconds(text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = -1.0
    if not 0 <= number < float("inf"):
        msg = f"{text!r} is not a number of milliseconds of 0 or more."
        raise ArgumentTypeError(msg)
    return number


def _add_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("--format", choices=tuple(FORMATS), default="text", help='"text" unless told')
    add_site(parser)
    parser.add_argument(
        "--min-saved", type=_milliseconds, default=0.0, metavar="MS", help="leave out what saves less in an evaluation"
    )
    parser.add_argument("--limit", type=whole_number, metavar="N", help="print N suggestions at the most")


def _run(command: BaseCommand, options: Mapping[str, Any]) -> int:
    known = known_to(store_of_settings())
    asked = some(known, options["site"])
    found = proposals(asked, conf.current(), known)
    worth = [one for one in found if one.suggestion.saved_seconds * 1000 >= options["min_saved"]]
    command.stdout.write(FORMATS[options["format"]](worth[: options["limit"]]))
    for sentence in kept_by_auto(asked, conf.current()):
        command.stderr.write(sentence)
    return WELL


SUGGEST = Action("suggest", "print the code to write, that first which saves most time", _add_arguments, _run)
