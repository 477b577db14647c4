"""Orders and ties: the rows that each parent gets are the rows of its own statement, in their order."""

from typing import Any

import pytest
from django.db.models import Count, F
from django.db.models.functions import Lower

from autoprefetch import auto
from tests.equivalence.comparing import runs
from tests.library.data import day
from tests.library.models import Author, Book, Publisher, Tag


@pytest.fixture
def shelves(database: str) -> None:
    """Thirty authors with 24 books each, whose sort keys are full of ties and of NULL."""
    publishers = Publisher.objects.bulk_create([Publisher(name=name) for name in ("b", "A", "a", "B", "")])
    authors = Author.objects.bulk_create([Author(name=f"A{number}") for number in range(30)])
    books = Book.objects.bulk_create(
        Book(
            title="tT"[number % 2] * (number % 3),
            pages=number % 4,
            published=day(number % 5),
            author=authors[(number * 7) % 29],
            publisher=publishers[number % 6] if number % 6 < 5 else None,
        )
        for number in range(29 * 24)
    )
    tags = Tag.objects.bulk_create([Tag(name=name) for name in ("x", "x", "y")])
    through = Book.tags.through
    through.objects.bulk_create(
        through(book=book, tag=tags[step]) for number, book in enumerate(books) for step in range(number % 4)
    )


def keys(rows: Any) -> list[int]:
    return [row.pk for row in rows]


SLICES: dict[str, Any] = {
    "no order": lambda a: keys(a.books.order_by()[:3]),
    "own order": lambda a: keys(a.books.all()[:3]),
    "ties": lambda a: keys(a.books.order_by("pages")[:3]),
    "ties backwards": lambda a: keys(a.books.order_by("-pages")[2:5]),
    "ties in two columns": lambda a: keys(a.books.order_by("pages", "published")[1:4]),
    "total": lambda a: keys(a.books.order_by("pages", "-pk")[:3]),
    "total with an offset": lambda a: keys(a.books.order_by("-published", "pk")[20:23]),
    "beyond the end": lambda a: keys(a.books.order_by("pk")[100:102]),
    "offset to the end": lambda a: keys(a.books.order_by("pk")[21:]),
    "joined column": lambda a: keys(a.books.order_by("publisher__name")[:4]),
    "joined column, total": lambda a: keys(a.books.order_by("-publisher__name", "pk")[:4]),
    "joined to many": lambda a: keys(a.books.order_by("tags__name", "pk")[:4]),
    "expression": lambda a: keys(a.books.order_by(Lower("title"), "pk")[:3]),
    "nulls last": lambda a: keys(a.books.order_by(F("publisher_id").asc(nulls_last=True), "-pk")[:3]),
    "annotation": lambda a: keys(a.books.annotate(n=Count("tags")).order_by("-n", "pk")[:3]),
    "first": lambda a: a.books.order_by("pages").first().pk if a.pk else None,
    "distinct": lambda a: keys(a.books.filter(tags__name="x").distinct().order_by("-pk")[:3]),
    "values of ties": lambda a: list(a.books.order_by("pages").values_list("pk", "title")[:3]),
    "distinct values": lambda a: list(a.books.order_by("pages").values_list("pages", flat=True).distinct()[:3]),
    "joined rows": lambda a: [
        (b.pk, b.publisher and b.publisher.name) for b in a.books.select_related("publisher")[:3]
    ],
    "latest with ties": lambda a: a.books.latest("published").pk,
}


@pytest.mark.usefixtures("shelves")
@pytest.mark.parametrize("slice_", SLICES)
def test_sliced_rows_are_the_very_rows_of_the_plain_statement(slice_: str, database: str) -> None:
    """Ties fall as they fall in each parent's own statement."""

    def view() -> Any:
        return [SLICES[slice_](author) for author in auto(Author.objects.exclude(books=None))]

    plain, cold, warm, again = runs(view)
    assert plain.error is None
    assert cold.outcome == plain.outcome, cold.log
    assert warm.outcome == plain.outcome, warm.log
    assert again.outcome == plain.outcome, again.log
    assert max(cold.queries, warm.queries) <= 2, cold.log


@pytest.mark.usefixtures("shelves")
@pytest.mark.parametrize("order", [("pages", "pk"), ("-published", "-pk"), ("publisher__name", "pk"), ("?",), ()])
def test_whole_sets_come_in_their_order(order: tuple[str, ...], database: str) -> None:
    """Where the order is total; else the rows are the same."""

    def view() -> Any:
        sets = (keys(author.books.order_by(*order)) for author in auto(Author.objects.all()))
        return [rows if "pk" in str(order) else sorted(rows) for rows in sets]

    plain, cold, warm, _ = runs(view)
    assert (cold.outcome, warm.outcome) == (plain.outcome, plain.outcome)


@pytest.mark.usefixtures("shelves")
def test_empty_parents_stand_among_the_others(database: str) -> None:
    Author.objects.bulk_create([Author(name="alone"), Author(name="also alone")])

    def view() -> Any:
        return [
            (keys(a.books.order_by("pages", "pk")[:2]), a.books.count(), a.books.first() is None)
            for a in auto(Author.objects.order_by("-pk"))
        ]

    plain, cold, warm, _ = runs(view)
    assert (cold.outcome, warm.outcome) == (plain.outcome, plain.outcome)
    assert cold.queries <= 4


@pytest.mark.usefixtures("library")
def test_text_keys_that_differ_in_case_only_are_two_keys(database: str) -> None:
    """MariaDB's collation takes them for equal; whatever it gives for each parent, the batch gives too."""
    from tests.library.models import Imprint

    publisher = Publisher.objects.order_by("pk")[0]
    code = "éa" if database == "mariadb" else "noir"
    Imprint.objects.create(code=code, name="other", publisher=publisher)
    Book.objects.filter(pk__lte=3).update(imprint_id=code.upper() if database == "mariadb" else code)

    def view() -> Any:
        return [(keys(i.books.all()), keys(i.books.order_by("-pk")[:1]), i.books.count()) for i in auto(imprints())]

    def imprints() -> Any:
        return Imprint.objects.all()

    plain, cold, warm, _ = runs(view)
    assert (cold.outcome, warm.outcome) == (plain.outcome, plain.outcome)
