"""Threads: none sees what another one's batch has brought."""

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.db import connection, connections

from autoprefetch import auto, override, report, reset
from autoprefetch.observe import watching
from tests.databases import count_queries
from tests.library.data import day
from tests.library.models import Author, Book

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "postgresql"])


@pytest.fixture
def on_postgresql() -> Any:
    from tests.routers import on_database

    with on_database("postgresql"):
        authors = Author.objects.bulk_create([Author(name=f"A{number}") for number in range(40)])
        Book.objects.bulk_create(
            Book(title=f"B{number}", pages=number, published=day(1), author=authors[number % 40])
            for number in range(120)
        )
        yield


def in_threads(work: Any, count: int = 16) -> list[Any]:
    """Run work in threads that start together, each on a connection of its own."""
    from tests.routers import on_database

    barrier = threading.Barrier(count)

    def run(number: int) -> Any:
        with on_database("postgresql"):
            barrier.wait()
            try:
                return work(number)
            finally:
                connections.close_all()

    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(run, range(count)))


def view(number: int) -> Any:
    return [
        (
            a.books.filter(pages__gte=number).count(),
            [b.pages for b in a.books.order_by("-pages")[:2]],
            len(a.books.all()),
        )
        for a in auto(Author.objects.all())
    ]


@pytest.mark.usefixtures("on_postgresql")
def test_threads_at_one_call_site_get_their_own_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    """All threads learn and batch at the same call site at once."""
    # Where so many threads wait for each other a batch may take long, and one row more would load alone to compare.
    monkeypatch.setattr(watching, "NOISE", float("inf"))

    def counted(number: int) -> Any:
        with count_queries() as log:  # those of this thread
            found = view(number)
        assert len(log) <= 4, log
        return found

    expected = [view(number) for number in range(16)]
    for _ in range(4):
        assert in_threads(counted) == expected


@pytest.mark.usefixtures("on_postgresql")
def test_threads_share_one_result_set() -> None:
    """The rows of one evaluation are read by many threads at once, each row by each thread (D13).

    A thread that finds no answer yet may ask for all rows itself; none ever runs what plain Django would.
    """
    shared = list(auto(Author.objects.all()))

    def read(number: int) -> Any:
        with count_queries() as log:  # those of this thread
            found = [(a.name, a.books.count(), [b.pages for b in a.books.order_by("-pages")[:2]]) for a in shared]
        counts.append(len(log))
        return found

    counts: list[int] = []
    with override(MODE="off"):
        expected = read(0)
    (plain,) = counts
    assert read(0) == expected
    for _ in range(4):
        counts.clear()
        shared[:] = list(auto(Author.objects.all()))
        for found in in_threads(read):
            assert found == expected
        assert max(counts) < plain
        assert sum(counts) <= 16 * plain // 4, counts


@pytest.mark.usefixtures("on_postgresql")
def test_a_batch_in_a_transaction_is_not_seen_outside() -> None:
    """Rows that one thread has written and not committed are in its own batch only."""
    from django.db import transaction

    wrote, read = threading.Event(), threading.Event()

    def work(number: int) -> Any:
        if number:
            wrote.wait(10)
            found = [author.books.count() for author in auto(Author.objects.all())]
            read.set()
            return found
        with transaction.atomic(using="postgresql"):
            Book.objects.update(author=Author.objects.order_by("pk")[0])
            found = [author.books.count() for author in auto(Author.objects.all())]
            wrote.set()
            read.wait(10)
            transaction.set_rollback(True, using="postgresql")
        return found

    inside, outside = in_threads(work, 2)
    assert inside == [120] + [0] * 39
    assert outside == [3] * 40
    assert connection.alias == "default"


@pytest.mark.usefixtures("on_postgresql")
def test_threads_agree_on_which_columns_are_read() -> None:
    """Whoever comes first inspects, all the others work as always, and whoever comes last leaves the models alone."""
    reset()
    before = {model: dict(vars(model)) for model in (Author, Book)}

    def read(number: int) -> Any:
        found = []
        for _ in range(20):
            books = auto(Book.objects.order_by("pk"), name=f"books {number % 3}")
            found.append([(book.title, book.author.name) for book in books])
        return found

    expected = read(0)
    assert in_threads(read, 8) == [expected] * 8
    inspected = [site for site in report().call_sites if site.totals.inspected]
    assert inspected
    assert all(site.unread_columns[""][0] == "category" for site in inspected)
    assert {model: dict(vars(model)) for model in before} == before
