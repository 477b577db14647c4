"""`manage.py autoprefetch report | suggest | fix | export | import | clear | check`."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from autoprefetch.management.checking import CHECK
from autoprefetch.management.clearing import CLEAR
from autoprefetch.management.exporting import EXPORT
from autoprefetch.management.fixing import FIX
from autoprefetch.management.importing import IMPORT
from autoprefetch.management.reporting import REPORT
from autoprefetch.management.suggesting import SUGGEST

ACTIONS = {action.name: action for action in (REPORT, SUGGEST, FIX, EXPORT, IMPORT, CLEAR, CHECK)}


class Command(BaseCommand):
    """What the workers of a project have learned together: look at it, move it, forget it, compare it."""

    help = "Look at what autoprefetch has learned, move it between a store and a file, forget it, or compare it."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Add one command for each action."""
        parsers = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
        for action in ACTIONS.values():
            action.add_to(parsers)

    def handle(self, *args: Any, **options: Any) -> None:
        """Run one action, and end with its exit code."""
        if code := ACTIONS[options["action"]].run(self, options):
            raise SystemExit(code)
