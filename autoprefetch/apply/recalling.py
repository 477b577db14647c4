"""Recalling: a queryset that is like one before is answered without being compiled."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from autoprefetch.learn.profiles import Path
from autoprefetch.observe.peers import Answers, PeerGroup
from autoprefetch.orm import batches, likeness, replay, states

SHAPES = 8
"""Shapes of one relation that an evaluation recognises without compiling them."""


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
