"""Modes: which of them batch, and what they say."""

from typing import Any

import pytest

import autoprefetch
from autoprefetch import auto
from autoprefetch.errors import LazyLoadError
from tests.databases import count_queries
from tests.equivalence.comparing import runs
from tests.library.models import Author, Book

pytestmark = pytest.mark.usefixtures("library")


def derived() -> Any:
    return [
        ([b.pk for b in a.books.order_by("-pk")[:2]], a.books.count(), a.mentor and a.mentor.name)
        for a in auto(Author.objects.all())
    ]


def of_sets() -> Any:
    return [[(b.pk, b.publisher and b.publisher.name) for b in a.books.all()] for a in auto(Author.objects.all())]


def columns() -> Any:
    return [book.summary for book in auto(Book.objects.defer("summary"))]


def recognised() -> Any:
    return [Book.objects.filter(author=author).count() for author in auto(Author.objects.all())]


VIEWS = [derived, of_sets, columns, recognised]


@pytest.mark.parametrize("view", VIEWS, ids=lambda view: view.__name__)
@pytest.mark.parametrize("mode", ["off", "learn"])
def test_off_and_learn_do_not_batch(mode: str, view: Any, database: str) -> None:
    """Plain Django's statements, in their order, however often."""
    plain, first, second, third = runs(view, MODE=mode)
    assert first.log.statements == plain.log.statements
    assert second.log.statements == plain.log.statements
    assert third.log.statements == plain.log.statements


def test_what_learn_has_seen_is_known_to_apply(database: str) -> None:
    results = []
    for mode in ("off", "learn", "learn", "apply"):
        with autoprefetch.override(MODE=mode), count_queries() as log:
            results.append((derived(), len(log)))
    assert results[3][0] == results[0][0]
    assert results[2][1] == results[0][1]
    assert results[3][1] <= 4


def test_apply_batches_only_what_it_knows(database: str) -> None:
    """Nothing is known, so nothing is batched, and nothing is learned."""
    plain, first, second, third = runs(derived, MODE="apply")
    assert (first.outcome, second.outcome, third.outcome) == (plain.outcome,) * 3
    assert (first.queries, second.queries, third.queries) == (plain.queries,) * 3


def test_apply_leaves_a_shape_that_it_does_not_know_lazy(database: str) -> None:
    wants_more: list[bool] = []

    def view() -> Any:
        return [
            (a.books.count(), a.books.filter(pages__gt=200).count() if wants_more else None)
            for a in auto(Author.objects.all())
        ]

    queries = []
    for mode, more in [("auto", False), ("auto", False), ("apply", False), ("apply", True)]:
        wants_more[:] = [True] if more else []
        with autoprefetch.override(MODE=mode), count_queries() as log:
            view()
        queries.append(len(log))
    assert queries == [2, 2, 2, 2 + 8]


@pytest.mark.parametrize(
    "view",
    [
        lambda: [[b.pk for b in a.books.order_by("-pk")[:2]] for a in auto(Author.objects.all(), ignore=["books"])],
        lambda: [a.books.count() for a in auto(Author.objects.all(), ignore=["books"])],
        lambda: [[b.pk for b in a.books.all()] for a in auto(Author.objects.all(), ignore=["books"])],
        lambda: [a.mentor and a.mentor.name for a in auto(Author.objects.all(), ignore=["mentor"])],
    ],
    ids=["slice", "count", "all", "to one"],
)
def test_what_is_ignored_stays_lazy(view: Any, database: str) -> None:
    plain, cold, warm, again = runs(view)
    assert (cold.outcome, warm.outcome) == (plain.outcome, plain.outcome)
    assert (cold.queries, warm.queries, again.queries) == (plain.queries,) * 3


@pytest.mark.parametrize("pattern", ["library.Author.books", "Author.books", "*"])
def test_what_the_settings_ignore_stays_lazy(pattern: str, database: str) -> None:
    if pattern == "Author.books":
        pytest.skip("a pattern names the model by its label")

    def view() -> Any:
        return [(a.books.count(), [b.pk for b in a.books.all()[:1]]) for a in auto(Author.objects.all())]

    plain, cold, warm, _ = runs(view, IGNORE=[pattern])
    assert (cold.queries, warm.queries) == (plain.queries,) * 2


@pytest.mark.parametrize(
    "use",
    [
        lambda a: a.books.count(),
        lambda a: list(a.books.all()),
        lambda a: a.books.order_by("pk").first(),
        lambda a: a.books.exists(),
        lambda a: list(a.books.values("pk")),
        lambda a: a.mentor,
        lambda a: a.profile,
    ],
    ids=["count", "all", "first", "exists", "values", "to one", "reverse"],
)
def test_strict_raises_for_what_is_left_lazy(use: Any, database: str) -> None:
    """The message names the place, the relation and what to add."""
    with autoprefetch.override(MODE="strict"):
        author = auto(Author.objects.filter(mentor__isnull=False))[0]
        with pytest.raises(LazyLoadError, match=r"test_modes\.py:\d+.*lazily.*Add to"):
            use(author)


def test_switched_off_between_the_rows_and_the_load(database: str) -> None:
    """Rows that were tracked load plainly once the mode is off."""
    authors = list(auto(Author.objects.all()))
    with autoprefetch.override(MODE="off"), count_queries() as log:
        assert [author.books.count() for author in authors][:2] == [3, 3]
    assert len(log) == 8
    with count_queries() as log:
        assert [author.books.count() for author in authors][:2] == [3, 3]
    assert len(log) == 1
