"""Differences: what has changed between the profiles that a project keeps and those that it learned just now."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from django.db.models.constants import LOOKUP_SEP

from autoprefetch.advise.keys import name_of, place_of, without_hash
from autoprefetch.advise.uses import ENOUGH, by_call, others, unneeded, unused
from autoprefetch.learn.given import ANNOTATION
from autoprefetch.learn.histories import History
from autoprefetch.learn.profiles import Path
from autoprefetch.plan.costs import REPEATED

NEW, UNUSED, EDITED, IDLE = "new lazy loads", "not used", "edited", "unused eager loads"
_REMEDIES = {
    NEW: "Load it ahead in the code if it is not meant to be automatic.",
    UNUSED: "Have a test use it if production does.",
    EDITED: "What was learned of it is learned anew.",
    IDLE: "Have a test use it if production does, or leave it lazy by auto(..., ignore=...).",
}


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing that has changed.

    Attributes:
        call_site: the key of the call site.
        path: the relation path as a lookup; "" for the call site as a whole.
        kind: NEW, UNUSED, EDITED or IDLE.
        loads: the lazy loads of an evaluation (queries); 0 for the other kinds.
        place: where the path was touched first; "" when that is not known.
        given: the method of the caller's own query that loads it; "" when a plan does.
    """

    call_site: str
    path: str
    kind: str
    loads: float = 0.0
    place: str = ""
    given: str = ""

    def as_text(self) -> str:
        """Return the difference as one line: place, fact, remedy."""
        return f"{self.fact} {self.remedy}"

    @property
    def fact(self) -> str:
        """Where it is, and what has changed."""
        site = name_of(self.call_site)
        if self.kind == NEW:
            return f"{self.repetition}, and is not in the committed file."
        if self.kind == EDITED:
            return f"{site} is in the committed file as its auto() was before it was edited."
        if self.given:
            return f"{self.path} of {site} is loaded by its own query, and no evaluation that was inspected used it."
        if self.kind == IDLE:
            return f"{self.path} of {site} is loaded ahead, and no evaluation used it of late."
        return f"{f'{self.path} of {site}' if self.path else site} is in the committed file, and nothing used it."

    @property
    def repetition(self) -> str:
        """Where a relation is touched, and how often it is loaded lazily."""
        place = f"{self.place}: " if self.place else ""
        return f"{place}{self.path} is loaded lazily {self.loads:.0f} times an evaluation of {name_of(self.call_site)}"

    @property
    def steps(self) -> Path:
        """The relation path, step by step."""
        return tuple(self.path.split(LOOKUP_SEP)) if self.path else ()

    @property
    def remedy(self) -> str:
        """What to do about it, beside committing what was learned."""
        lookup = f'.{self.given}("{self.path}")'
        return f"Have a test use it if production does, or remove {lookup}." if self.given else _REMEDIES[self.kind]

    def as_dict(self) -> dict[str, object]:
        """Return plain values, for JSON."""
        return {
            "call_site": self.call_site,
            "path": self.path,
            "kind": self.kind,
            "loads": round(self.loads, 1),
            "place": self.place,
        }


def differences(committed: Mapping[str, History], learned: Mapping[str, History]) -> list[Difference]:
    """Compare what a project keeps with what it learned.

    Args:
        committed: what is kept, by the key of the call site.
        learned: what a run of the tests has shown, say.

    Returns:
        new lazy loads first, those of most queries first; a path that loads once is no repetition, and none of them.
        Then what is not used: a path that was loaded ahead for nothing is named as that only.
    """
    new = [one for key, history in learned.items() for one in _new(key, history, committed.get(key))]
    used = {without_hash(key) for key, history in learned.items() if history.evaluations}
    together = by_call(learned)
    idle = [one for key, history in learned.items() for one in _idle(key, history)]
    idle += [one for key, history in learned.items() for one in _given(key, history, others(key, together))]
    known = {_name(one) for one in idle}
    not_used = [one for key, history in committed.items() for one in _unused(key, history, learned.get(key), used)]
    rest = [*idle, *(one for one in not_used if _name(one) not in known)]
    return [*sorted(new, key=lambda one: (-one.loads, one.call_site, one.path)), *sorted(rest, key=_name)]


def _name(one: Difference) -> tuple[str, str]:
    return one.call_site, one.path


def _new(key: str, learned: History, committed: History | None) -> Iterator[Difference]:
    known = _used(committed) if committed is not None else set()
    profile = learned.profile
    for path, usage in sorted(profile.usages.items()):
        loads = usage.loads / max(usage.evaluations, 1)
        if path not in known and loads > REPEATED:
            yield Difference(key, LOOKUP_SEP.join(path), NEW, loads, usage.first_access)


def _idle(key: str, learned: History) -> Iterator[Difference]:
    if learned.totals.observed >= ENOUGH:
        for path in unused(learned):
            yield Difference(key, LOOKUP_SEP.join(path), IDLE)


def _given(key: str, learned: History, alike: Iterable[History]) -> Iterator[Difference]:
    """Yield what the caller's own query loads for nothing; what an annotation is good for, a person has to see.

    Who else evaluates a queryset that `SCOPE` made automatic, nobody can tell.
    """
    place = place_of(key)
    for text in unneeded(learned, alike):
        method, _, lookup = text.partition(" ")
        if method != ANNOTATION and (place.digest or not place.module):
            yield Difference(key, lookup, IDLE, given=method)


def _unused(key: str, committed: History, learned: History | None, used: set[str]) -> Iterator[Difference]:
    if learned is None or not learned.evaluations:
        yield Difference(key, "", EDITED if without_hash(key) in used else UNUSED)
        return
    for path in sorted(_used(committed) - _used(learned)):
        yield Difference(key, LOOKUP_SEP.join(path), UNUSED)


def _used(history: History) -> set[Path]:
    return {path for path, usage in history.profile.usages.items() if usage.loads}
