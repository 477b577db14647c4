"""Entries: a call site as the pages show it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256

from autoprefetch.advise.keys import Place
from autoprefetch.advise.reports import CallSiteReport
from autoprefetch.advise.savings import worst
from autoprefetch.advise.tables import duration
from autoprefetch.surveying import Surveyed
from autoprefetch.web.dashboard.figures import Bar, counted, number, queries

_DIGITS = 16
_CLASS = re.compile(r"[^\W\d]\w*(?=\()")  # as `repr()` begins


def digest_of(key: str) -> str:
    """Return what stands for a key in addresses; keys are long, and of any text."""
    return sha256(key.encode(errors="backslashreplace")).hexdigest()[:_DIGITS]


@dataclass(frozen=True, slots=True)
class Entry:
    """One call site.

    Attributes:
        digest: what stands for it in addresses.
        place: where it is.
        model: the label of its model.
        states: what there is to say of it, a word or two each, with the class of each.
        evaluations: how many there were, in words.
        bars: the queries of one evaluation.
        is_warm: whether what is applied was measured.
        saved: the time and the queries that were saved in all, each with what it is; none where nothing was.
    """

    digest: str
    place: Place
    model: str
    states: tuple[tuple[str, str], ...]
    evaluations: str
    bars: list[Bar]
    is_warm: bool
    saved: tuple[tuple[str, str], ...]


def is_warm(site: Surveyed) -> bool:
    """Tell whether an evaluation has loaded anything ahead."""
    return site.report.totals.warm > 0


def is_rolled_back(site: Surveyed) -> bool:
    """Tell whether this process has taken its plan away, or given up batches."""
    return bool(site.report.quarantined or site.given_up)


def fault_of(site: Surveyed) -> str:
    """Name the class of the fault that took its plan away, and no more: what a fault says may hold values."""
    found = _CLASS.match(site.report.quarantined)
    return found[0] if found else "Exception" if site.report.quarantined else ""


def entry(site: Surveyed) -> Entry:
    """Show a call site."""
    report = site.report
    return Entry(
        digest=digest_of(report.key),
        place=site.place,
        model=report.model,
        states=tuple(_states(site)),
        evaluations=counted(report.totals.evaluations, "evaluation", "evaluations"),
        bars=queries(report.profile.plain_queries, report.profile.measured_queries),
        is_warm=is_warm(site),
        saved=_saved(report) if report.saved_queries else (),
    )


def _saved(report: CallSiteReport) -> tuple[tuple[str, str], ...]:
    queries_saved = "query saved" if report.saved_queries == 1 else "queries saved"
    saved = report.saved
    return ((f"time saved, {saved.basis}", duration(saved.seconds)), (queries_saved, number(report.saved_queries)))


def _states(site: Surveyed) -> list[tuple[str, str]]:
    found = [("warm", "warm") if is_warm(site) else ("cold", "cold")]
    found += [("advice", "has advice")] if site.has_advice else []
    found += [("rolled-back", "rolled back")] if is_rolled_back(site) else []
    found += [("unused", "unused eager loads")] if site.unused else []
    found += [("ignored", "ignored")] if site.ignored_by else []
    found += [("gone", "model is gone")] if site.report.gone else []
    return found


def totals(reports: Sequence[CallSiteReport]) -> list[tuple[str, str]]:
    """Add up call sites: what it is, and how much."""
    saved = [report.saved for report in reports if report.saved_queries]
    return [
        ("evaluations", number(sum(report.totals.evaluations for report in reports))),
        ("rows", number(sum(report.totals.rows for report in reports))),
        ("queries saved", number(sum(report.saved_queries for report in reports))),
        (f"time saved, {worst(one.basis for one in saved)}", duration(sum(one.seconds for one in saved))),
    ]
