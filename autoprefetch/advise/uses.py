"""Uses: which of the paths that were loaded ahead of late nobody used."""

from __future__ import annotations

from autoprefetch.learn.histories import History
from autoprefetch.learn.profiles import Path, Profile

ENOUGH = 8
"""Evaluations that tell enough to say that something is not used (evaluations)."""


def unused(history: History) -> frozenset[Path]:
    """Return the paths that were loaded ahead of late, and that none of those evaluations used.

    What counts is the latest era, with those before it as long as it is short: a path that was used for years and is
    not used any more is seen at once. What the caller's own query loads is not counted, and never among them.
    """
    recent: Profile | None = None
    for era in sorted(history.eras, reverse=True):
        recent = recent.merged_with(history.eras[era]) if recent else history.eras[era]
        if recent.observed >= ENOUGH:
            break
    if recent is None:
        return frozenset()
    return frozenset(path for path, usage in recent.usages.items() if usage.eager and not usage.evaluations)
