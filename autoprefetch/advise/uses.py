"""Uses: what was loaded ahead and nobody used, be it by a plan or by the caller's own query."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from django.db.models.constants import LOOKUP_SEP

from autoprefetch.advise.keys import call_of
from autoprefetch.learn.given import Given
from autoprefetch.learn.histories import History
from autoprefetch.learn.profiles import Path, Profile

ENOUGH = 8
"""Evaluations that tell enough to say that something is not used (evaluations)."""

INSPECTED = 6
"""Inspected evaluations that tell enough to say so of what the caller's own query loads (evaluations).

A process inspects its 2nd, 4th, 8th, 16th, 32nd and 64th evaluation of a call site: by then a whole era went by.
"""


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


def unneeded(history: History, alike: Iterable[History] = ()) -> Mapping[str, Given]:
    """Return what the caller's own query loads, and what nobody used: enough inspected evaluations, and no other, tell.

    What was ever loaded lazily is needed too, so that nothing is ever advised both ways.

    Args:
        history: what is known of the call site.
        alike: that of the others that evaluate the same call of `auto()`; they have to agree.
    """
    histories = (history, *alike)
    touched = {path for one in histories for path in one.paths()}
    return {
        text: one
        for text, one in history.totals.given.items()
        if all(_is_unused(other.totals.given.get(text)) for other in histories)
        and tuple(text.partition(" ")[2].split(LOOKUP_SEP)) not in touched
    }


def _is_unused(given: Given | None) -> bool:
    """Tell whether enough was seen of what is given to say that nobody uses it, or it is not given at all."""
    return given is None or (given.evaluations >= INSPECTED and not given.used)


def by_call(known: Mapping[str, History]) -> Mapping[str, Mapping[str, History]]:
    """Return histories by the call of `auto()` that their call sites evaluate, and by their keys."""
    found: dict[str, dict[str, History]] = {}
    for key, history in known.items():
        found.setdefault(call_of(key), {})[key] = history
    return found


def others(key: str, together: Mapping[str, Mapping[str, History]]) -> tuple[History, ...]:
    """Return what is known of the other call sites that evaluate the same call of `auto()`."""
    return tuple(history for other, history in together.get(call_of(key), {}).items() if other != key)
