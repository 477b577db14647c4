"""Tracking: make the instances of an evaluation peers, and follow what they load."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.db.models import Model
from django.db.models.constants import LOOKUP_SEP

from autoprefetch.learn.profiles import Path
from autoprefetch.observe.peers import PeerGroup
from autoprefetch.observe.places import accessed_at
from autoprefetch.observe.recordings import Recording
from autoprefetch.orm import loaded, states
from autoprefetch.plan.plans import Branch, Method
from autoprefetch.plan.relations import Kind, Relation, relation


def track_rows(recording: Recording, rows: list[Any]) -> PeerGroup:
    """Make the rows of the root query peers."""
    group = recording.group((), recording.model)
    states.enter_rows(rows, group)
    recording.entered((), len(rows))
    return group


def track_branches(recording: Recording, instances: Iterable[Any], branches: Iterable[Branch]) -> None:
    """Make the instances peers that a join or a prefetch has loaded along the branches of a plan."""
    for branch in branches:
        if branch.method is Method.LAZY:
            continue
        below = loaded.related(instances, branch.relation)
        if branch.relation.kind is Kind.GENERIC_FOREIGN_KEY:
            below = [row for row in below if type(row) is branch.target]
        _enter(recording, branch.path, branch.target, below)
        track_branches(recording, below, branch.below)


def _enter(recording: Recording, path: Path, model: type[Model], instances: list[Any]) -> None:
    if instances:
        recording.entered(path, states.enter(instances, recording.group(path, model)))


class Touch:
    """One lazy load of a tracked instance: counted before it runs, and completed with what it brought."""

    __slots__ = ("_known", "_path", "_recording")

    def __init__(self, group: PeerGroup, known: Relation, step: str) -> None:
        self._recording = group.recording
        self._known = known
        self._path: Path = (*group.path, step)
        # Where a generic foreign key leads is known once it is loaded.
        if known.kind is not Kind.GENERIC_FOREIGN_KEY:
            self._recording.loaded(self._path, accessed_at)

    def refused(self) -> None:
        """Take note that Django refused the load because async code tried it."""
        if self._known.kind is not Kind.GENERIC_FOREIGN_KEY:
            self._recording.refused(self._path)

    def brought_one(self, found: Model | None) -> None:
        """Take note of the instance that a to-one relation led to."""
        if found is None:
            return
        target = self._known.target
        if self._known.kind is Kind.GENERIC_FOREIGN_KEY:
            target = type(found)
            self._path = (*self._path[:-1], f"{self._path[-1]}[{target._meta.label}]")
            self._recording.loaded(self._path, accessed_at)
        self._recording.brought(self._path, 1)
        self._enter([found], target)

    def brought_many(self, rows: list[Any]) -> None:
        """Take note of the rows that a to-many relation led to."""
        self._recording.brought(self._path, len(rows))
        self._enter(rows, self._known.target)

    def _enter(self, rows: list[Any], target: type[Model] | None) -> None:
        # Rows of another class than the relation names (polymorphic models, `values()`) have relations of their own.
        if target is not None:
            _enter(self._recording, self._path, target, [row for row in rows if type(row) is target])


def touch(instance: Model, name: str, suffix: str = "") -> Touch | None:
    """Begin to count a lazy load.

    Args:
        instance: whose relation is loaded.
        name: the attribute.
        suffix: `DERIVED` for a derived query.

    Returns:
        None when the relation is not one of the model that the peers share.
    """
    group: PeerGroup = states.group_of(instance)
    known = relation(group.model, name)
    return None if known is None else Touch(group, known, name + suffix)


def remedy(instance: Model, name: str) -> str:
    """Return the method that would load a relation of a tracked instance ahead."""
    group: PeerGroup = states.group_of(instance)
    known = relation(group.model, name)
    lookup = LOOKUP_SEP.join(step.partition("[")[0] for step in (*group.path, name))
    is_joinable = known is not None and not known.no_join
    return f'.{"select_related" if is_joinable else "prefetch_related"}("{lookup}")'
