"""What a prefetched manager answers from its cache, and what it asks the database for again.

Measured on Django 5.2; autoprefetch's own prefetches and batches have to give the same answers, and where Django asks
again for each parent, a batch asks once for all.
"""

from collections.abc import Callable
from typing import Any

import pytest
from django.db.models import Sum

from autoprefetch import auto
from tests.databases import count_queries
from tests.equivalence.comparing import plain_cold_warm, raised
from tests.library.models import Author, Book, Publisher

pytestmark = pytest.mark.usefixtures("library")

#: How each is asked of a related manager; a prefetched one answers without a query.
CACHED: dict[str, Callable[[Any, Any], Any]] = {
    "all": lambda manager, book: list(manager.all()),
    "iteration": lambda manager, book: [row.pk for row in manager.all()],
    "slice": lambda manager, book: list(manager.all()[:2]),
    "index": lambda manager, book: raised(lambda: manager.all()[0]),
    "count": lambda manager, book: (manager.count(), manager.all().count()),
    "exists": lambda manager, book: (manager.exists(), manager.all().exists()),
    "contains": lambda manager, book: (manager.contains(book), manager.all().contains(book)),
    "ordered_first": lambda manager, book: (manager.first(), manager.all().first()),
}
#: A prefetched manager asks the database for these.
AGAIN: dict[str, Callable[[Any, Any], Any]] = {
    "filter": lambda manager, book: list(manager.filter(pages__gt=200)),
    "order_by": lambda manager, book: list(manager.order_by("-pages", "pk")),
    "unordered_first": lambda manager, book: manager.order_by().first(),
    "unordered_last": lambda manager, book: manager.order_by().last(),
    "latest": lambda manager, book: raised(lambda: manager.latest("pages", "pk")),
    "values_list": lambda manager, book: list(manager.values_list("title", "pages")),
    "get": lambda manager, book: raised(lambda: manager.get(title="Book 06").pages),
    "in_bulk": lambda manager, book: manager.in_bulk([1, 2, book.pk]),
    "aggregate": lambda manager, book: manager.aggregate(total=Sum("pages")),
    "iterator": lambda manager, book: [row.title for row in manager.iterator()],
    "select_related": lambda manager, book: [str(row.publisher) for row in manager.select_related("publisher")],
}


@pytest.mark.parametrize("consumer", CACHED)
def test_what_the_caller_prefetches_is_answered_from_its_cache(consumer: str, database: str) -> None:
    """Two queries in all, as in plain Django: nothing of ours stands between the manager and its cache."""

    def view() -> Any:
        book = Book.objects.get(title="Book 06")
        authors = auto(Author.objects.prefetch_related("books"))
        return [CACHED[consumer](author.books, book) for author in authors]

    plain, cold, warm = plain_cold_warm(view)
    assert plain.queries == cold.queries == warm.queries == 3


@pytest.mark.parametrize("consumer", CACHED)
def test_what_is_prefetched_by_us_is_answered_from_its_cache(consumer: str, database: str) -> None:
    """Cold, one batch for each statement; warm, the rows that were loaded ahead for `.all()` serve them all."""

    def view() -> Any:
        book = Book.objects.get(title="Book 06")
        found = []
        for author in auto(Author.objects.all()):
            titles = [row.title for row in author.books.all()]
            found.append((titles, CACHED[consumer](author.books, book)))
        return found

    plain, cold, warm = plain_cold_warm(view)
    assert cold.queries < plain.queries
    assert warm.queries == 3


@pytest.mark.parametrize("consumer", AGAIN)
@pytest.mark.parametrize("is_callers", [True, False], ids=["prefetched by the caller", "prefetched by us"])
def test_what_asks_the_database_again_asks_once_for_all(is_callers: bool, consumer: str, database: str) -> None:
    """Django wastes the prefetch and runs a query for each parent; a batch runs one more query in all."""

    def view() -> Any:
        book = Book.objects.get(title="Book 06")
        authors = auto(Author.objects.prefetch_related("books") if is_callers else Author.objects.all())
        return [([row.title for row in a.books.all()], AGAIN[consumer](a.books, book)) for a in authors]

    plain, cold, warm = plain_cold_warm(view)
    assert plain.queries >= 3 + 8 - is_callers
    for run in (cold, warm):
        assert run.queries <= 4, run.log


#: From Django 6.1, `order_by().first()` has no ordering at all: after an update, which row is first is chance.
WRITTEN_PAST = [consumer for consumer in [*CACHED, *AGAIN] if not consumer.startswith("unordered")]


@pytest.mark.parametrize("consumer", WRITTEN_PAST)
def test_a_cache_that_was_written_past_is_not_asked(consumer: str, database: str) -> None:
    """What was loaded ahead, and not by the caller, answers after a write as the database does."""
    answer = {**CACHED, **AGAIN}[consumer]

    def view() -> Any:
        book, found = Book.objects.get(title="Book 06"), []
        for author in auto(Author.objects.all()):
            before = [row.title for row in author.books.all()]
            Book.objects.filter(title="Book 06").update(author=author, pages=1000 + author.pk)
            found.append((before, answer(author.books, book)))
        return found

    plain_cold_warm(view)


def test_a_slice_of_what_is_prefetched_by_us_is_a_queryset(database: str) -> None:
    """Django makes a list of it, which has no `values_list()`; a slice by steps is a list in either case."""

    def view() -> Any:
        found = []
        for author in auto(Author.objects.all()):
            rows = author.books.all()[:2]
            titles = list(rows.values_list("title", flat=True))
            found.append((len(author.books.all()), type(rows).__name__, titles, rows.count(), rows[0:1:1], [*rows]))
            found.append((raised(lambda rows=rows: rows.in_bulk()), raised(lambda rows=rows: rows.filter(pk=1))))
            found.append(raised(lambda author=author: author.books.all()[-2:]))
        return found

    plain, cold, warm = plain_cold_warm(view)
    assert warm.queries < cold.queries < plain.queries


def test_a_slice_of_a_prefetched_set_without_order_has_the_very_rows_of_its_statement(database: str) -> None:
    def view() -> Any:
        publishers = auto(Publisher.objects.order_by("pk"))
        return [(len(p.media.all()), [row.title for row in p.media.all()[:1]]) for p in publishers]

    plain, cold, warm = plain_cold_warm(view)
    assert warm.queries <= cold.queries <= 4 < plain.queries


def test_unordered_first_of_a_prefetched_set_is_the_databases(database: str) -> None:
    """The default ordering of the model counts; without one, `first()` orders by the primary key and asks again."""

    def view() -> Any:
        found = []
        for publisher in auto(Publisher.objects.order_by("pk")):
            names = sorted(media.title for media in publisher.media.all())
            found.append((names, publisher.media.first(), publisher.media.all().last(), publisher.media.count()))
        return found

    plain, cold, warm = plain_cold_warm(view)
    assert warm.queries <= cold.queries <= 5 < plain.queries


def test_a_prefetch_that_only_serves_what_asks_again_is_not_made(database: str) -> None:
    """Loaded ahead is `.all()`; for `.filter()` alone there is one batch and no rows that nobody reads."""

    def view() -> Any:
        return [[book.title for book in author.books.filter(pages__gt=200)] for author in auto(Author.objects.all())]

    plain, cold, warm = plain_cold_warm(view)
    assert cold.queries == warm.queries == 2 < plain.queries
    with count_queries() as log:
        view()
    assert not any("library_book" in sql and "pages" not in sql.partition("WHERE")[2] for sql in log.statements)
