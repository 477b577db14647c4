"""The list: what saved most time first, searched and narrowed by the address alone."""

from __future__ import annotations

import re

import pytest
from django.test import Client, override_settings

from autoprefetch.advise.tables import duration
from autoprefetch.evaluation import engine
from autoprefetch.plan.costs import ROUND_TRIP
from autoprefetch.surveying import decide, survey
from autoprefetch.web.dashboard.listing import FILTERS, ON_A_PAGE
from tests.web.dashboard.sites import COLD, GONE, LIST, NAMED, OTHERS, UNUSED, WARM, client, history, used

pytestmark = [
    pytest.mark.usefixtures("known"),
    pytest.mark.parametrize("database", ["sqlite"], indirect=True),
]

ORDER = [
    "ShelfListView.get_queryset",
    "the search results",
    "NewBooksFeed.items",
    "CatalogueView.get",
    "OverdueView.get",
    "report",
    "AuthorsView.get",
]


@pytest.fixture
def staff(database: str) -> Client:
    return client()


def names(staff: Client, **given: str) -> list[str]:
    text = staff.get(LIST, given).content.decode()
    return re.findall(r"<h2><a [^>]*><bdi>(.*?)</bdi></a></h2>", text)


def test_what_saved_most_time_comes_first(staff):
    """Then, of those that saved nothing, by name."""
    assert names(staff) == ORDER


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("overdue", ["OverdueView.get"]),
        ("OVERDUE loans", ["OverdueView.get"]),
        ("overdue feeds", []),
        ("GET branches/<int:pk>/", ["ShelfListView.get_queryset"]),
        ("library.Book", ["the search results", "NewBooksFeed.items", "CatalogueView.get"]),
        ("branch__street", ["ShelfListView.get_queryset"]),
        ("search results", ["the search results"]),
        ("tests.library.views", ["CatalogueView.get", "AuthorsView.get"]),
        ("  ", ORDER),
        ("%", []),
        (".*", []),
    ],
)
def test_each_word_is_searched_for(staff, words, expected):
    """In names, modules, callers, routes, models and relation paths, in any case; it is no pattern."""
    assert names(staff, q=words) == expected


@pytest.mark.parametrize(
    ("chosen", "expected"),
    [
        ("all", ORDER),
        ("cold", ["OverdueView.get", "report", "AuthorsView.get"]),
        ("warm", ORDER[:4]),
        ("advice", ORDER[:5]),
        ("rolled-back", ["AuthorsView.get"]),
        ("unused", ["NewBooksFeed.items"]),
        ("nonsense", ORDER),
    ],
)
def test_the_list_is_narrowed(staff, chosen, expected):
    """As many as the link says."""
    assert names(staff, show=chosen) == expected
    text = staff.get(LIST, {"show": chosen}).content.decode()
    [(title, count)] = re.findall(r'aria-current="page">(.*?) <span class="count">(\d+)</span>', text)
    assert count == str(len(expected))
    assert title == FILTERS.get(chosen, FILTERS["all"])[0]


def test_what_people_ignore_can_be_found(staff):
    """A call site or one of its relations, by a decision or by the settings; there is no advice for what is ignored."""
    [warm, cold] = [one for one in survey() if one.key in (COLD, WARM)]
    decide(cold, "*", ignores=True)
    decide(warm, "branch", ignores=True)
    decide(warm, "copies", ignores=True)
    assert names(staff, show="ignored") == ["ShelfListView.get_queryset", "OverdueView.get"]
    assert "OverdueView.get" not in names(staff, show="advice")
    assert staff.get(LIST, {"show": "ignored"}).content.decode().count('<li class="state ignored">ignored</li>') == 1
    with override_settings(AUTOPREFETCH={"IGNORE": ["library.feeds:*"]}):
        assert "NewBooksFeed.items" in names(staff, show="ignored")
        assert "NewBooksFeed.items" not in names(staff, show="advice")
    [warm, cold] = [one for one in survey() if one.key in (COLD, WARM)]
    for site, name in ((cold, "*"), (warm, "branch"), (warm, "copies")):
        decide(site, name, ignores=False)
    assert names(staff, show="ignored") == []


def test_batches_that_were_given_up_are_rolled_back(staff):
    """As a quarantine is."""
    [standing] = [one for one in engine.standings.all() if "Catalogue" in one.site.key]
    for _ in range(3):
        standing.watches.loaded_alone(("tags",), 0.000_1)
        standing.watches.batched(("tags",), 16, 1.0, 0.000_5)
    assert names(staff, show="rolled-back") == ["CatalogueView.get", "AuthorsView.get"]


def test_a_search_is_kept_while_the_list_is_narrowed(staff):
    """And the counts are those of what was found."""
    text = staff.get(LIST, {"q": "library.Book", "show": "unused"}).content.decode()
    assert 'href="?q=library.Book&amp;show=warm"' in text
    assert '<input type="hidden" name="show" value="unused">' in text
    assert re.findall(r'<span class="count">(\d+)</span>', text) == ["3", "0", "3", "3", "0", "1", "0"]
    assert names(staff, q="library.Book", show="unused") == ["NewBooksFeed.items"]


def test_a_long_list_has_pages(staff):
    """A number that makes no sense leads to the nearest page that there is."""
    count = 2 * ON_A_PAGE + 3
    for number in range(count):
        engine.store.merge(f"shop.views:page{number:03}/auto#0 <  < library.Tag", history(3, 8, books=used(3, 8)))
    found = [names(staff, q="shop.views", page=page) for page in ("1", "2", "3")]
    assert [len(page) for page in found] == [ON_A_PAGE, ON_A_PAGE, 3]
    assert [name for page in found for name in page] == [f"page{number:03}" for number in range(count)]
    text = staff.get(LIST, {"q": "shop.views", "show": "cold", "page": "2"}).content.decode()
    assert '<a rel="prev" href="?q=shop.views&amp;show=cold">' in text
    assert '<a rel="next" href="?q=shop.views&amp;show=cold&amp;page=3">' in text
    assert "Page 2 of 3" in text
    assert names(staff, q="shop.views", page="99") == found[2]
    assert names(staff, q="shop.views", page="x") == found[0]


def test_the_queries_before_and_after_are_drawn(staff):
    """To the scale of the pair, with the numbers beside; what was not measured is not drawn."""
    text = staff.get(LIST, {"q": "ShelfListView"}).content.decode()
    assert '<rect class="plain" width="100.0%" height="10" rx="3"/></svg><span>37</span>' in text
    assert '<rect class="warm" width="5.5%" height="10" rx="3"/></svg><span>2</span>' in text
    text = staff.get(LIST, {"q": "OverdueView"}).content.decode()
    assert "<span>501</span>" in text
    assert '<rect class="warm" width' not in text.partition("<ol")[2]
    assert "not yet" in text


def test_the_totals_are_of_all_that_is_known(staff):
    """Whatever is searched for."""
    for given in ({}, {"q": "overdue"}):
        text = staff.get(LIST, given).content.decode()
        found = dict(re.findall(r"<div><dt>([^<]*)</dt><dd>([^<]*)</dd></div>", text.partition("<form")[0]))
        assert found["call sites"] == str(len(OTHERS) + 2)
        evaluations = sum(OTHERS[key].evaluations for key in (COLD, GONE, NAMED, UNUSED, WARM)) + 5
        assert found["evaluations"] == str(evaluations)
        assert found["queries saved"] == "17,394"
        saved = sum(site.report.saved_seconds for site in survey())
        assert found["time saved, estimated"] == duration(saved)
        assert 8 < saved <= 17_394 * ROUND_TRIP
