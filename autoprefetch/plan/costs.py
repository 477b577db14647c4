"""Costs: what loading ahead is expected to save in an evaluation.

Counted in expected queries saved for each evaluation, not in the share of instances: one instance in twenty, of a
thousand rows, is still fifty queries.
"""

from __future__ import annotations

from autoprefetch.learn.profiles import Path, Profile

ROUND_TRIP = 0.000_5
"""The least that a query costs (seconds); a local socket takes less, any network more."""

HYDRATION = 0.000_005
"""What one more instance costs (seconds)."""


def saving(profile: Profile, path: Path, *, queries: int) -> float:
    """Estimate what loading a path ahead saves in one evaluation.

    Args:
        profile: the counts of the call site.
        path: what is to be loaded ahead.
        queries: how many queries it takes when loaded ahead: 0 for a join, 1 for a prefetch.

    Returns:
        seconds; negative when it costs more than it saves.
    """
    usage = profile.usages[path]
    evaluations = max(usage.evaluations, 1)
    loads = profile.loads_per_evaluation(path)
    unread = max(usage.offered - usage.loads, 0) / evaluations
    rows_a_load = max(usage.rows / max(usage.loads, 1), 1)
    return (loads - queries) * ROUND_TRIP - unread * rows_a_load * HYDRATION


def is_always_used(profile: Profile, path: Path) -> bool:
    """Tell whether every evaluation that could have loaded a path lazily did so."""
    usage = profile.usages[path]
    return usage.evaluations >= profile.evaluations - usage.eager
