"""Make a program that differs as small as it can be, by leaving out lines, methods and rows."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import replace

from tests.equivalence.differential.programs import Program
from tests.equivalence.differential.worlds import World

_CALL = re.compile(r"\.\w+\([^()]*\)|\[\d?:\d?\]")


def shrunk(program: Program, differs: Callable[[Program], bool]) -> Program:
    """Return the smallest program near a program that still differs."""
    is_smaller = True
    while is_smaller:
        is_smaller = False
        for candidate in _smaller(program):
            if differs(candidate):
                program, is_smaller = candidate, True
                break
    return program


def _smaller(program: Program) -> Iterator[Program]:
    """Yield what is smaller by one step, the largest steps first."""
    if program.settings:
        yield replace(program, settings={})
    for at in range(len(program.lines)):
        yield replace(program, lines=without_block(program.lines, at))
    for at in range(len(program.lines)):
        yield replace(program, lines=without_head(program.lines, at))
    for at, line in enumerate(program.lines):
        for found in _CALL.finditer(line):
            yield replace(
                program,
                lines=(*program.lines[:at], line[: found.start()] + line[found.end() :], *program.lines[at + 1 :]),
            )
    if program.world.size > 1:
        yield replace(program, world=World(program.world.seed, program.world.size - 1))
    for seed in range(min(program.world.seed, 3)):
        yield replace(program, world=World(seed, program.world.size))


def without_block(lines: tuple[str, ...], at: int) -> tuple[str, ...]:
    """Leave out a line and the block below it."""
    end = at + 1
    while end < len(lines) and _indent(lines[end]) > _indent(lines[at]):
        end += 1
    return (*lines[:at], *lines[end:])


def without_head(lines: tuple[str, ...], at: int) -> tuple[str, ...]:
    """Leave out a line and keep the block below it."""
    end = at + 1
    while end < len(lines) and _indent(lines[end]) > _indent(lines[at]):
        end += 1
    return (*lines[:at], *(line[4:] for line in lines[at + 1 : end]), *lines[end:])


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip())
