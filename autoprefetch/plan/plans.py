"""Plans: what the next evaluation of a call site loads ahead, and how."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache

from django.db.models import Model
from django.db.models.constants import LOOKUP_SEP

from autoprefetch.learn.profiles import Path
from autoprefetch.plan.relations import Relation


class Method(StrEnum):
    """How a path is loaded."""

    JOIN = "joined"
    PREFETCH = "prefetched"
    GIVEN = "loaded by the caller's own query"
    LAZY = "lazy"


@dataclass(frozen=True, slots=True)
class Branch:
    """One relation of a plan, with the relations below it.

    Attributes:
        path: where it is.
        relation: what it follows.
        target: the model it leads to.
        method: how it is loaded.
        reason: why in this way.
        advises_join: whether a join is advised although the plan does not make it, because only the order of rows with
            equal sort keys speaks against it.
        below: the branches that start at its target.
    """

    path: Path
    relation: Relation
    target: type[Model]
    method: Method
    reason: str
    advises_join: bool = False
    below: tuple[Branch, ...] = ()

    def walk(self) -> Iterator[Branch]:
        """Yield this branch and all below it."""
        yield self
        for branch in self.below:
            yield from branch.walk()


@lru_cache(10_000)
def same(branch: Branch) -> Branch:
    """Return the branch that other call sites have as well: a relation is loaded in the same way at most of them."""
    return branch


@dataclass(frozen=True, slots=True)
class Plan:
    """What to load ahead for one call site and one form of its queryset."""

    model: type[Model]
    branches: tuple[Branch, ...] = ()
    dropped: tuple[tuple[Path, str], ...] = ()

    def walk(self) -> Iterator[Branch]:
        """Yield all branches, parents first."""
        for branch in self.branches:
            yield from branch.walk()

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to load ahead."""
        return not any(branch.method in (Method.JOIN, Method.PREFETCH) for branch in self.walk())

    def joins(self) -> tuple[str, ...]:
        """Return the lookups for `select_related` on the root query."""
        return joins_of(self.branches)

    def eager_paths(self) -> frozenset[Path]:
        """Return the paths that are loaded ahead."""
        return frozenset(b.path for b in self.walk() if b.method in (Method.JOIN, Method.PREFETCH))


def joins_of(branches: tuple[Branch, ...], prefix: str = "") -> tuple[str, ...]:
    """Return the lookups for `select_related` that branches of one level ask for, the longest of each chain."""
    lookups: list[str] = []
    for branch in branches:
        if branch.method not in (Method.JOIN, Method.GIVEN) or branch.relation.is_to_many:
            continue
        lookup = prefix + branch.relation.query_name
        below = joins_of(branch.below, lookup + LOOKUP_SEP)
        lookups += below or ([lookup] if branch.method is Method.JOIN else [])
    return tuple(lookups)
