"""The circuit breaker: what fails is left alone for a while that grows, and tried again.

After Nygard, "Release It!", 2007.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from random import uniform

SHORTEST, LONGEST = 1.0, 60.0
"""How long what fails is left alone, the first time and at the most (seconds)."""

Told = Callable[[str, "BaseException | None"], None]


class Breaker:
    """Stands between a process and something that may fail.

    Args:
        troubled: called with what it cannot do and the error, once until it is well again, and then with None.
    """

    def __init__(self, troubled: Told) -> None:
        self._troubled = troubled
        self._failures = 0
        self._retry_at = 0.0

    def is_open(self) -> bool:
        """Tell whether it is left alone now."""
        return time.monotonic() < self._retry_at

    def retry(self) -> None:
        """Leave it alone no longer."""
        self._retry_at = 0.0

    def attempt(self, trouble: str, use: Callable[[], object]) -> bool:
        """Use it, unless it is left alone; return whether that went well."""
        if self.is_open():
            return False
        try:
            use()
        except Exception as error:
            self.failed(trouble, error)
            return False
        if self._failures:
            self._failures = 0
            self.retry()
            self._troubled("is well again", None)
        return True

    def failed(self, trouble: str, error: BaseException) -> None:
        """Leave it alone from now on, longer with each time."""
        self._failures += 1
        pause = min(SHORTEST * 2 ** (self._failures - 1), LONGEST)
        self._retry_at = time.monotonic() + pause * uniform(0.8, 1.2)
        if self._failures == 1:
            self._troubled(trouble, error)
