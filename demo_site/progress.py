"""A progress bar for a terminal."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Self, TextIO

if TYPE_CHECKING:
    from types import TracebackType

WIDTH = 30


class ProgressBar:
    """Show on one line how much of a known amount of work is done.

    Nothing is drawn when the stream is not a terminal, so logs stay free of control characters.

    Args:
        label: What is being done.
        total: The amount of work, in any unit.
        stream: Where to draw; standard error by default, to keep standard output for results.
    """

    def __init__(self, label: str, total: int, stream: TextIO | None = None) -> None:
        self.label = label
        self.total = total
        self.done = 0
        self.stream = stream or sys.stderr
        self.drawn = self.stream.isatty()

    def __enter__(self) -> Self:
        self.draw()
        return self

    def advance(self, amount: int) -> None:
        """Add to the work done."""
        self.done += amount
        self.draw()

    def draw(self) -> None:
        """Write the bar over the one before."""
        if not self.drawn:
            return
        share = self.done / self.total if self.total else 1.0
        filled = round(WIDTH * share)
        bar = "#" * filled + "." * (WIDTH - filled)
        self.stream.write(f"\r{self.label} [{bar}] {share:4.0%}")
        self.stream.flush()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self.drawn:
            self.stream.write("\n")
