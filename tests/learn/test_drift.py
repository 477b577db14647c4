"""Drift: what a call site stops using is unlearned, what it uses now and then stays with the cheaper plan."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import Any

import pytest
from django.http import HttpRequest, HttpResponse
from django.test import Client
from django.urls import path

import autoprefetch
from autoprefetch import auto, report
from autoprefetch.plan.costs import FORGOTTEN
from tests.databases import count_queries
from tests.library.models import Author, Book, Tag

pytestmark = [
    pytest.mark.usefixtures("library"),
    pytest.mark.parametrize("database", ["sqlite"], indirect=True),
    pytest.mark.urls(__name__),
]

WITHIN = 50
"""Observed evaluations within which a relation that is not used any more is dropped."""


def method(lookup: str) -> str:
    [site] = report().call_sites
    assert site.plan is not None
    found = {"__".join(branch.path): str(branch.method) for branch in site.plan.walk()}
    return found.get(lookup, "unknown")


def run(*lookups: str) -> int:
    """Evaluate the same call site, use some relations, and return the queries that it took."""
    with count_queries() as log:
        for book in auto(Book.objects.order_by("pk"), name="books"):
            for lookup in lookups:
                found: Any = getattr(book, lookup)
                assert found.all() is not None and len(found.all()) >= 0 if lookup == "tags" else found is not None
    return len(log)


def test_the_constant_is_the_one_that_is_documented() -> None:
    """Fewer than fifty in a row."""
    assert FORGOTTEN < WITHIN


READS: dict[str, Callable[[Any], object]] = {
    "iterated": lambda tags: list(tags.all()),
    "indexed": lambda tags: tags.all()[0] if tags.all() else None,
    "counted": lambda tags: tags.count(),
    "measured": lambda tags: len(tags.all()),
    "asked whether there are any": lambda tags: tags.exists(),
    "asked for a row": lambda tags: tags.contains(Tag(pk=1)),
}
DERIVED: dict[str, Callable[[Any], object]] = {
    "built only": lambda tags: tags.all(),
    "filtered": lambda tags: list(tags.filter(name="new")),
    "fetched from": lambda tags: tags.filter(pk=1).first(),
}


@pytest.mark.parametrize("way", [*READS, *DERIVED])
def test_a_prefetched_set_is_used_where_its_rows_are_read(way: str) -> None:
    """What is chained from its manager asks the database, and is no reason to load the set again."""

    def read(use: Callable[[Any], object]) -> None:
        for book in auto(Book.objects.order_by("pk"), name="books"):
            use(book.tags)

    for _ in range(5):
        read(READS["iterated"])
    assert method("tags") == "prefetched"
    for _ in range(2 * WITHIN):
        read({**READS, **DERIVED}[way])
    assert (method("tags") == "prefetched") == (way in READS)


@pytest.mark.parametrize(("lookup", "way"), [("author", "joined"), ("tags", "prefetched")])
def test_what_is_not_used_any_more_is_dropped(lookup: str, way: str) -> None:
    """After fifty evaluations that did not use it; until then it may come back."""
    for _ in range(70):
        run(lookup)
    assert method(lookup) == way
    for _ in range(WITHIN + 1):
        last = run()
    assert method(lookup) == "lazy"
    assert last == 1
    cold, *_, warm = run(lookup), run(lookup), run(lookup)
    assert cold == 2
    assert warm <= 2


def test_a_working_plan_keeps_its_own_evidence() -> None:
    """What is loaded ahead is not loaded lazily any more, and that is no sign of disuse."""
    for _ in range(400):
        last = run("author", "tags")
    assert (method("author"), method("tags")) == ("joined", "prefetched")
    assert last == 2


def test_one_in_twenty_reaches_the_cheaper_plan_and_stays_there() -> None:
    """A batch at first touch costs a query in one evaluation of twenty; a join would read the rows in all."""
    ways = []
    for number in range(400):
        used = number % 20 == 0
        queries = run("tags") if used else run()
        assert queries <= 2
        if number > 100:
            ways.append(method("tags"))
            assert queries == (2 if used else 1)
    assert set(ways) == {"lazy"}


def test_a_branch_that_flips_settles() -> None:
    """Two shapes in turn: the plan is the same in the end, and costs no more than a query besides."""
    ways = []
    for number in range(300):
        queries = run("author") if number % 2 else run("tags")
        assert queries <= 3
        if number > 150:
            ways.append((method("author"), method("tags")))
    assert len(set(ways)) == 1


def test_two_thirds_of_use_do_not_flap() -> None:
    """Near a threshold a plan stays what it is."""
    ways = []
    for number in range(600):
        run("tags") if number % 10 < 8 else run()
        if number > 200:
            ways.append(method("tags"))
    assert sum(one != other for one, other in pairwise(ways)) <= 1


# Errors ---------------------------------------------------------------------------------------------------------------


def failing(request: HttpRequest, how: str) -> HttpResponse:
    books = list(auto(Book.objects.order_by("pk")))
    if how == "status":
        return HttpResponse(status=500)
    if how == "exception":
        raise ValueError(how)
    return HttpResponse(str([book.author.name for book in books]))


urlpatterns = [path("<str:how>/", failing)]


@pytest.fixture
def client() -> Iterator[Callable[[str], int]]:
    logging.getLogger("django.request").disabled = True
    found = Client(raise_request_exception=False)
    yield lambda how: found.get(f"/{how}/").status_code
    logging.getLogger("django.request").disabled = False


@pytest.mark.parametrize("how", ["status", "exception"])
def test_errors_are_no_sign_of_disuse(how: str, client: Callable[[str], int]) -> None:
    """A request that fails may have ended before it came to what it uses."""
    for _ in range(5):
        assert client("well") == 200
    assert method("author") == "joined"
    for _ in range(2 * WITHIN):
        assert client(how) == 500
    assert method("author") == "joined"
    [site] = report().call_sites
    assert (site.totals.evaluations, site.totals.failed) == (5 + 2 * WITHIN, 2 * WITHIN)


def test_what_a_request_does_not_use_is_dropped(client: Callable[[str], int]) -> None:
    """The same without errors."""

    def unused() -> None:
        with autoprefetch.override(LOG_SUGGESTIONS=False):
            list(auto(Author.objects.order_by("pk"), name="authors"))

    for author in auto(Author.objects.order_by("pk"), name="authors"):
        assert hasattr(author, "profile") or author
    for _ in range(WITHIN + 2):
        unused()
    [site] = report().call_sites
    assert site.plan is not None
    assert site.plan.eager_paths() == frozenset()
