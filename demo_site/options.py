"""The arguments of ``python -m demo_site``.

Nothing here needs Django, so a wrong argument is answered at once, and also where Django is missing.
"""

from __future__ import annotations

import argparse
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

DEFAULT_PORT = 8000
DATABASE_HELP = """\
DATABASE_URL names the database: sqlite:///path, postgres://user@host:port/name or mysql://user@host:port/name.
Without it the demo uses a temporary SQLite file. It must be a database of the demo's own: its tables are
emptied and seeded again whenever the scale changes.
"""


@dataclass(frozen=True, slots=True)
class Options:
    """What the person who started the demo asked for.

    Args:
        accounts: How many accounts the bank has.
        transactions: How many transactions each account has, but for one that has none.
        latency: Seconds of one simulated round trip to the database.
        format: ``text`` or ``json``.
        port: Where to serve the site; None measures it.
        is_shop: Whether the pages of the shop are measured instead of the bank's dashboard.
        is_opened: Whether the served site is opened in a browser.
    """

    accounts: int
    transactions: int
    latency: float
    format: str
    port: int | None
    is_shop: bool
    is_opened: bool


def parsed(arguments: Sequence[str] | None) -> Options:
    """Read the arguments, or leave with status 2 and a message that names the bad value."""
    parser = argument_parser()
    given = parser.parse_args(arguments)
    if given.serve is not None and given.format == "json":
        parser.error("--format json belongs to a measurement, and --serve measures nothing. Leave one of them away.")
    if given.serve is not None and given.shop:
        parser.error("--shop measures the shop, and --serve serves it with the bank. Leave one of them away.")
    if given.serve is None and given.open:
        parser.error("--open opens what --serve serves. Give both.")
    return Options(
        given.accounts, given.transactions, given.latency / 1000, given.format, given.serve, given.shop, given.open
    )


def argument_parser() -> argparse.ArgumentParser:
    """Describe the arguments and their help."""
    parser = argparse.ArgumentParser(
        prog="python -m demo_site",
        description="Run one dashboard as it was written, with auto(), and tuned by hand, and compare the cost.",
        epilog=DATABASE_HELP,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("--accounts", type=whole(1), default=61, metavar="N", help="accounts of the bank (61)")
    add("--transactions", type=whole(0), default=50, metavar="N", help="transactions of each account (50)")
    add("--latency", type=milliseconds, default=1.2, metavar="MS", help="simulated round trip in ms (1.2); 0: none")
    add("--shop", action="store_true", help="measure the pages of a shop instead, one for each kind of relation")
    add("--format", choices=["text", "json"], default="text", help="how to print the result (text)")
    add(
        "--serve",
        type=whole(1, 65535),
        nargs="?",
        const=DEFAULT_PORT,
        metavar="PORT",
        help=f"serve the site on 127.0.0.1 instead, at this port ({DEFAULT_PORT})",
    )
    add("--open", action="store_true", help="with --serve: also open the site in the browser of this machine")
    return parser


def whole(least: int, most: int | None = None) -> Callable[[str], int]:
    """Make a reader of whole numbers within limits."""
    limits = f"of {least} or more" if most is None else f"from {least} to {most}"

    def read(text: str) -> int:
        try:
            number = int(text)
        except ValueError:
            number = least - 1
        if number < least or (most is not None and number > most):
            msg = f"{text!r} is not a whole number {limits}."
            raise argparse.ArgumentTypeError(msg)
        return number

    return read


def milliseconds(text: str) -> float:
    """Read a duration in milliseconds."""
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not 0 <= number < math.inf:
        msg = f"{text!r} is not a number of milliseconds. Give 0 or more, such as 1.2."
        raise argparse.ArgumentTypeError(msg)
    return number
