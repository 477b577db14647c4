"""Decisions: what people have decided about a call site: that it, or one of its relations, is to be left alone.

Each is a register that the last writer wins (Shapiro et al., "Conflict-free Replicated Data Types", 2011): of two the
later is kept, and of two of the same moment that which ignores. So they can be merged in any order and grouping, and
more than once; and unlike what is learned, they do not fade.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

WHOLE = "*"
"""What stands for all of a call site where else the lookup of a relation stands; no attribute can be called that."""


@dataclass(frozen=True, slots=True, order=True)
class Decision:
    """One decision; the greater of two is in force.

    Attributes:
        when: when it was made (milliseconds since 1970).
        ignores: whether to leave it alone from then on; if not, an earlier decision is taken back.
    """

    when: int
    ignores: bool


Decisions = Mapping[str, Decision]
"""The decision in force for each lookup, and for WHOLE."""

UNDECIDED: Decisions = {}
"""What was decided of most call sites: this very value, so that it takes no room."""


def merged(one: Decisions, other: Decisions) -> Decisions:
    """Keep the later decision of each; the order does not matter."""
    if not one or not other:
        return one or other or UNDECIDED
    return {name: max(found[name] for found in (one, other) if name in found) for name in one.keys() | other.keys()}


def made(known: Decisions, name: str, *, ignores: bool, now: float) -> Decisions:
    """Return a decision, to be merged with those that are known.

    Args:
        known: those that were known to who decides: what is decided now is later, also by a clock that is behind.
        name: a lookup, or WHOLE.
        ignores: whether to leave it alone.
        now: the time (seconds since 1970).
    """
    earliest = known[name].when + 1 if name in known else 0
    return {name: Decision(max(int(now * 1000), earliest), ignores)}


def is_ignored(decisions: Decisions, name: str = WHOLE) -> bool:
    """Tell whether a lookup, or all of a call site, is to be left alone."""
    return name in decisions and decisions[name].ignores


def left_lazy(decisions: Decisions) -> tuple[str, ...]:
    """Return the lookups of the relations that are to be left lazy."""
    return tuple(sorted(name for name, decision in decisions.items() if decision.ignores and name != WHOLE))
