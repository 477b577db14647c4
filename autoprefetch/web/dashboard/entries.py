"""Entries: a call site as the pages show it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256

from autoprefetch.advise.keys import Place
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
    return site.history.totals.warm > 0


def is_rolled_back(site: Surveyed) -> bool:
    """Tell whether this process has taken its plan away, or given up batches."""
    return bool(site.quarantined or site.given_up)


def fault_of(site: Surveyed) -> str:
    """Name the class of the fault that took its plan away, and no more: what a fault says may hold values."""
    found = _CLASS.match(site.quarantined)
    return found[0] if found else "Exception" if site.quarantined else ""


def entry(site: Surveyed) -> Entry:
    """Show a call site."""
    history = site.history
    return Entry(
        digest=digest_of(site.key),
        place=site.place,
        model=site.model,
        states=tuple(_states(site)),
        evaluations=counted(history.totals.evaluations, "evaluation", "evaluations"),
        bars=queries(history.profile.plain_queries, history.profile.measured_queries),
        is_warm=is_warm(site),
        saved=_saved(site) if site.saved_queries else (),
    )


def _saved(site: Surveyed) -> tuple[tuple[str, str], ...]:
    queries_saved = "query saved" if site.saved_queries == 1 else "queries saved"
    saved = site.saved
    return ((f"time saved, {saved.basis}", duration(saved.seconds)), (queries_saved, number(site.saved_queries)))


def _states(site: Surveyed) -> list[tuple[str, str]]:
    found = [("warm", "warm") if is_warm(site) else ("cold", "cold")]
    found += [("advice", "has advice")] if site.has_advice else []
    found += [("rolled-back", "rolled back")] if is_rolled_back(site) else []
    found += [("unused", "unused eager loads")] if site.unused else []
    found += [("ignored", "ignored")] if site.is_ignored else []
    found += [("gone", "model is gone")] if site.is_gone else []
    return found


def totals(sites: Sequence[Surveyed]) -> list[tuple[str, str]]:
    """Add up call sites: what it is, and how much."""
    saved = [site.saved for site in sites if site.saved_queries]
    return [
        ("evaluations", number(sum(site.history.totals.evaluations for site in sites))),
        ("rows", number(sum(site.history.totals.rows for site in sites))),
        ("queries saved", number(sum(site.saved_queries for site in sites))),
        (f"time saved, {worst(one.basis for one in saved)}", duration(sum(one.seconds for one in saved))),
    ]
