"""Where statements pass, and what makes values stale that were read before."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.db import IntegrityError, connections, router, transaction

from autoprefetch import auto
from autoprefetch.observe.epochs import Freshness
from autoprefetch.orm import effects
from tests.library.models import Author, Book, Film, Publisher, Series, Tag

pytestmark = pytest.mark.usefixtures("library", "_hooks")


@pytest.fixture
def _hooks(database: str) -> None:
    list(auto(Tag.objects.all()))


def connection() -> Any:
    return connections[router.db_for_write(Book)]


def stale(action: Callable[[], Any], *tables: str) -> list[bool]:
    """Tell which of some values an action makes stale: those of the named tables each, and one of another table."""
    values = [Freshness(frozenset({f"library_{table}"})) for table in [*tables, "loan"]]
    action()
    return [value.are_stale() for value in values]


def test_statements_of_the_orm_expire_their_own_table(database):
    assert stale(lambda: Book.objects.update(pages=1), "book") == [True, False]
    assert stale(lambda: Book.objects.filter(tags__name="x").update(pages=1), "book", "tag") == [True, False, False]
    assert stale(lambda: Tag.objects.bulk_create([Tag(name="a"), Tag(name="b")]), "tag") == [True, False]
    assert stale(lambda: Book.objects.all()[0].tags.add(Tag.objects.all()[0]), "book_tags", "tag") == [
        True,
        False,
        False,
    ]
    assert stale(lambda: Publisher.objects.all()[0].delete(), "publisher", "book") == [True, True, False]
    assert stale(lambda: Series.objects.all().delete(), "series", "book") == [True, False, False]


def test_a_row_with_parents_expires_both_tables(database):
    author = Author.objects.all()[0]
    assert stale(lambda: Film.objects.create(title="f", minutes=1, director=author), "film", "medium") == [
        True,
        True,
        False,
    ]
    assert stale(lambda: Film.objects.update(title="g"), "film", "medium") == [False, True, False]


def test_reading_expires_nothing(database):
    def read() -> None:
        list(Book.objects.select_related("author"))
        Book.objects.filter(pages__gt=2).count()
        Book.objects.filter(author__in=Author.objects.filter(name="x")).exists()
        list(Author.objects.raw("SELECT * FROM library_author WHERE id IN (%s)", [1]))
        with transaction.atomic(using=connection().alias):
            list(Author.objects.prefetch_related("books"))

    assert stale(read, "book", "author") == [False, False, False]


def test_a_savepoint_that_is_rolled_back_expires_everything(database):
    def roll_back() -> None:
        with transaction.atomic(using=connection().alias):
            transaction.set_rollback(True, using=connection().alias)

    assert stale(roll_back, "book") == [True, True]


def test_a_statement_that_fails_expires_its_table(database):
    """Some storage engines keep the rows before the one that failed."""

    def fail() -> None:
        with pytest.raises(IntegrityError), transaction.atomic(using=connection().alias):
            Book.objects.update(title=None)

    assert stale(fail, "book")[0]


def test_what_an_execute_wrapper_writes_is_seen(database):
    """An audit log that writes beside each statement, with a cursor of its own."""

    def audit(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        if "library_author" in sql:
            with context["connection"].cursor() as cursor:
                cursor.execute("UPDATE library_tag SET name = 'seen'")
        return execute(sql, params, many, context)

    def read() -> None:
        with connection().execute_wrapper(audit):
            list(Author.objects.all())

    assert stale(read, "tag", "author") == [True, False, False]


@pytest.mark.parametrize("database", ["postgresql"], indirect=True)
def test_copy_expires_everything(database):
    def copy() -> None:
        with connection().cursor() as cursor, cursor.copy("COPY library_tag (name) FROM STDIN") as rows:
            rows.write_row(["copied"])

    assert stale(copy, "tag") == [True, True]


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
@pytest.mark.django_db(transaction=True)
def test_a_script_expires_everything(database):
    def script() -> None:
        with connection().cursor() as cursor:
            cursor.executescript("UPDATE library_tag SET name = 'x'; UPDATE library_book SET pages = 1")

    assert stale(script, "tag") == [True, True]


@pytest.mark.parametrize("database", ["mariadb"], indirect=True)
def test_a_procedure_that_is_called_expires_everything(database):
    """Even one that does not exist."""

    def call() -> None:
        with pytest.raises(Exception, match="PROCEDURE"), connection().cursor() as cursor:
            cursor.callproc("no_such_procedure")

    assert stale(call, "tag") == [True, True]


@pytest.mark.django_db(transaction=True)
def test_the_beginning_of_a_transaction_expires_everything_and_its_end_what_it_wrote(database):
    values: list[list[bool]] = []

    def whole() -> None:
        with transaction.atomic(using=connection().alias):
            values.append(stale(lambda: Book.objects.update(pages=1), "book"))
            values.append(stale(transaction.atomic(using=connection().alias).__enter__, "book"))
            connection().atomic_blocks[-1].__exit__(None, None, None)
            inner.extend(Freshness(frozenset({f"library_{table}"})) for table in ("book", "tag"))

    inner: list[Freshness] = []
    assert stale(whole, "book") == [True, True]
    assert values == [[True, False], [False, False]]
    assert [value.are_stale() for value in inner] == [True, False]


@pytest.mark.django_db(transaction=True)
def test_single_writes_of_django_that_open_a_transaction_expire_their_own_table(database):
    """`add()`, `delete()` and `bulk_create()` wrap their statements, and nobody reads in between."""
    book, tag = Book.objects.all()[0], Tag.objects.all()[0]
    assert stale(lambda: book.tags.add(tag), "book_tags") == [True, False]
    assert stale(lambda: Tag.objects.bulk_create([Tag(name="a")]), "tag") == [True, False]
    assert stale(lambda: tag.delete(), "tag", "book_tags") == [True, True, False]


@pytest.mark.django_db(transaction=True, databases=["default", "postgresql"])
@pytest.mark.parametrize("database", ["postgresql"], indirect=True)
def test_a_connection_that_closes_in_a_transaction_expires_everything(database):
    def close() -> None:
        with transaction.atomic(using=connection().alias):
            Book.objects.update(pages=1)
            values.append(Freshness(frozenset({"library_loan"})))
            connection().close()

    values: list[Freshness] = []
    close()
    assert values[0].are_stale()


@pytest.mark.parametrize("step", ["_read", "of_query", "_written"])
def test_where_a_statement_cannot_be_read_it_counts_as_a_write_to_everything(database, step, monkeypatch):
    """The caller's statement runs, and what is read afterwards is asked for afresh."""

    def fail(*args: Any) -> Any:
        msg = "a fault of ours"
        raise RuntimeError(msg)

    authors = list(auto(Author.objects.all()))
    assert authors[0].books.count() >= 0
    monkeypatch.setattr(effects, step, fail)
    Book.objects.all().delete()
    with connection().cursor() as cursor:
        cursor.execute("UPDATE library_tag SET name = 'x'")
    monkeypatch.undo()
    assert [author.books.count() for author in authors] == [0] * len(authors)
