"""The reference of the commands: what the parser accepts is what the page describes."""

from __future__ import annotations

import argparse
import re
from pathlib import Path

import pytest

from autoprefetch.advise.differences import EDITED, IDLE, NEW, UNUSED
from autoprefetch.advise.ignores import MISWRITTEN, STALE
from autoprefetch.advise.reports import CallSiteReport, Line
from autoprefetch.advise.savings import Basis
from autoprefetch.advise.tables import RELATIONS
from autoprefetch.learn.histories import History
from autoprefetch.learn.profiles import Profile, Usage
from autoprefetch.management.actions import DIFFERENT, WELL, WRONG
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


def lines_of(profile: Profile) -> list[Line]:
    return list(CallSiteReport("", "", "", History.of(profile, 0), None, "").lines())


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


def test_every_exit_code_is_described() -> None:
    """And none that no action ends with."""
    assert {row[0] for row in cells(2)} == {str(code) for code in (WELL, DIFFERENT, WRONG)}


def test_every_column_and_kind_is_described() -> None:
    """Of the report and of the findings, in text and in JSON."""
    [line] = lines_of(Profile(1, 16, 1, usages={("author",): Usage(1, 16, 16)}))
    described = {name for row in cells(3) for name in re.findall(r"\w+", row[0])}
    assert described == {*RELATIONS, *line.as_dict()} - {"relation", "path"}
    assert {row[0] for row in cells(4)} == set(Basis)
    assert {row[0] for row in cells(5)} == {NEW, UNUSED, EDITED, IDLE, STALE, MISWRITTEN}


@pytest.mark.parametrize("option", ["--settings=tests.settings", "--traceback", "--no-color", "-v0", "--skip-checks"])
def test_options_of_django_stand_before_an_action_or_behind_it(option: str) -> None:
    """As people type them; what stands before is not undone by what is not said behind."""
    parser = Command().create_parser("manage.py", "autoprefetch")
    given = [vars(parser.parse_args(arguments)) for arguments in ([option, "report"], ["report", option])]
    assert given[0] == given[1] != vars(parser.parse_args(["report"]))
