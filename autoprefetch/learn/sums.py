"""Sums: counts that add up name by name, in any order."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Self


@dataclass(frozen=True, slots=True)
class Sums:
    """What has counts and nothing else."""

    def merged_with(self, other: Self) -> Self:
        """Add what another evaluation, or another worker, has counted."""
        return type(self)(*(getattr(self, one.name) + getattr(other, one.name) for one in fields(self)))
