"""Surveying: the call sites of the whole project as the store knows them, with what this process can add to that.

The store has the counts of all processes. Which querysets they are of, where they are in the source, and what was
quarantined is known to the processes that evaluate them, each for itself.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cached_property

from django.db.models.constants import LOOKUP_SEP

from autoprefetch import conf
from autoprefetch.advise import advising
from autoprefetch.advise.diffs import diff_here
from autoprefetch.advise.fixes import fixes_for
from autoprefetch.advise.foreseeing import foreseen_report, loads_ahead, model_of
from autoprefetch.advise.keys import Place, label_of, name_of, place_of
from autoprefetch.advise.proposing import Proposal
from autoprefetch.advise.reports import CallSiteReport, by_saving, saved_queries
from autoprefetch.advise.savings import Saving, saved_by
from autoprefetch.advise.suggestions import Suggestion, suggestion_for
from autoprefetch.advise.uses import ENOUGH, unneeded, unused
from autoprefetch.apply.standing import Standing
from autoprefetch.evaluation import engine
from autoprefetch.learn.decisions import made
from autoprefetch.learn.given import Given
from autoprefetch.learn.histories import UNKNOWN, History
from autoprefetch.learn.profiles import Path, is_derived
from autoprefetch.observe.following import Followed
from autoprefetch.plan.patterns import matching

ELSEWHERE = (
    "this process has not evaluated the call site, and does not know its source: append the code where the queryset is"
    " built, and import what its module lacks."
)
"""The note for a call site that only other processes have evaluated."""

ORDERING = (
    "where the ordering of the query is not total, rows with equal sort keys may change places with select_related;"
    " autoprefetch prefetches instead there."
)
"""The note for such a call site where the choice depends on how its queryset is written."""


class StoreUnusableError(Exception):
    """The store cannot be used; its cause is the store's own error."""


@dataclass(frozen=True)
class Surveyed:
    """One call site of the project.

    What a list shows of thousands is told without the plan, which takes longer to make than all else.

    Attributes:
        key: its key in the store.
        history: what is known of it.
        standing: what is in force at it in this process; None where this process has not evaluated it.
    """

    key: str
    history: History
    standing: Standing | None

    @cached_property
    def report(self) -> CallSiteReport:
        """What is applied at it, and why."""
        if not self._is_planned_here:
            return foreseen_report(self.key, self.history, conf.current())
        assert self.standing is not None
        engine.planned_for(self.standing, self.history)  # what is in force after the latest evaluation
        report = advising.call_site_report(self.standing, self.history)
        return replace(report, call_site=self.call_site)  # the same name, whichever process answers

    @property
    def _is_planned_here(self) -> bool:
        return self.standing is not None and (self.standing.form is not None or bool(self.standing.quarantined))

    @property
    def call_site(self) -> str:
        """Its name for people."""
        return name_of(self.key)

    @property
    def model(self) -> str:
        """The label of its model."""
        return label_of(self.key)

    @property
    def is_gone(self) -> bool:
        """Whether its model is not installed (any more)."""
        return model_of(self.key) is None

    @property
    def quarantined(self) -> str:
        """Why its plan was taken away in this process; "" when it was not."""
        return self.standing.quarantined if self.standing else ""

    @cached_property
    def saved_queries(self) -> int:
        """Queries that plain Django would have run and autoprefetch did not."""
        return saved_queries(self.history)

    @cached_property
    def saved(self) -> Saving:
        """The time that those queries would have taken beyond what was run in their place."""
        return saved_by(self.saved_queries, self.history.profile, self.history.totals.times)

    @property
    def saved_seconds(self) -> float:
        """That time (seconds)."""
        return self.saved.seconds

    @cached_property
    def place(self) -> Place:
        """Where it is, as far as its key tells."""
        return place_of(self.key)

    @property
    def line(self) -> str:
        """The file and the line, as this process has seen them last; "" where it has not."""
        return f"{self.standing.site.origin.path}:{self.standing.site.origin.line}" if self.standing else ""

    @property
    def origin(self) -> str:
        """What patterns in `IGNORE` are compared with; "" where this process does not know it."""
        return self.standing.site.origin.key if self.standing else self.place.origin

    @property
    def ignored_by(self) -> str:
        """The pattern in `IGNORE` that lets it run as plain Django; "" when none does."""
        if not conf.current().ignore:
            return ""
        files = (self.standing.site.origin.path,) if self.standing else self.place.files
        return matching(conf.current().ignore, self.origin, *files)

    @property
    def is_ignored(self) -> bool:
        """Whether it runs as plain Django because people want it to."""
        return self.history.is_ignored or bool(self.ignored_by)

    @property
    def given_up(self) -> tuple[str, ...]:
        """The lookups whose batches this process has given up, because lazy loads are quicker."""
        paths = self.standing.watches.given_up() if self.standing else ()
        return tuple(sorted(map(LOOKUP_SEP.join, paths)))

    @property
    def unused(self) -> frozenset[Path]:
        """The paths that are loaded ahead and that nobody uses, by the counts of all and by what this process saw.

        What the code itself loads is among them.
        """
        given = frozenset(tuple(text.partition(" ")[2].split(LOOKUP_SEP)) for text in self._unused_given)
        paths = unused(self.history)
        if self.standing is None:
            return paths | given
        paths |= {path for path, times in (self.standing.idle or {}).items() if times >= ENOUGH}
        if paths and self.report.plan is not None:
            paths &= self.report.plan.eager_paths()
        return paths | given

    @property
    def _unused_given(self) -> Mapping[str, Given]:
        return {} if self.is_gone else unneeded(self.history)

    @cached_property
    def has_advice(self) -> bool:
        """Whether there is code to paste; the source is read only where the plan does not tell."""
        if self.quarantined or self.is_ignored:
            return False
        if not self._is_planned_here:
            return loads_ahead(self.key, self.history, conf.current())
        if self.report.plan is not None and not self.report.plan.is_empty:
            return True
        may_have = bool(self._unused_given) or any(map(is_derived, self.history.profile.usages))
        return may_have and self.suggestion() is not None

    def suggestion(self) -> Suggestion | None:
        """Return the code to paste, with the source where this process knows it; None when there is none."""
        plan = self.report.plan
        if plan is None or self.quarantined or self.is_ignored:
            return None
        if self.standing is not None and self.standing.plan is not None:
            alike = engine.alike(self.standing, self.report.history)
            return advising.suggestion_here(self.standing, plan, self.report.history, alike)
        found = suggestion_for(
            plan,
            self.report.profile,
            call_site=self.report.call_site,
            call="",
            expression="",
            names={},
            notes=(ELSEWHERE,),
            evaluations=self.report.totals.observed,
            times=self.report.totals.times,
        )
        depends = self.report.other is not None and self.report.other.joins() != plan.joins()
        return replace(found, notes=(*found.notes, ORDERING)) if found and depends else found


def diff_of(site: Surveyed, suggestion: Suggestion) -> str:
    """Return a suggestion for a call site as a diff for `git apply`, from the current folder.

    Returns:
        "" where the source is not known here or cannot be changed with certainty, and where LibCST is not installed.
    """
    if site.standing is None or not suggestion.replaces:
        return ""
    proposal = Proposal(site.report.key, suggestion, site.standing.site.origin, "")
    try:
        return diff_here(fixes_for([proposal], keep_auto=False))
    except (ImportError, OSError, UnicodeDecodeError):
        return ""


def survey() -> tuple[Surveyed, ...]:
    """Return every call site that the store or this process knows, the one that saved most time first.

    The store is read once, whatever it knows.

    Raises:
        StoreUnusableError: it cannot be read.
    """
    with _using_store():
        known = engine.everything()
    here = {standing.site.key: standing for standing in engine.standings.all()}
    quarantined = (key for key, standing in here.items() if standing.quarantined)
    found = (Surveyed(key, known.get(key, UNKNOWN), here.get(key)) for key in {*known, *quarantined})
    return tuple(sorted(found, key=by_saving))


def survey_of(evaluations: Sequence[Followed]) -> dict[str, Surveyed]:
    """Return the call sites of evaluations that are followed, by their keys, in the order of their first evaluation.

    It tells what this process knows, and asks no store: each was looked for there before its evaluation.
    """
    engine.look_at(evaluations)
    known = {one.recording.key: engine.store.load(one.recording.key) or UNKNOWN for one in evaluations}
    return {key: Surveyed(key, history, engine.standings.get(key)) for key, history in known.items()}


def forget(key: str) -> None:
    """Forget what was learned of one call site, in the store and here; others forget it when they look into the store.

    Args:
        key: the key of the call site.

    Raises:
        StoreUnusableError: it cannot be written.
    """
    with _using_store():
        engine.forget(key)


def decide(site: Surveyed, name: str, *, ignores: bool) -> None:
    """Have a call site, or one of its relations, left alone in all processes, or take that back.

    Others heed it when they look into the store.

    Args:
        site: the call site, with what is decided until now.
        name: the lookup of the relation, or `WHOLE`.
        ignores: whether to leave it alone.

    Raises:
        StoreUnusableError: it cannot be written. This process heeds the decision, and keeps it until it can be.
    """
    with _using_store():
        engine.decide(site.key, made(site.history.decisions, name, ignores=ignores, now=time.time()))


@contextmanager
def _using_store() -> Iterator[None]:
    try:
        yield
    except Exception as error:  # that of a server, a disk or a table
        raise StoreUnusableError from error


def as_pattern(origin: str) -> str:
    """Return the pattern for `IGNORE` that matches an origin, and nothing else."""
    return re.sub(r"([*?[])", r"[\1]", origin)
