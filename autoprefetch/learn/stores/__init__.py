"""Stores: where what is known lives."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Protocol

from autoprefetch.learn.histories import History

Tell = Callable[[str], None]
"""What a store says of entries that it left out, with the reason, as one sentence for people."""


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


class SharedStore(Store, Protocol):
    """Keeps what is known outside of this process, where several may merge at once and nothing is lost.

    Any of its methods may fail, or take long: in front of it stands the memory of the process (`learn/front.py`).

    Attributes:
        tell: called with what was left out, and why.
        may_lose: whether entries may vanish that nobody deleted, as from a cache. What is deleted is then kept as an
            empty history, so that the two can be told apart.
        whole: returns all that this process knows, to be brought back by the first process that finds the store empty.
    """

    tell: Tell
    may_lose: bool
    whole: Callable[[], Mapping[str, History]]

    def is_emptied(self) -> bool:
        """Tell whether the store has lost all that this process saw in it."""

    def merge_many(self, deltas: Mapping[str, History]) -> None:
        """Add counts to the histories of several call sites at once."""


def tell_nobody(text: str) -> None:
    """Say nothing: nobody has asked yet."""
