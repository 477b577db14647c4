"""Search for a program that gives something else than plain Django."""

from __future__ import annotations

import os
from collections.abc import Iterator
from functools import lru_cache

from hypothesis import HealthCheck, Phase, given, seed, settings

from tests.equivalence.differential.differences import compared
from tests.equivalence.differential.generating import programs
from tests.equivalence.differential.programs import Program
from tests.equivalence.differential.schema import Model
from tests.equivalence.differential.shrinking import shrunk

USUAL = 300
PROGRAMS = int(os.environ.get("AUTOPREFETCH_PROGRAMS", USUAL))
"""Programs on SQLite, half of them writing; a nightly run sets AUTOPREFETCH_PROGRAMS=20000."""

CHUNK = 50
"""Programs that are drawn at a time."""


def sample(count: int, *, may_write: bool, skip: int = 0, about: tuple[Model, ...] = ()) -> Iterator[Program]:
    """Yield so many programs, the same ones in every process.

    Args:
        count: how many.
        may_write: whether they may write.
        skip: how many to leave out first, in whole chunks.
        about: the models that they keep to; without any each program chooses.
    """
    first = skip // CHUNK
    for number in range(first, first + -(-count // CHUNK)):
        yield from _chunk(number, may_write, about)[: count - (number - first) * CHUNK]


@lru_cache(maxsize=32)
def _chunk(number: int, may_write: bool, about: tuple[Model, ...]) -> tuple[Program, ...]:
    found: list[Program] = []

    @seed(number)
    @settings(max_examples=CHUNK, database=None, deadline=None, phases=[Phase.generate],
              suppress_health_check=list(HealthCheck))  # fmt: skip
    @given(programs(may_write=may_write, about=about))
    def each(program: Program) -> None:
        found.append(program)

    each()
    return tuple(found)


def first_difference(count: int, *, may_write: bool, about: tuple[Model, ...] = ()) -> str:
    """Return what the first program that differs says; "" when none out of so many does."""
    differences = (compared(program).difference() for program in sample(count, may_write=may_write, about=about))
    return next(filter(None, differences), "")


def smallest(program: Program) -> str:
    """Return what the smallest program says that differs like a given one."""

    def differs(candidate: Program) -> bool:
        try:
            compile(candidate.source, "<candidate>", "exec")
        except SyntaxError:
            return False
        difference = compared(candidate).difference()
        return bool(difference) and "NameError" not in difference

    return compared(shrunk(program, differs)).difference()
