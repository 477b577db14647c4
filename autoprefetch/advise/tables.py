"""Tables: a report as text that lines up, and as Markdown."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from autoprefetch.advise.reports import CallSiteReport, Line

NOTHING = "Nothing was learned yet."

RELATIONS = ("relation", "used", "loads", "ahead", "lazy", "batch", "join", "prefetch", "applied", "why")
"""Columns of the relations of a call site; those of the four ways to load are what it would cost (milliseconds)."""

SITES = ("call site", "model", "evaluations", "rows", "plain", "warm", "saved queries", "saved time")
"""Columns of the call sites; plain and warm are the queries of an evaluation."""

_BAR = r"\|"  # the one way to write it in a cell, also within `code`
_NUMBERS = frozenset((*RELATIONS[1:8], *SITES[2:]))


def paragraph(site: CallSiteReport) -> str:
    """Return one call site as text."""
    totals, warm = site.totals, site.profile.measured_queries
    seen = f"{counted(totals.evaluations, 'evaluation')}, {counted(totals.rows, 'row')}"
    lines = [f"{site.call_site}: {site.model}, {seen}"]
    saved = f", {warm:.0f} warm, {site.saved_queries} saved in all ({_time(site)})" if warm else ""
    lines.append(f"  queries: {site.profile.plain_queries:.0f} plain{saved}")
    lines += [f"  evaluated by {' < '.join(site.callers)}"] if site.callers else []
    lines += [f"  left out: {site.gone}"] if site.gone else []
    lines += [f"  runs as plain Django: {site.quarantined}"] if site.quarantined else []
    lines += [f"  is ignored: {site.ignored}"] if site.ignored else []
    lines += [f"  {unread}"] if (unread := _unread(site)) else []
    lines += [f"  {unused}" for unused in _unused(site)]
    rows = [_cells(line) for line in site.lines()]
    lines += [f"  {line}" for line in _aligned(RELATIONS, rows)] if rows else []
    return "\n".join(lines)


def markdown(sites: Iterable[CallSiteReport]) -> str:
    """Return call sites as Markdown: a table of them, and one of the relations of each."""
    sites = list(sites)
    sections = (line for site in sites for line in _section(site))
    return "\n".join([*_marked(SITES, [_site_cells(site) for site in sites]), *sections])


def _section(site: CallSiteReport) -> Iterator[str]:
    rows, unread, unused = [_cells(line) for line in site.lines()], _unread(site), _unused(site)
    if rows or unread or unused or site.ignored:
        yield from ("", f"### `{site.call_site}`", "")
        yield from (f"Is ignored: {site.ignored}.", "") if site.ignored else ()
        yield from (f"Evaluated by `{' < '.join(site.callers)}`.", "") if site.callers else ()
        yield from (f"Columns {unread}.", "") if unread else ()
        yield from (line for one in unused for line in (f"It {one}.", ""))
    if rows:
        yield from (f"Costs in milliseconds for an evaluation, of `{site.model}`.", "")
        yield from _marked(RELATIONS, [[f"`{row[0]}`", *row[1:]] for row in rows])


def _unread(site: CallSiteReport) -> str:
    """Name the columns that are loaded for nothing, with how often it was inspected; "" where there are none."""
    columns = "; ".join(
        f"{lookup}: {', '.join(names)}" if lookup else ", ".join(names) for lookup, names in site.unread_columns.items()
    )
    return f"never read in {counted(site.totals.inspected, 'evaluation')} inspected: {columns}" if columns else ""


def _unused(site: CallSiteReport) -> list[str]:
    """Say what the caller's own query loads for nothing, with how often that was seen."""
    found = site.unused_given.items()
    return [f"loads for nothing in {counted(g.evaluations, 'evaluation')} inspected: {text}" for text, g in found]


def _site_cells(site: CallSiteReport) -> list[str]:
    totals, warm = site.totals, site.profile.measured_queries
    cells = [f"`{site.call_site}`", site.model, f"{totals.evaluations}", f"{totals.rows}"]
    cells += [f"{site.profile.plain_queries:.0f}", "" if warm is None else f"{warm:.0f}", f"{site.saved_queries}"]
    return [*cells, _time(site) if site.saved_queries else ""]


def _cells(line: Line) -> list[str]:
    costs = (f"{line.costs[way]:.2f}" if way in line.costs else "" for way in RELATIONS[4:8])
    return [line.path, f"{line.used:.0%}", f"{line.loads:.0f}", f"{line.ahead:.0%}", *costs, line.method, line.reason]


def _aligned(head: tuple[str, ...], rows: list[list[str]]) -> Iterator[str]:
    widths = [max(map(len, column)) for column in zip(head, *rows, strict=True)]
    for row in (head, *rows):
        cells = (
            f"{cell:>{width}}" if name in _NUMBERS else f"{cell:<{width}}"
            for name, cell, width in zip(head, row, widths, strict=True)
        )
        yield "  ".join(cells).rstrip()


def _marked(head: tuple[str, ...], rows: list[list[str]]) -> Iterator[str]:
    yield f"| {' | '.join(head)} |"
    yield f"|{'|'.join('---:' if name in _NUMBERS else '---' for name in head)}|"
    for row in rows:
        yield f"| {' | '.join(cell.replace('|', _BAR) for cell in row)} |"


def _time(site: CallSiteReport) -> str:
    """Say how much time was saved, and what that is known from."""
    return f"{duration(site.saved.seconds)}, {site.saved.basis}"


def counted(count: float, what: str, several: str = "") -> str:
    """Return how many there are of something, in words."""
    return f"{count:.0f} {what if round(count) == 1 else several or f'{what}s'}"


def duration(seconds: float) -> str:
    """Write a time for people."""
    return f"{seconds:.1f} s" if seconds >= 1 else f"{seconds * 1000:.0f} ms"
