"""Listing: which call sites the list shows, in the order of the time that they saved."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import urlencode

from django.core.paginator import Page, Paginator
from django.db.models.constants import LOOKUP_SEP

from autoprefetch.learn.decisions import left_lazy
from autoprefetch.surveying import Surveyed
from autoprefetch.web.dashboard.entries import is_rolled_back, is_warm
from autoprefetch.web.dashboard.figures import number

ON_A_PAGE = 50
"""Call sites on one page of the list."""

ALL = "all"
FILTERS: Mapping[str, tuple[str, Callable[[Surveyed], bool]]] = {
    ALL: ("All", lambda site: True),
    "cold": ("Cold", lambda site: not is_warm(site)),
    "warm": ("Warm", is_warm),
    "advice": ("Has advice", lambda site: site.has_advice),
    "rolled-back": ("Rolled back", is_rolled_back),
    "unused": ("Unused eager loads", lambda site: bool(site.unused)),
    "ignored": ("Ignored", lambda site: site.is_ignored or bool(left_lazy(site.history.decisions))),
}
"""What the list can be narrowed to: the name in the address, the title, and which call sites that are."""


@dataclass(frozen=True, slots=True)
class Tab:
    """A link that narrows the list.

    Attributes:
        title: what it shows.
        count: how many call sites that are, of those that are searched for.
        address: the query of the address.
        is_current: whether the list is narrowed to it now.
    """

    title: str
    count: str
    address: str
    is_current: bool


@dataclass(frozen=True, slots=True)
class Listing:
    """What the list shows.

    Attributes:
        words: what was searched for.
        chosen: the name of the filter.
        tabs: the filters.
        page: the call sites of this page.
        earlier: the query of the address of the page before; "" on the first.
        later: that of the next page; "" on the last.
    """

    words: str
    chosen: str
    tabs: list[Tab]
    page: Page[Surveyed]
    earlier: str
    later: str


def listing(sites: Sequence[Surveyed], given: Mapping[str, str]) -> Listing:
    """Choose what to show.

    Args:
        sites: all call sites, in their order.
        given: the query of the address: `q` for words, `show` for a filter, `page`; what makes no sense is left out.
    """
    words, chosen = given.get("q", "").strip(), given.get("show", ALL)
    chosen = chosen if chosen in FILTERS else ALL
    found = [site for site in sites if matches(site, words)]
    narrowed = {name: [site for site in found if holds(site)] for name, (_, holds) in FILTERS.items()}
    page = Paginator(narrowed[chosen], ON_A_PAGE).get_page(given.get("page"))
    return Listing(
        words=words,
        chosen=chosen,
        tabs=[
            Tab(title, number(len(narrowed[name])), _address(words, name), name == chosen)
            for name, (title, _) in FILTERS.items()
        ],
        page=page,
        earlier=_address(words, chosen, page.previous_page_number()) if page.has_previous() else "",
        later=_address(words, chosen, page.next_page_number()) if page.has_next() else "",
    )


def matches(site: Surveyed, words: str) -> bool:
    """Tell whether each word is in the name, the module, the callers, the route, the model or a relation path."""
    if not words:
        return True
    text = " ".join([site.key, *map(LOOKUP_SEP.join, site.history.profile.usages)]).casefold()
    return all(word in text for word in words.casefold().split())


def _address(words: str, chosen: str, page: int = 1) -> str:
    given = {"q": words, "show": chosen if chosen != ALL else "", "page": str(page) if page > 1 else ""}
    return "?" + urlencode({name: value for name, value in given.items() if value})
