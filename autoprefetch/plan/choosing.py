"""Choosing: from what is known of a call site to the plan for its next evaluation."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace

from django.db.models import Model
from django.db.models.constants import LOOKUP_SEP

from autoprefetch.learn.histories import History
from autoprefetch.learn.profiles import Path, Profile, Sizes, is_derived, largest_usual
from autoprefetch.plan.costs import (
    DEFAULT,
    FORGOTTEN,
    MILDER,
    Costs,
    Situation,
    costs,
    is_adopted,
    is_used_enough,
    prefers_prefetch,
)
from autoprefetch.plan.forms import Form, inherited_keys, target_of
from autoprefetch.plan.patterns import matching, name_of
from autoprefetch.plan.plans import Branch, Method, Plan, same
from autoprefetch.plan.relations import Kind, Relation, relation

MAX_JOINS = 16
"""Joins that a plan adds to one query at the most; SQLite ends at 64 tables, MariaDB at 61."""

LATER = "loading it when it is touched costs less"
IGNORED = "it is ignored"
INFINITE = float("inf")


@dataclass(frozen=True, slots=True)
class Choices:
    """What the settings and the caller of `auto()` say about planning."""

    join_unordered: bool = False
    ahead: bool = True
    situation: Situation = DEFAULT
    ignore: tuple[str, ...] = ()
    patterns: tuple[str, ...] = ()
    forgotten: frozenset[Path] = frozenset()

    def ignores(self, path: Path, known: Relation) -> bool:
        """Tell whether a relation is to be left lazy."""
        lookup = LOOKUP_SEP.join(step.partition("[")[0].partition("(")[0] for step in path)
        return lookup in self.ignore or bool(matching(self.patterns, name_of(known)))


NO_CHOICES = Choices()
"""What is chosen where nobody says anything."""


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
    """Chooses for one plan; without these words `dataclass` would make some from the signature, which takes long."""

    profile: Profile
    sizes: Mapping[Path, Sizes]
    form: Form
    form_of: Callable[[Relation, type[Model]], Form]
    choices: Choices
    dropped: list[tuple[Path, str]] = field(default_factory=list)
    relations: dict[Path, Relation] = field(default_factory=dict)

    @property
    def situation(self) -> Situation:
        return self.choices.situation

    def branches(self, model: type[Model], parent: Path, level: _Level) -> tuple[Branch, ...]:
        """Plan the paths that start at one model."""
        return tuple(self.each(model, parent, level))

    def each(self, model: type[Model], parent: Path, level: _Level) -> Iterator[Branch]:
        """Yield the branches that start at one model, each planned when it is asked for."""
        size = len(parent) + 1
        names = {path[:size] for path in self.profile.usages if len(path) >= size and path[: size - 1] == parent}
        names |= {
            path[:size]
            for path in self.form.joined | self.form.prefetched
            if len(path) >= size and path[: size - 1] == parent
        }
        found = (self.branch(model, path, level) for path in sorted(names) if not is_derived(path))
        yield from (branch for branch in found if branch is not None)

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
        self.relations[path] = known
        if (above := self.relations.get(path[:-1])) and known.leads_back(above):
            return Branch(path, known, target, Method.LAZY, "Django has put there what the row was loaded from")
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
            return IGNORED
        if path not in self.profile.usages:
            return "it was not loaded lazily"
        if path in self.choices.forgotten:
            return f"the last {FORGOTTEN} evaluations did not use it"
        if written := known.tables & self.profile.written.keys():
            return f"{', '.join(sorted(written))} is written to at this call site"
        if self.form.is_partial and len(path) > 1:
            return "only() or defer() reaches into a relation, and its key may be missing"
        if len(path) == 1 and known.is_to_many and self.form.deferred & inherited_keys(self.form.model):
            return "the key of a parent model is deferred, and a prefetch would load it"
        if len(path) == 1 and known.columns & self.form.deferred:
            return f"{', '.join(sorted(known.columns & self.form.deferred))} is deferred"
        return ""

    def eager(self, known: Relation, target: type[Model], path: Path, level: _Level) -> Branch:
        """Choose among join, prefetch and lazy for a path that may be loaded ahead."""
        found = self.costs(path, known, target)
        no_join, only_ordering = self.no_join(known, target, level)
        if not no_join and not (prefers_prefetch(found) and not self.no_prefetch()):
            return self.join(known, target, path, level, found)
        if no_prefetch := self.no_prefetch():
            return Branch(path, known, target, Method.LAZY, f"{no_join}; {no_prefetch}")
        below = self.branches(target, path, self.level_of(known, target))
        is_wanted = self.profile.usages[path].refused or not self.situation.most or is_used_enough(self.profile, path)
        if is_wanted and self.gain(path, found.at_touch, found.prefetch, below) >= 0:
            reason = no_join or "a join would repeat wide rows, and each is loaded once"
            return same(Branch(path, known, target, Method.PREFETCH, reason, only_ordering or not no_join, below))
        return Branch(path, known, target, Method.LAZY, LATER)

    def no_join(self, known: Relation, target: type[Model], level: _Level) -> tuple[str, bool]:
        """Say why a path may not be joined, and whether the ordering is the only reason."""
        if known.no_join:
            return known.no_join, False
        no_join, only_ordering = level.no_join(self.choices)
        if not no_join and level.form.names_columns and known.kind is Kind.REVERSE_ONE_TO_ONE:
            return "only() names the columns, and Django then joins no reverse one-to-one", False
        if not no_join and target._meta.label in self.form.elsewhere:
            return f"{target._meta.label} is read from another database", False
        return no_join, only_ordering

    def join(self, known: Relation, target: type[Model], path: Path, level: _Level, found: Costs) -> Branch:
        before, level.joins = level.joins, level.joins + 1
        below = self.branches(target, path, level)
        if self.gain(path, found.at_touch, found.join, below) > 0:
            return same(Branch(path, known, target, Method.JOIN, "a join saves the query of each row", below=below))
        level.joins = before  # without those below, which are not made either
        return Branch(path, known, target, Method.LAZY, LATER)

    def no_prefetch(self) -> str:
        return self.form.no_prefetches or ("" if self.choices.ahead else "AHEAD is False")

    def level_of(self, known: Relation, target: type[Model]) -> _Level:
        return _Level(self.form_of(known, target), known.known_columns, is_to_one=not known.is_to_many)

    def costs(self, path: Path, known: Relation, target: type[Model]) -> Costs:
        width = len(target._meta.concrete_fields)
        large = largest_usual(self.sizes.get(path, {})) if known.is_to_many else None
        return costs(self.profile, path, self.situation, width=width, large=large)

    def gain(self, path: Path, at_touch: float, ahead: float, below: tuple[Branch, ...]) -> float:
        """Return what a branch saves in one evaluation, with what its children can only save below it (seconds)."""
        if self.profile.usages[path].refused:
            return INFINITE
        return at_touch - ahead * (MILDER if is_adopted(self.profile, path) else 1) + sum(map(self.gain_of, below))

    def gain_of(self, branch: Branch) -> float:
        if branch.method not in (Method.JOIN, Method.PREFETCH):
            return 0.0
        found = self.costs(branch.path, branch.relation, branch.target)
        ahead = found.join if branch.method is Method.JOIN else found.prefetch
        return max(self.gain(branch.path, found.at_touch, ahead, branch.below), 0.0)


class _Briefly(_Planner):
    """Plans the paths of the root alone: what is below one can only speak for loading it ahead."""

    def branches(self, model: type[Model], parent: Path, level: _Level) -> tuple[Branch, ...]:
        return ()


def plan_for(history: History, form: Form, form_of: Callable[[Relation, type[Model]], Form], choices: Choices) -> Plan:
    """Make the plan for the next evaluation.

    Args:
        history: what is known of the call site.
        form: how its queryset is written.
        form_of: returns the form of the queryset that a prefetch of a relation starts from, given its target.
        choices: what the settings and the caller say.

    Returns:
        the plan; paths that the models do not have any more are named in `dropped`.
    """
    planner = _Planner(history.profile, history.totals.sizes, form, form_of, choices)
    branches = planner.branches(form.model, (), _Level(form))
    return Plan(form.model, branches, tuple(planner.dropped))


def loads_ahead(
    history: History, form: Form, form_of: Callable[[Relation, type[Model]], Form], choices: Choices
) -> bool:
    """Tell whether `plan_for` makes a plan that loads anything ahead, without making more of it than that takes."""
    for planning in (_Briefly, _Planner):
        planner = planning(history.profile, history.totals.sizes, form, form_of, choices)
        branches = planner.each(form.model, (), _Level(form))
        if any(not Plan(form.model, (branch,)).is_empty for branch in branches):
            return True
    return False


def plan_below(
    history: History,
    form: Form,
    path: Path,
    known: Relation,
    form_of: Callable[[Relation, type[Model]], Form],
    choices: Choices,
) -> Plan:
    """Make the plan for what starts at a derived query.

    Args:
        history: what is known of the call site.
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
    planner = _Planner(history.profile, history.totals.sizes, form, form_of, choices, relations={path: known})
    return Plan(
        form.model, planner.branches(form.model, path, _Level(form, known.known_columns)), tuple(planner.dropped)
    )


def stays_lazy(choices: Choices, model: type[Model], path: Path) -> bool:
    """Tell whether a relation, or what it leads on from, is ignored.

    Args:
        choices: what the settings, the caller and the comment say.
        model: where the path starts.
        path: the relation path.
    """
    names = tuple(step.partition("[")[0].partition("(")[0] for step in path)
    for size in range(1, len(names) + 1):
        owner = target_of(model, names[: size - 1])
        known = relation(owner, names[size - 1]) if owner is not None else None
        if known is not None and choices.ignores(names[:size], known):
            return True
    return False
