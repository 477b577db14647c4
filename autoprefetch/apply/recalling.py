"""Recalling: a queryset that is like one before is answered without being compiled."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

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
    step: str
    answers: Answers


def recall(derivation: Any, queryset: Any) -> Recalled | None:
    """Return what answers a peer's queryset, if one like it was answered before and the answers still hold."""
    group: PeerGroup = states.group_of(derivation.instance)
    recalled: Recalled
    for recalled in group.recalled.get(derivation.name, ()):
        if (
            replay.making_of(queryset) == recalled.making
            and likeness.are_alike(queryset.query, derivation.node, recalled.query, recalled.node)
            and not recalled.answers.are_stale()
        ):
            return recalled
    return None


def remember(derivation: Any, queryset: Any, step: str, answers: Answers) -> None:
    """Remember a queryset that was answered from a batch."""
    known = states.group_of(derivation.instance).recalled.setdefault(derivation.name, [])
    making = replay.making_of(queryset)
    if len(known) < SHAPES and making is not None and likeness.is_simple(queryset.query):
        query, node = likeness.kept(queryset.query, derivation.node)
        known.append(Recalled(making, query, node, step, answers))


def claim(recalled: Recalled, derivation: Any) -> list[Any] | None:
    """Return the instances of a peer from the answers; None when it has none waiting."""
    key = batches.prepared_key(derivation, derivation.key)
    rows = recalled.answers.fresh.pop(key, None)
    if rows is not None:
        recalled.answers.is_shared = True
    return rows
