"""The reference of the commands: what the parser accepts is what the page describes."""

from __future__ import annotations

import argparse
import re
from pathlib import Path

from autoprefetch.management.commands.autoprefetch import Command

PAGE = (Path(__file__).parents[2] / "docs" / "reference" / "commands.md").read_text()


def actions() -> dict[str, argparse.ArgumentParser]:
    parser = Command().create_parser("manage.py", "autoprefetch")
    [found] = [action for action in parser._actions if isinstance(action, argparse._SubParsersAction)]
    return dict(found.choices)


def cells(number: int) -> set[tuple[str, ...]]:
    tables = re.split(r"\n\n(?=\|)", PAGE)[1:]
    rows = [line.strip("| ").split(" | ") for line in tables[number].split("\n\n")[0].splitlines()[2:]]
    return {tuple(cell.strip("`") for cell in row) for row in rows}


def test_every_action_is_described() -> None:
    """And none that does not exist."""
    assert {row[0].split()[0] for row in cells(0)} == set(actions())


def test_every_option_is_described() -> None:
    """With the actions that take it."""
    taken = {
        (max(option.option_strings, key=len) if "--no-input" not in option.option_strings else "--no-input", name)
        for name, parser in actions().items()
        for option in parser._actions
        if option.option_strings and option.dest != "help"
    }
    own = {
        (option, name)
        for option, name in taken
        if option not in ("--version", "--verbosity", "--settings", "--pythonpath", "--traceback", "--no-color",
                          "--force-color", "--skip-checks")
    }  # fmt: skip
    assert {(row[0], row[1]) for row in cells(1)} == own
