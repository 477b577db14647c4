"""One view that reads the same relations from two databases: each row is answered by its own."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import connections

import autoprefetch
from autoprefetch import auto
from tests.library.data import day
from tests.library.models import Author, Book, Publisher

pytestmark = pytest.mark.django_db(databases=["default", "postgresql"])
ALIASES = ("default", "postgresql")


@pytest.fixture(autouse=True)
def _same_keys_other_names() -> None:
    if "postgresql" not in connections:
        pytest.skip("no postgresql")
    for alias in ALIASES:
        authors = [Author(pk=9_000 + n, name=f"{alias} author {n}") for n in range(4)]
        publishers = [Publisher(pk=9_000 + n, name=f"{alias} publisher {n}") for n in range(2)]
        Author.objects.using(alias).bulk_create(authors)
        Publisher.objects.using(alias).bulk_create(publishers)
        Book.objects.using(alias).bulk_create(
            Book(pk=9_000 + n, title=f"{alias} {n}", pages=n, published=day(n), author_id=9_000 + n % 4,
                 publisher_id=9_000 + n % 2, summary=f"{alias} summary {n}")
            for n in range(12)
        )  # fmt: skip


def described(book: Any) -> Any:
    return book.title, book.publisher.name, book.author.name, book.summary


def view() -> Any:
    found = []
    for author in auto(Author.objects.using("default").order_by("pk")):
        for alias in ALIASES:
            books = Book.objects.using(alias).filter(author_id=author.pk).order_by("pk")
            found.append([described(book) for book in books])
            found.append([described(book) for book in books.only("title", "author", "publisher")[:2]])
            found.append((books.count(), books.filter(title__startswith=alias).exists()))
    for alias in reversed(ALIASES):
        found += [described(book) for book in auto(Book.objects.using(alias).order_by("pk"), name="books")]
    return found


def test_rows_of_two_databases_are_not_mixed() -> None:
    with autoprefetch.override(MODE="off"):
        expected = view()
    assert [view() for _ in range(4)] == [expected] * 4
