"""Tracking: make the instances of an evaluation peers, and follow what they load."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.db.models import Model
from django.db.models.constants import LOOKUP_SEP

from autoprefetch.learn.profiles import Path
from autoprefetch.observe.callsites import Location
from autoprefetch.observe.epochs import Freshness, now
from autoprefetch.observe.peers import PeerGroup
from autoprefetch.observe.places import accessed_at
from autoprefetch.observe.recordings import Recording
from autoprefetch.orm import caches, loaded, states
from autoprefetch.plan.plans import Branch, Method
from autoprefetch.plan.relations import Kind, Relation, relation, unnamed


def track_rows(recording: Recording, rows: list[Any]) -> PeerGroup:
    """Make the rows of the root query peers."""
    group = recording.group((), recording.model)
    states.enter_rows(rows, group)
    group.joined_by(rows)
    recording.tally.entered((), len(rows))
    return group


def track_branches(
    recording: Recording, instances: list[Any], branches: Iterable[Branch], since: float | None = None
) -> None:
    """Make the instances peers that a join or a prefetch has loaded along the branches of a plan.

    Until they are used they wait, so that a write can make them stale.

    Args:
        recording: the one that counts them.
        instances: where the branches start.
        branches: what was loaded.
        since: the number of the last write before the instances were read; by default, before the root query.
    """
    since = recording.began_at if since is None else since
    waiting = {}
    for branch in branches:
        if branch.method is Method.LAZY:
            continue
        known = branch.relation
        if branch.method is Method.JOIN:
            waiting[known.cache] = ahead = Freshness(known.tables or None, since)
            recording.tally.loaded_ahead(branch.path, known, ahead)
            track_branches(recording, _enter_joined(recording, branch, instances), branch.below, since)
            continue
        parents = instances
        if known.kind is Kind.GENERIC_FOREIGN_KEY:
            parents = loaded.leading_to(branch.target, instances, known)
        below = loaded.related(parents, known)
        read_at = since
        if branch.method is Method.PREFETCH:
            read_at = recording.loaded_ahead_at
            _keep_prefetched_waiting(recording, branch, parents)
        _enter(recording, branch.path, branch.target, below)
        track_branches(recording, below, branch.below, read_at)
    if waiting:
        caches.keep_waiting(instances, waiting)


def _keep_prefetched_waiting(recording: Recording, branch: Branch, parents: list[Any]) -> None:
    known = branch.relation
    # Rows share what a to-one relation leads to, and what is cached on it may be older than any write.
    tables = (known.tables or None) if known.is_to_many else None
    ahead = Freshness(tables, recording.loaded_ahead_at)
    recording.tally.loaded_ahead(branch.path, known, ahead)
    if known.is_to_many:
        caches.keep_sets_waiting(parents, known, ahead)
    else:
        caches.keep_waiting(parents, {known.cache: ahead})


def _enter_joined(recording: Recording, branch: Branch, parents: list[Any]) -> list[Any]:
    if not parents:
        return parents
    group = _group_at(recording, branch.path, branch.target)
    column = next(iter(branch.relation.columns), "")
    new = states.enter_joined(parents, branch.relation.cache, column, group)
    group.joined_by(new)
    recording.tally.entered(branch.path, len(new))
    return new


def _enter(recording: Recording, path: Path, model: type[Model], instances: list[Any]) -> None:
    if instances:
        group = _group_at(recording, path, model)
        new = states.enter(instances, group)
        group.joined_by(new)
        recording.tally.entered(path, len(new))


def _group_at(recording: Recording, path: Path, model: type[Model]) -> PeerGroup:
    group = recording.group(path, model)
    if (above := recording.groups.get(path[:-1])) is not None:
        above.below[path] = group  # what waits for the next rows at this path must outlive the rows that are used
    return group


class Touch:
    """One load that plain Django would make for a tracked instance; counted when it begins.

    Attributes:
        recording: what it is counted in.
        known: the relation.
        path: where it leads; below a generic foreign key this is known once it is loaded.
    """

    __slots__ = ("_since", "known", "path", "recording")

    def __init__(self, group: PeerGroup, known: Relation, step: str, built: Location | None) -> None:
        self.recording = group.recording
        self.known = known
        self._since = now()
        self.path: Path = (*group.path, step)
        if known.kind is not Kind.GENERIC_FOREIGN_KEY:
            span = built.span if built is not None else ()
            self.recording.loaded(self.path, accessed_at, span, known.tables)

    def refused(self) -> None:
        """Take note that Django refused the load because async code tried it."""
        if self.known.kind is not Kind.GENERIC_FOREIGN_KEY:
            self.recording.refused(self.path)

    def brought_one(self, found: Model | None) -> None:
        """Take note of the instance that a to-one relation led to."""
        if found is None:
            return
        if self.known.kind is Kind.GENERIC_FOREIGN_KEY:
            self.path = self._variant(type(found))
            self.recording.loaded(self.path, accessed_at)
        self.recording.brought(self.path, 1, is_to_one=True)
        self.entered([found])

    def brought_many(self, rows: list[Any]) -> None:
        """Take note of the rows that a to-many relation led to."""
        self.recording.brought(self.path, len(rows))
        self.entered(rows)

    def entered(self, rows: Iterable[Any], branches: Iterable[Branch] = ()) -> None:
        """Make related instances peers, with what was loaded along with them."""
        target = self.known.target
        if target is not None:
            # Rows of another class than the relation names (polymorphic models) have relations of their own.
            rows = [row for row in rows if type(row) is target]
            _enter(self.recording, self.path, target, rows)
            track_branches(self.recording, rows, branches, self._since)
            return
        by_model: dict[type[Model], list[Any]] = {}
        for row in rows:
            by_model.setdefault(type(row), []).append(row)
        for model, some in by_model.items():
            _enter(self.recording, self._variant(model), model, some)

    def _variant(self, model: type[Model]) -> Path:
        step = self.path[-1].partition("[")[0]
        return (*self.path[:-1], f"{step}[{model._meta.label}]")


def touch(instance: Model, name: str, step: str, built: Location | None = None) -> Touch | None:
    """Begin to count a load that plain Django would make.

    Args:
        instance: whose relation is touched.
        name: the attribute.
        step: the step of the path, which names the shape of a derived query as well.
        built: where a derived query was built.

    Returns:
        None when the relation is not one of the model that the peers share.
    """
    group: PeerGroup = states.group_of(instance)
    known = relation(group.model, name) or unnamed(group.model, name)
    return None if known is None else Touch(group, known, step, built)


def remedy(instance: Model, step: str) -> str:
    """Return the method that would load a step of a tracked instance ahead."""
    group: PeerGroup = states.group_of(instance)
    if step.endswith(")"):
        name = step.partition("(")[0]
        return f'.prefetch_related(Prefetch("{name}", queryset=..., to_attr="...")), and read that attribute'
    names = [name.partition("[")[0].partition("(")[0] for name in (*group.path, step)]
    model: type[Model] | None = group.recording.model
    joins: list[str] = []
    for name in names:
        known = relation(model, name) if model is not None else None
        if known is None or known.no_join:
            return f'.prefetch_related("{LOOKUP_SEP.join(names)}")'
        joins.append(known.query_name)
        model = known.target
    return f'.select_related("{LOOKUP_SEP.join(joins)}")'
