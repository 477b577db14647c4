"""Writes that a call site makes for the first time when its plan is warm, or that others make: traps A1 to A13."""

import threading
from collections.abc import Callable
from typing import Any

import pytest
from django.db import connections, transaction
from django.db.models import F, Value
from django.db.models.functions import Concat, Length, Substr

import autoprefetch
from autoprefetch import auto
from tests.equivalence.comparing import same_when_it_writes_at_last
from tests.library.models import Author, Book, City, Publisher
from tests.routers import on_database

pytestmark = pytest.mark.usefixtures("library")


def test_a1_no_update_is_lost_at_a_call_site_that_only_read_before(database: str) -> None:
    """Its plan joins the author, because nobody has written so far."""
    writes = [False]

    def view() -> Any:
        for book in auto(Book.objects.all()):
            if writes[0]:
                book.author.name += "+"
                book.author.save()
            assert book.author.name
        return list(Author.objects.order_by("pk").values_list("name", flat=True))

    assert same_when_it_writes_at_last(view, writes)[0] == "Ada+++"


def test_a6_a_row_that_changes_in_the_loop_is_seen_where_none_has_changed_before(database: str) -> None:
    """The plan joins the publisher and its city; both change after the query and before the touch."""
    writes = [False]

    def view() -> Any:
        found = []
        for book in auto(Book.objects.exclude(publisher=None)):
            if writes[0]:
                Publisher.objects.filter(pk=book.publisher_id).update(name=f"{book.title}'s")
                City.objects.update(name=f"{book.title}'s city")
            found.append((book.publisher.name, book.publisher.city and book.publisher.city.name))
        return found

    assert same_when_it_writes_at_last(view, writes)[0] == ("Book 01's", "Book 01's city")


@pytest.mark.django_db(transaction=True)
def test_a13_what_another_connection_wrote_before_the_lock_is_read_after_it(database: str) -> None:
    """The epochs of this thread have not moved by a write of its own: the lock itself moves them."""
    features = connections[database].features
    if not features.has_select_for_update:
        pytest.skip("locks no rows")

    def elsewhere() -> None:
        with on_database(database):
            Author.objects.update(name=Concat("name", Value("+")))
            Book.objects.update(pages=F("pages") + 1)
        connections.close_all()

    def view() -> Any:
        authors = list(auto(Author.objects.order_by("pk")))
        before = [
            (a.books.count(), sum(b.pages for b in a.books.all()), a.mentor and a.mentor.name) for a in authors[:1]
        ]
        in_thread(elsewhere)
        with transaction.atomic(using=database):
            Author.objects.select_for_update().get(pk=authors[0].pk)
            after = [
                (a.books.count(), sum(b.pages for b in a.books.all()), a.mentor and a.mentor.name) for a in authors
            ]
        return before, after

    results = []
    for mode in ("off", "auto", "auto", "auto"):
        with autoprefetch.override(MODE=mode):
            results.append(view())
        Author.objects.update(name=Substr("name", 1, Length("name") - 1))
        Book.objects.update(pages=F("pages") - 1)
    plain, *automatic = results
    assert plain[1][1][2] == "Ada+"
    assert plain[1][0][1] == plain[0][0][1] + plain[0][0][0]
    assert automatic == [plain] * 3


def in_thread(work: Callable[[], None]) -> None:
    thread = threading.Thread(target=work)
    thread.start()
    thread.join(30)
    assert not thread.is_alive()
