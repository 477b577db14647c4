"""Following: what the evaluations of one request did, for a person who looks at that request.

A profile adds up all requests. What is followed is kept beside it, for the request that asks for it alone; nothing else
pays for it than one look at a context variable in each evaluation.
"""

from __future__ import annotations

from collections import Counter
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from autoprefetch.learn.profiles import Path, Profile
from autoprefetch.plan.plans import Plan

if TYPE_CHECKING:
    from autoprefetch.observe.recordings import Recording

_MOST = 1_000  # evaluations of one request


@dataclass(slots=True)
class Followed:
    """One evaluation that is followed.

    Attributes:
        recording: the one that counts it; it holds no instances.
        plan: what was loaded ahead.
        queries: how many really ran, the root query included.
        alone: how many of them ran for one instance by itself, by path.
        counts: what the recording has handed over.
    """

    recording: Recording
    plan: Plan
    queries: int = 0
    alone: Counter[Path] = field(default_factory=Counter)
    counts: Profile = field(default_factory=Profile)

    def ran_alone(self, path: Path) -> None:
        """Count a query for one instance."""
        self.alone[path] += 1


@dataclass(slots=True)
class Follower:
    """The evaluations of one request, from any thread and task that works for it.

    Attributes:
        evaluations: those that are followed, in their order.
        more: how many there were beyond what is kept.
    """

    evaluations: list[Followed] = field(default_factory=list)
    more: int = 0


_here: ContextVar[Follower | None] = ContextVar("autoprefetch_follower", default=None)


def begin(follower: Follower | None) -> Follower | None:
    """Have what is evaluated from now on told to a follower, or to nobody, and return who was told before."""
    before = _here.get()
    _here.set(follower)
    return before


def is_on() -> bool:
    """Tell whether somebody follows what is evaluated here."""
    return _here.get() is not None


def follow(recording: Recording, plan: Plan) -> None:
    """Follow an evaluation, if somebody wants to; a stream is followed from its first rows on."""
    follower = _here.get()
    if follower is None or recording.followed is not None:
        return
    if len(follower.evaluations) >= _MOST:
        follower.more += 1
        return
    recording.followed = Followed(recording, plan)
    follower.evaluations.append(recording.followed)
