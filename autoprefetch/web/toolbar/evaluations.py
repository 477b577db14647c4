"""Evaluations: those of one request, added up by call site and relation path, as the panel shows them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import reduce
from typing import Any

from django.db.models.constants import LOOKUP_SEP

from autoprefetch import conf
from autoprefetch.advise.keys import Place
from autoprefetch.advise.reports import Line
from autoprefetch.learn.profiles import Path, Profile, Usage, is_derived
from autoprefetch.observe.following import Followed, Follower
from autoprefetch.plan.plans import Method
from autoprefetch.surveying import Surveyed, survey_of
from autoprefetch.web.dashboard.branches import GIVEN_UP, MEANINGS, PLAIN, Mark, name_of_step
from autoprefetch.web.dashboard.changes import Change, changes
from autoprefetch.web.dashboard.circumstances import WRONG
from autoprefetch.web.dashboard.entries import fault_of
from autoprefetch.web.dashboard.figures import Bar, bars, counted, number

MODES = {
    "off": 'MODE is "off": querysets run as plain Django.',
    "learn": 'MODE is "learn": nothing is loaded ahead or batched.',
    "apply": 'MODE is "apply": nothing is learned.',
    "strict": 'MODE is "strict": nothing is learned, and lazy loads are errors.',
}
_WAYS = {Method.JOIN: Mark.JOINED, Method.PREFETCH: Mark.PREFETCHED}


@dataclass(frozen=True, slots=True)
class Relation:
    """One relation path, in one request.

    Attributes:
        lookup: the path.
        is_derived: whether it is a query for each parent.
        marks: how it was loaded, each as its class and its text.
        plain: the queries that plain Django would have run for it.
        touched: where it was touched first; "" when that is not known.
        reason: why it is loaded so from now on.
    """

    lookup: str
    is_derived: bool
    marks: tuple[tuple[str, str], ...]
    plain: str
    touched: str
    reason: str


@dataclass(frozen=True, slots=True)
class Site:
    """One call site, in one request.

    Attributes:
        place: where it is.
        model: the label of its model.
        line: the file and the line.
        states: what there is to say of it, each as its class and its text.
        evaluations: how many there were, and of how many rows.
        bars: the queries that ran, and those of plain Django.
        relations: what was used or loaded ahead.
        fault: the class of the fault that took its plan away; "" when none did.
        changes: the code to paste.
        measured: whether what it runs with that code was measured.
        before: the queries of one evaluation by plain Django.
        after: those with that code.
        notes: what there is to know before pasting it.
    """

    place: Place
    model: str
    line: str
    states: tuple[tuple[str, str], ...]
    evaluations: str
    bars: Sequence[Bar]
    relations: Sequence[Relation]
    fault: str
    changes: Sequence[Change]
    measured: bool
    before: str
    after: str
    notes: Sequence[str]


def shown(follower: Follower, *, is_whole: bool) -> dict[str, Any]:
    """Return what the panel shows of a request, as plain values that can be stored as JSON.

    Args:
        follower: what it has evaluated.
        is_whole: whether it has done all that it does; after an error, and where a stream only begins now, what was not
            used of what was loaded ahead is not called unused.
    """
    by_key: dict[str, list[Followed]] = {}
    for one in follower.evaluations:
        by_key.setdefault(one.recording.key, []).append(one)
    surveyed = survey_of(follower.evaluations)
    sites = [_site(known, by_key[key], is_whole) for key, known in surveyed.items()]
    marks = {name for site in sites for relation in site.relations for name, _ in relation.marks}
    return {
        "sites": [asdict(site) for site in sites],
        "meanings": [(*_class(mark), meaning) for mark, meaning in MEANINGS.items() if _class(mark)[0] in marks],
        "more": counted(follower.more, "evaluation", "evaluations") if follower.more else "",
        "summary": _summary(follower.evaluations),
        "notices": list(_notices()),
    }


def _notices() -> Iterator[str]:
    mode = conf.current().mode
    if conf.current_problems():
        yield WRONG
    elif mode in MODES:
        yield MODES[mode]


def _summary(evaluations: Sequence[Followed]) -> str:
    if not evaluations:
        return ""
    ran = sum(one.queries for one in evaluations)
    return f"{counted(ran, 'query', 'queries')}, plain Django {number(_plain(_added(evaluations)))}"


def _added(evaluations: Iterable[Followed]) -> Profile:
    return reduce(Profile.merged_with, (one.counts for one in evaluations), Profile())


def _plain(counts: Profile) -> float:
    """Return what plain Django would have run."""
    return counts.own_queries + sum(usage.loads for usage in counts.usages.values())


def _site(known: Surveyed, evaluations: Sequence[Followed], is_whole: bool) -> Site:
    counts = _added(evaluations)
    queries = {"plain": _plain(counts), "ran": float(sum(one.queries for one in evaluations))}
    relations = list(_relations(known, evaluations, counts, is_whole))
    suggestion = known.suggestion()
    times = counted(len(evaluations), "evaluation", "evaluations")
    return Site(
        place=known.place,
        model=known.report.model,
        line=known.line,
        states=tuple(_states(known, counts, relations)),
        evaluations=f"{times}, {counted(counts.rows, 'row', 'rows')}",
        bars=bars(queries, {label: number(value) for label, value in queries.items()}),
        relations=relations,
        fault=fault_of(known),
        changes=changes(suggestion, "") if suggestion else (),
        measured=suggestion is not None and suggestion.measured,
        before=counted(suggestion.queries_before, "query", "queries") if suggestion and suggestion.code else "",
        after=number(suggestion.queries_after) if suggestion else "",
        notes=suggestion.notes if suggestion else (),
    )


def _states(known: Surveyed, counts: Profile, relations: Sequence[Relation]) -> Iterator[tuple[str, str]]:
    if counts.warm < counts.evaluations:
        yield "cold", "cold"
    if counts.warm:
        yield "warm", "warm"
    if known.report.quarantined or known.given_up:
        yield "rolled-back", "rolled back"
    if any(_class(Mark.UNUSED) in relation.marks for relation in relations):
        yield "unused", "unused eager loads"


def _relations(known: Surveyed, evaluations: Sequence[Followed], counts: Profile, is_whole: bool) -> Iterator[Relation]:
    marks: dict[Path, dict[Mark, None]] = {}
    for one in evaluations:
        for path, mark in _marks(one):
            if not is_whole and mark is Mark.UNUSED:
                continue
            marks.setdefault(path, {})[mark] = None
    lines = {line.path: line for line in known.report.lines()}
    for path in sorted(marks):
        lookup, usage = LOOKUP_SEP.join(path), counts.usages.get(path, Usage())
        learned = known.report.profile.usages.get(path, Usage())
        yield Relation(
            lookup=LOOKUP_SEP.join(map(name_of_step, path)),
            is_derived=is_derived(path),
            marks=tuple(map(_class, marks[path])),
            plain=counted(usage.loads, "query", "queries"),
            touched=usage.first_access or learned.first_access,
            reason=_reason(known, lookup, lines.get(lookup)),
        )


def _marks(one: Followed) -> Iterator[tuple[Path, Mark]]:
    """Yield how each path was loaded in one evaluation; it may be in more ways, as where a write came between."""
    methods = {branch.path: branch.method for branch in one.plan.walk()}
    yield from ((path, Mark.GIVEN) for path, method in methods.items() if method is Method.GIVEN)
    for path, usage in one.counts.usages.items():
        # What is loaded ahead below a query for each parent is in no plan for the root query, and joined to it.
        way = Mark.JOINED if _is_below_derived(path) else _WAYS.get(methods.get(path, Method.LAZY))
        alone = one.alone[_touched(path)]
        if way and usage.eager:
            yield path, way
            if not usage.evaluations:
                yield path, Mark.UNUSED
        elif usage.loads > alone:
            yield path, Mark.BATCHED
        if alone:
            yield path, Mark.LAZY


def _is_below_derived(path: Path) -> bool:
    return any(is_derived(path[:size]) for size in range(1, len(path)))


def _touched(path: Path) -> Path:
    """Return the path that is touched: which model a generic foreign key leads to is known only afterwards."""
    return (*path[:-1], path[-1].partition("[")[0])


def _class(mark: Mark) -> tuple[str, str]:
    return mark.name.lower(), str(mark)


def _reason(known: Surveyed, lookup: str, line: Line | None) -> str:
    if known.report.quarantined:
        return PLAIN
    if lookup in known.given_up:
        return GIVEN_UP
    return line.reason if line else ""
