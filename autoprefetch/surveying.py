"""Surveying: the call sites of the whole project as the store knows them, with what this process can add to that.

The store has the counts of all processes. Which querysets they are of, where they are in the source, and what was
quarantined is known to the processes that evaluate them, each for itself.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace

from django.db.models.constants import LOOKUP_SEP

from autoprefetch import conf
from autoprefetch.advise import advising
from autoprefetch.advise.diffs import diff_here
from autoprefetch.advise.fixes import fixes_for
from autoprefetch.advise.foreseeing import foreseen_report
from autoprefetch.advise.keys import Place, name_of, place_of
from autoprefetch.advise.proposing import Proposal
from autoprefetch.advise.reports import CallSiteReport, by_saving
from autoprefetch.advise.suggestions import Suggestion, suggestion_for
from autoprefetch.advise.uses import ENOUGH, unused
from autoprefetch.apply.standing import Standing
from autoprefetch.evaluation import engine
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


@dataclass(frozen=True, slots=True)
class Surveyed:
    """One call site of the project.

    Attributes:
        report: what is known of it.
        standing: what is in force at it in this process; None where this process has not evaluated it.
    """

    report: CallSiteReport
    standing: Standing | None

    @property
    def place(self) -> Place:
        """Where it is, as far as its key tells."""
        return place_of(self.report.key)

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
        files = (self.standing.site.origin.path,) if self.standing else self.place.files
        return matching(conf.current().ignore, self.origin, *files)

    @property
    def given_up(self) -> tuple[str, ...]:
        """The lookups whose batches this process has given up, because lazy loads are quicker."""
        paths = self.standing.watches.given_up() if self.standing else ()
        return tuple(sorted(map(LOOKUP_SEP.join, paths)))

    @property
    def unused(self) -> frozenset[Path]:
        """The paths that are loaded ahead and that nobody uses, by the counts of all and by what this process saw."""
        paths = unused(self.report.history)
        if self.standing is None or self.report.plan is None:
            return paths
        idle = {path for path, times in (self.standing.idle or {}).items() if times >= ENOUGH}
        return (paths | idle) & self.report.plan.eager_paths()

    @property
    def has_advice(self) -> bool:
        """Whether there is code to paste; the source is read only where the plan does not tell."""
        if self.report.plan is not None and not self.report.plan.is_empty:
            return not self.report.quarantined
        return any(map(is_derived, self.report.profile.usages)) and self.suggestion() is not None

    def suggestion(self) -> Suggestion | None:
        """Return the code to paste, with the source where this process knows it; None when there is none."""
        plan = self.report.plan
        if plan is None or self.report.quarantined:
            return None
        if self.standing is not None and self.standing.plan is not None:
            return advising.suggestion_here(self.standing, plan, self.report.history)
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
    found = (_surveyed(key, known.get(key, UNKNOWN), here.get(key)) for key in {*known, *quarantined})
    return tuple(sorted(found, key=lambda one: by_saving(one.report)))


def survey_of(evaluations: Sequence[Followed]) -> dict[str, Surveyed]:
    """Return the call sites of evaluations that are followed, by their keys, in the order of their first evaluation.

    It tells what this process knows, and asks no store: each was looked for there before its evaluation.
    """
    engine.look_at(evaluations)
    known = {one.recording.key: engine.store.load(one.recording.key) or UNKNOWN for one in evaluations}
    return {key: _surveyed(key, history, engine.standings.get(key)) for key, history in known.items()}


def _surveyed(key: str, history: History, standing: Standing | None) -> Surveyed:
    if standing is None or (standing.form is None and not standing.quarantined):
        return Surveyed(foreseen_report(key, history, conf.current()), standing)
    engine.planned_for(standing, history)  # what is in force after the latest evaluation
    report = advising.call_site_report(standing, history)
    return Surveyed(replace(report, call_site=name_of(key)), standing)  # the same name, whichever process answers


def forget(key: str) -> None:
    """Forget what was learned of one call site, in the store and here; others forget it when they look into the store.

    Args:
        key: the key of the call site.

    Raises:
        StoreUnusableError: it cannot be written.
    """
    with _using_store():
        engine.forget(key)


@contextmanager
def _using_store() -> Iterator[None]:
    try:
        yield
    except Exception as error:  # that of a server, a disk or a table
        raise StoreUnusableError from error


def as_pattern(origin: str) -> str:
    """Return the pattern for `IGNORE` that matches an origin, and nothing else."""
    return re.sub(r"([*?[])", r"[\1]", origin)
