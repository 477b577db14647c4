"""Plans: what the next evaluation of a call site loads ahead, and how."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from enum import StrEnum
from fnmatch import fnmatchcase
from functools import lru_cache

from django.db.models import Model
from django.db.models.constants import LOOKUP_SEP

from autoprefetch.learn.profiles import Path, Profile, is_derived
from autoprefetch.plan.costs import is_always_used, saving
from autoprefetch.plan.forms import Form
from autoprefetch.plan.relations import Kind, Relation, relation

MAX_JOINS = 16
"""Joins that a plan adds to one query at the most; SQLite ends at 64 tables, MariaDB at 61."""


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
def _same(branch: Branch) -> Branch:
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


@dataclass(frozen=True, slots=True)
class Choices:
    """What the settings and the caller of `auto()` say about planning."""

    join_unordered: bool = False
    ahead: bool = True
    ignore: tuple[str, ...] = ()
    patterns: tuple[str, ...] = ()

    def ignores(self, path: Path, known: Relation) -> bool:
        """Tell whether a relation is to be left lazy."""
        lookup = LOOKUP_SEP.join(step.partition("[")[0].partition("(")[0] for step in path)
        return lookup in self.ignore or any(
            fnmatchcase(f"{known.owner}.{known.name}", pattern) for pattern in self.patterns
        )


@dataclass(slots=True)
class _Level:
    """The query that branches would be joined to: the root's, or that of a prefetch."""

    form: Form
    known: frozenset[str] = frozenset()
    is_callers: bool = False
    is_to_one: bool = False
    joins: int = 0

    def no_join(self, choices: Choices) -> tuple[str, bool]:
        """Say why nothing may be joined, and whether the ordering is the only reason."""
        if self.is_callers:
            return "the caller prefetches with a query of its own", False
        if self.form.no_joins:
            return self.form.no_joins, False
        if self.joins >= MAX_JOINS:
            return f"the query has {MAX_JOINS} joins already", False
        if self.is_to_one or choices.join_unordered or self.form.is_totally_ordered(self.known):
            return "", False
        return "the ordering is not total, and a join may change the order of rows with equal sort keys", True


@dataclass(frozen=True, slots=True)
class _Planner:
    profile: Profile
    form: Form
    form_of: Callable[[Relation, type[Model]], Form]
    choices: Choices
    dropped: list[tuple[Path, str]] = field(default_factory=list)

    def branches(self, model: type[Model], parent: Path, level: _Level) -> tuple[Branch, ...]:
        """Plan the paths that start at one model."""
        size = len(parent) + 1
        names = {path[:size] for path in self.profile.usages if len(path) >= size and path[: size - 1] == parent}
        names |= {
            path[:size]
            for path in self.form.joined | self.form.prefetched
            if len(path) >= size and path[: size - 1] == parent
        }
        found = (self.branch(model, path, level) for path in sorted(names) if not is_derived(path))
        return tuple(branch for branch in found if branch is not None)

    def branch(self, model: type[Model], path: Path, level: _Level) -> Branch | None:
        name, _, variant = path[-1].partition("[")
        known = relation(model, name)
        target = self.target(known, variant.removesuffix("]"), model)
        if known is None or target is None:
            self.dropped.append((path, f"{model._meta.label} has no relation {name!r} any more"))
            return None
        if path in self.form.joined:
            below = self.branches(target, path, level)
            return Branch(path, known, target, Method.GIVEN, "the caller joins it", below=below)
        if path in self.form.prefetched:
            # Django looks for what is prefetched under the attribute's name; kept under another, it would ask again.
            is_found = known.cache == known.name
            below = self.branches(target, path, _Level(self.form, is_callers=True)) if is_found else ()
            return Branch(path, known, target, Method.GIVEN, "the caller prefetches it", below=below)
        if reason := self.stays_lazy(known, path):
            return Branch(path, known, target, Method.LAZY, reason)
        return self.eager(known, target, path, level)

    def target(self, known: Relation | None, variant: str, model: type[Model]) -> type[Model] | None:
        if known is None or known.kind is not Kind.GENERIC_FOREIGN_KEY:
            return known.target if known else None
        try:
            return model._meta.apps.get_model(variant)
        except (LookupError, ValueError):
            return None

    def stays_lazy(self, known: Relation, path: Path) -> str:
        if self.choices.ignores(path, known):
            return "it is ignored"
        if path not in self.profile.usages:
            return "it was not loaded lazily"
        if written := known.tables & self.profile.written.keys():
            return f"{', '.join(sorted(written))} is written to at this call site"
        if self.form.is_partial and len(path) > 1:
            return "only() or defer() reaches into a relation, and its key may be missing"
        if len(path) == 1 and known.columns & self.form.deferred:
            return f"{', '.join(sorted(known.columns & self.form.deferred))} is deferred"
        return ""

    def eager(self, known: Relation, target: type[Model], path: Path, level: _Level) -> Branch:
        """Choose among join, prefetch and lazy for a path that may be loaded ahead."""
        no_join, only_ordering = (known.no_join, False) if known.no_join else level.no_join(self.choices)
        if not no_join and level.form.names_columns and known.kind is Kind.REVERSE_ONE_TO_ONE:
            no_join = "only() names the columns, and Django then joins no reverse one-to-one"
        if not no_join and target._meta.label in self.form.elsewhere:
            no_join = f"{target._meta.label} is read from another database"
        if not no_join:
            level.joins += 1
            below = self.branches(target, path, level)
            if self.gain(path, below, queries=0) > 0:
                return _same(
                    Branch(path, known, target, Method.JOIN, "a join saves the query of each row", below=below)
                )
            level.joins -= 1
            return Branch(path, known, target, Method.LAZY, "loading it ahead costs more than it saves")
        if no_prefetch := self.no_prefetch():
            return Branch(path, known, target, Method.LAZY, f"{no_join}; {no_prefetch}")
        below = self.branches(target, path, self.level_of(known, target))
        gain = self.gain(path, below, queries=1)
        if gain > 0 or (gain == 0 and is_always_used(self.profile, path)) or self.profile.usages[path].refused:
            return _same(Branch(path, known, target, Method.PREFETCH, no_join, only_ordering, below))
        return Branch(path, known, target, Method.LAZY, "loading it ahead costs more than it saves")

    def no_prefetch(self) -> str:
        return self.form.no_prefetches or ("" if self.choices.ahead else "AHEAD is False")

    def level_of(self, known: Relation, target: type[Model]) -> _Level:
        return _Level(self.form_of(known, target), known.known_columns, is_to_one=not known.is_to_many)

    def gain(self, path: Path, below: tuple[Branch, ...], *, queries: int) -> float:
        """Return what a branch saves in one evaluation, with what its children can only save below it (seconds)."""
        own = saving(self.profile, path, queries=queries)
        if self.profile.usages[path].refused:
            return max(own, 0.000_001)
        return own + sum(
            max(self.gain(b.path, b.below, queries=int(b.method is Method.PREFETCH)), 0.0)
            for b in below
            if b.method in (Method.JOIN, Method.PREFETCH)
        )


def plan_for(profile: Profile, form: Form, form_of: Callable[[Relation, type[Model]], Form], choices: Choices) -> Plan:
    """Make the plan for the next evaluation.

    Args:
        profile: what is known of the call site.
        form: how its queryset is written.
        form_of: returns the form of the queryset that a prefetch of a relation starts from, given its target.
        choices: what the settings and the caller say.

    Returns:
        the plan; paths that the models do not have any more are named in `dropped`.
    """
    planner = _Planner(profile, form, form_of, choices)
    branches = planner.branches(form.model, (), _Level(form))
    return Plan(form.model, branches, tuple(planner.dropped))


def plan_below(
    profile: Profile,
    form: Form,
    path: Path,
    known: Relation,
    form_of: Callable[[Relation, type[Model]], Form],
    choices: Choices,
) -> Plan:
    """Make the plan for what starts at a derived query.

    Args:
        profile: what is known of the call site.
        form: how the derived queryset is written.
        path: where it is.
        known: the relation that it is derived from.
        form_of: as for `plan_for`.
        choices: what the settings and the caller say.
    """
    # Paths that the caller loads are counted from the root in a plan, and from the derived queryset in its form.
    form = replace(
        form,
        joined=frozenset((*path, *p) for p in form.joined),
        prefetched=frozenset((*path, *p) for p in form.prefetched),
    )
    planner = _Planner(profile, form, form_of, choices)
    return Plan(
        form.model, planner.branches(form.model, path, _Level(form, known.known_columns)), tuple(planner.dropped)
    )
