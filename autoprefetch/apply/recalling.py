"""Recalling: what was batched already is answered again without asking anew whether it may be."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.db.models import Model

from autoprefetch.learn.profiles import Path
from autoprefetch.observe.peers import Answers, PeerGroup
from autoprefetch.orm import batches, forms, likeness, replay, states
from autoprefetch.plan.relations import Kind, Relation

SHAPES = 8
"""Shapes of one relation that an evaluation recognises without compiling them."""


@dataclass(frozen=True, slots=True)
class RecalledKeys:
    """A foreign key that was batched.

    Attributes:
        answers: what answers it.
        known: the relation.
        column: the attribute that holds the key.
        path: where it leads.
        using: where the instances are from that it is answered for, and where it is read.
    """

    answers: Answers
    known: Relation
    column: str
    path: Path
    using: tuple[str | None, str | None]


def remember_keys(instance: Model, known: Relation, path: Path, answers: Answers) -> None:
    """Remember the answers for a foreign key of the peers of an instance."""
    if known.kind is Kind.FOREIGN_KEY and len(known.columns) == 1:
        (column,), using = known.columns, forms.read_from(instance, known.target)
        states.group_of(instance).keys[known.name] = RecalledKeys(answers, known, column, path, using)


def recalled_one(instance: Model, name: str) -> Model | None:
    """Answer a foreign key of an instance as that of a peer was, if nothing was written since; None where it cannot."""
    group: PeerGroup = states.group_of(instance)
    held: RecalledKeys | None = group.keys.get(name)
    if held is None or held.answers.are_stale() or held.answers.saw_a_write():
        return None
    if forms.read_from(instance, held.known.target) != held.using:
        return None
    found: Model | None = held.answers.by_key.get(instance.__dict__.get(held.column))
    if found is None or instance._state.adding or states.claims(instance, name):
        return None
    states.claimed(instance, name)
    instance._state.fields_cache[held.known.cache] = found
    group.recording.recalled(held.path, 1, held.known.tables)
    group.recording.tally.shared(held.path, 1)
    return found


@dataclass(frozen=True, slots=True)
class Recalled:
    """A peer's queryset that was answered before, to recognise the next one by, without compiling it.

    It holds no queryset, which would hold the peer.
    """

    making: replay.Making
    query: Any
    node: Any
    path: Path
    answers: Answers


def recalled(derivation: Any, queryset: Any) -> bool:
    """Fill the result cache of a peer's queryset, if its rows wait since one like it was answered; tell whether.

    The answers to those before must still hold.
    """
    group: PeerGroup = states.group_of(derivation.instance)
    shapes: list[Recalled] | None = group.recalled.get(derivation.name)
    if not shapes:
        return False
    making = replay.making_of(queryset)
    for known in shapes:
        if (
            making == known.making
            and likeness.are_alike(queryset.query, derivation.node, known.query, known.node)
            and not known.answers.are_stale()
        ):
            rows = known.answers.fresh.pop(batches.prepared_key(derivation, derivation.key), None)
            if rows is None:
                return False
            known.answers.is_shared = True
            group.recording.recalled(known.path, len(rows), known.answers.tables)
            replay.fill(queryset, rows)
            return True
    return False


def remember(derivation: Any, queryset: Any, path: Path, answers: Answers) -> None:
    """Remember a queryset that was answered from a batch, and the path that it leads to."""
    known = states.group_of(derivation.instance).recalled.setdefault(derivation.name, [])
    making = replay.making_of(queryset)
    if len(known) < SHAPES and making is not None and likeness.is_simple(queryset.query):
        query, node = likeness.kept(queryset.query, derivation.node)
        known.append(Recalled(making, query, node, path, answers))
