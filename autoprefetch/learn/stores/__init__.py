"""Stores: where what is known lives."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

from autoprefetch.learn.histories import History


class Store(Protocol):
    """Keeps the history of each call site by its key."""

    def load(self, key: str) -> History | None:
        """Return the history of a call site, or None when nothing is known of it."""

    def merge(self, key: str, delta: History) -> None:
        """Add counts to the history of a call site."""

    def delete(self, key: str) -> None:
        """Forget one call site."""

    def items(self) -> Iterable[tuple[str, History]]:
        """Return all that is known."""

    def clear(self) -> None:
        """Forget everything."""
