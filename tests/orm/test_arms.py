"""The arms of a batch: short names for tables where all can be shortened, and the rows of the plain statement."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.db.models import Exists, F, OuterRef, Q

from autoprefetch import auto
from tests.equivalence.comparing import plain_cold_warm
from tests.library.models import Author, Copy

pytestmark = [pytest.mark.usefixtures("library"), pytest.mark.parametrize("database", ["sqlite"], indirect=True)]

COPIES = Exists(Copy.objects.filter(book=OuterRef("pk")))


@pytest.mark.parametrize(
    ("derived", "is_short"),
    [
        (lambda books: books.order_by("-pages", "pk")[:2], True),
        (lambda books: books.order_by("publisher__name", "pk")[:2], True),
        (lambda books: books.order_by(F("publisher__city__name").desc(nulls_last=True), "pk")[1:3], True),
        (lambda books: books.filter(Q(publisher__name__contains="e") | Q(pages__lt=150), title__gt="A")[:2], True),
        (lambda books: books.filter(tags__name__gt="a").order_by("pk")[:3], True),
        (lambda books: books.select_related("publisher__city").order_by("pk")[:2], True),
        (lambda books: books.filter(COPIES).order_by("pk")[:2], False),
        (lambda books: books.only("title").order_by("pk")[:2], False),
    ],
    ids=["own table", "joined order", "F", "filters", "many", "joined rows", "subquery", "without the key"],
)
def test_an_arm_gives_the_rows_of_the_plain_statement(
    derived: Callable[[Any], Any], is_short: bool, database: str
) -> None:
    def view() -> Any:
        return [[book.title for book in derived(author.books)] for author in auto(Author.objects.order_by("pk"))]

    plain, cold, warm = plain_cold_warm(view)
    assert cold.queries == warm.queries == 2 < plain.queries
    statement = warm.log.statements[-1]
    assert "UNION ALL" in statement
    assert ('"library_book".' not in statement) == is_short
