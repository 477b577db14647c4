"""Programs: what a view might do with its rows, as Python source that a person can read, paste and keep."""

from __future__ import annotations

import linecache
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import count
from typing import Any

from tests.equivalence.differential.vocabulary import Vocabulary
from tests.equivalence.differential.worlds import World

_numbers = count(1)


@dataclass(frozen=True)
class Program:
    """A program and the rows that it finds.

    Attributes:
        world: the rows.
        lines: its source, written in the words of `vocabulary.py`.
        settings: the settings that its automatic runs have.
    """

    world: World
    lines: tuple[str, ...]
    settings: dict[str, Any] = field(default_factory=dict, hash=False)

    @property
    def source(self) -> str:
        return "\n".join(self.lines) + "\n"

    @property
    def writes(self) -> bool:
        """Whether it says so: every word that writes stands in a line of its own."""
        return any(line.strip().startswith(WRITING) for line in self.lines)

    def function(self) -> Callable[[Vocabulary], None]:
        """Compile it once, so that every run is made from the same lines."""
        name = f"<program {next(_numbers)}>"
        code = compile(self.source, name, "exec")

        def run(vocabulary: Vocabulary) -> None:
            exec(code, vocabulary.words())

        linecache.cache[name] = (len(self.source), None, self.source.splitlines(keepends=True), name)
        return run

    def __str__(self) -> str:
        settings = f", settings={self.settings!r}" if self.settings else ""
        return f"World(seed={self.world.seed}, size={self.world.size}){settings}\n{self.source}"


WRITING = ("write(", "in_task(", "sql(", "with rolled_back()", "with savepoint()", "changed.")
