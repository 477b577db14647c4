"""Stores: where profiles live."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

from autoprefetch.learn.profiles import Profile


class Store(Protocol):
    """Keeps profiles by the key of their call site."""

    def load(self, key: str) -> Profile | None:
        """Return the profile of a call site, or None when nothing is known of it."""

    def merge(self, key: str, delta: Profile) -> None:
        """Add counts to the profile of a call site."""

    def delete(self, key: str) -> None:
        """Forget one call site."""

    def items(self) -> Iterable[tuple[str, Profile]]:
        """Return all that is known."""

    def clear(self) -> None:
        """Forget everything."""
