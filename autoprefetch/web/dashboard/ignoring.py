"""Ignoring: what of a call site is ignored, what can be, and what to paste into the settings to the same end.

A button has it ignored in all processes, until a button takes that back. A line in the settings is reviewed, has a
history, outlasts an edit of the code, and holds from the first request.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

from django.db.models.constants import LOOKUP_SEP

from autoprefetch import conf
from autoprefetch.learn.decisions import WHOLE, is_ignored, left_lazy
from autoprefetch.plan.choosing import IGNORED
from autoprefetch.plan.plans import Method
from autoprefetch.rules import FILE_STORE, MEMORY_STORE
from autoprefetch.surveying import Surveyed, as_pattern
from autoprefetch.web.dashboard.branches import name_of_step

IN_MEMORY = (
    "The store is the memory of the process that answers: it holds there, until that process ends, and in no other. Set"
    " AUTOPREFETCH['STORE'], or add a line from below to the settings."
)
IN_A_RELEASE = (
    "MODE is {mode!r}, and the store is a file: it holds until the next release replaces that file. Commit the file as"
    " `manage.py autoprefetch export` writes it, or add a line from below to the settings."
)
_NOTHING_TO_LEAVE = {str(Method.GIVEN), "left out"}


@dataclass(frozen=True, slots=True)
class Choice:
    """What can be ignored.

    Attributes:
        name: what stands for it in the form.
        title: what people call it.
        since: when it was decided to ignore it; "" where it is not.
    """

    name: str
    title: str
    since: str

    @property
    def is_whole(self) -> bool:
        """Whether it is all of the call site."""
        return self.name == WHOLE


@dataclass(frozen=True, slots=True)
class Ignoring:
    """How a call site is ignored.

    Attributes:
        choices: what can be ignored, and what is.
        held: how long that holds, where it is not for all processes and for good; "" otherwise.
        line: what to add to `AUTOPREFETCH`; "" where this process does not know it.
        relations: what to add instead for one relation each, wherever it is used.
        others: how many other call sites the line stands for: the same call, evaluated from elsewhere.
        ignored_by: the pattern by which it is ignored already; "" when it is not.
    """

    choices: tuple[Choice, ...]
    held: str
    line: str
    relations: list[str]
    others: int
    ignored_by: str

    @property
    def since(self) -> str:
        """When it was decided to ignore all of it; "" where that is not so."""
        return next((choice.since for choice in self.choices if choice.is_whole), "")


def ignoring(site: Surveyed, sites: tuple[Surveyed, ...]) -> Ignoring:
    """Say how to ignore a call site.

    Args:
        site: that call site.
        sites: all that are known.
    """
    pattern, plan = as_pattern(site.origin), site.report.plan
    relations = {f"{branch.relation.owner}.{branch.relation.name}" for branch in plan.walk()} if plan else set()
    return Ignoring(
        choices=tuple(choices(site)),
        held=_held(),
        line=_setting(pattern) if pattern else "",
        relations=[_setting(name) for name in sorted(relations)],
        others=sum(other.origin == site.origin for other in sites) - 1 if pattern else 0,
        ignored_by=site.ignored_by,
    )


def choices(site: Surveyed) -> Iterator[Choice]:
    """Yield what of a call site can be ignored, or is: all of it, and the relations that the code itself does not load.

    What the settings or the code ignore already is left out.
    """
    decisions = site.history.decisions
    if not site.ignored_by or is_ignored(decisions):
        yield Choice(WHOLE, "all of it", _since(site, WHOLE))
    lookups = set(left_lazy(decisions))
    for line in site.report.lines():
        if line.reason != IGNORED and set(line.method.split(" or ")) - _NOTHING_TO_LEAVE:
            lookups.add(LOOKUP_SEP.join(map(name_of_step, line.path.split(LOOKUP_SEP))))
    for lookup in sorted(lookups):
        yield Choice(lookup, lookup, _since(site, lookup))


def _since(site: Surveyed, name: str) -> str:
    decisions = site.history.decisions
    if not is_ignored(decisions, name):
        return ""
    return f"{datetime.fromtimestamp(decisions[name].when / 1000, UTC):%Y-%m-%d %H:%M} UTC"


def _held() -> str:
    config = conf.current()
    if config.store["BACKEND"] == MEMORY_STORE:
        return IN_MEMORY
    return IN_A_RELEASE.format(mode=config.mode) if config.store["BACKEND"] == FILE_STORE and not config.learns else ""


def _setting(pattern: str) -> str:
    text = repr(pattern)
    return f'"IGNORE": ["{text[1:-1]}"],' if "'" not in pattern and '"' not in pattern else f'"IGNORE": [{text}],'
