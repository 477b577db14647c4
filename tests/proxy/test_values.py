"""Rows that are not instances, combined queries, and answers that are not rows."""

import pytest
from django.db.models import Avg, Count, F, Max, Sum
from django.db.models.functions import Upper

from autoprefetch import auto
from tests.databases import count_queries
from tests.library.models import Author, Book
from tests.proxy.comparing import assert_same

pytestmark = pytest.mark.usefixtures("library")


@pytest.mark.parametrize(
    "ask",
    [
        lambda books: books.values(),
        lambda books: books.values("title", "author__name"),
        lambda books: books.values("author__name").annotate(found=Count("pk")).order_by("author__name"),
        lambda books: books.values(upper=Upper("title")),
        lambda books: books.values_list("title", "author__mentor__name"),
        lambda books: books.values_list("author", flat=True),
        lambda books: books.values_list("title", "pages", named=True)[2]._asdict(),
        lambda books: books.order_by("published").dates("published", "year"),
        lambda books: books.dates("published", "month", order="DESC"),
        lambda books: books.only("title").values_list("title"),
        lambda books: books.select_related("author").values("title"),
        lambda books: books.values("title").select_related("author"),
        lambda books: books.prefetch_related("tags").values("title"),
        lambda books: list(books.values_list("title", flat=True).iterator()),
        lambda books: books.order_by().values("title").union(books.order_by().values("title")).order_by("title"),
        lambda books: books.values("title").distinct()[:3],
        lambda books: books.count(),
        lambda books: books.filter(pages__gt=300).count(),
        lambda books: books[:5].count(),
        lambda books: books.exists(),
        lambda books: books.none().exists(),
        lambda books: books.aggregate(Max("pages"), total=Sum("pages"), tags=Count("tags")),
        lambda books: books.aggregate(),
        lambda books: books.annotate(found=Count("tags")).aggregate(Avg("found")),
        lambda books: books.aggregate(Max("nonsense")),
        lambda books: books.contains(Book.objects.get(title="Book 03")),
        lambda books: books.contains("no book"),
        lambda books: books.values("title").contains(Book.objects.first()),
        lambda books: books.datetimes("published", "year"),
        lambda books: type(books.explain()),
        lambda books: books.explain(format="nonsense"),
        lambda books: books.distinct("title").count() if books.db == "postgresql" else 0,
        lambda books: str(books.query),
        lambda books: books.using("nowhere").count(),
    ],
)
def test_answers_and_errors_are_those_of_django(ask):
    """The answer, its type, its order, its error and its cost are the same."""
    assert_same(lambda wrap: ask(wrap(Book.objects.all())), may_raise=True)


def one(books):
    return books.filter(pages__gte=300)


def two(books):
    return books.filter(title__lt="Book 06")


@pytest.mark.parametrize(
    ("combine", "warm"),
    [
        (lambda books, other: one(books).union(two(other)), 2),
        (lambda books, other: one(books).union(two(other), all=True), 2),
        (lambda books, other: one(books).union(two(other)).order_by("title"), 2),
        (lambda books, other: one(books).union(two(other)).order_by("-title")[:4], 2),
        (lambda books, other: one(books).intersection(two(other)), 2),
        (lambda books, other: one(books).difference(two(other)), 2),
        (lambda books, other: one(other).union(two(books)), None),  # the first one decides
        (lambda books, other: books.none().union(two(other)), None),
    ],
)
def test_combined_queries_stay_plain(combine, warm):
    """`union` and the like take neither joins nor prefetches: what their rows load is batched at first touch."""

    def view(wrap):
        return sorted(str(book) for book in combine(wrap(Book.objects.order_by()), Book.objects.order_by()))

    assert_same(view, warm=warm)


def test_distinct_rows_are_prefetched():
    """A join would widen the DISTINCT; a second query does not."""
    assert_same(
        lambda wrap: [str(book) for book in wrap(Book.objects.filter(tags__name__in=["old", "rare"]).distinct())],
        warm=2,
    )


def test_annotated_rows_keep_their_annotations():
    """Annotations are there, whether the relation is joined or prefetched."""

    def view(wrap):
        books = wrap(Book.objects.annotate(found=Count("tags"), by=F("author__name")))
        return [(book.found, book.by, book.author.name) for book in books]

    assert_same(view, warm=2)


def test_values_of_a_call_site_that_has_learned():
    """`values()` after a warm loop on the same line is a plain query."""

    def view(wrap):
        books = wrap(Author.objects.all())
        return [
            [row["name"] for row in books.values("name")],
            [author.mentor and author.mentor.name for author in books],
        ]

    assert_same(view, warm=2)


@pytest.mark.parametrize("method", ["count", "exists"])
def test_loaded_rows_are_counted_without_a_query(method):
    """After the rows are loaded, `count` and `exists` ask nothing."""
    books = auto(Book.objects.all())
    list(books)
    with count_queries() as log:
        assert getattr(books, method)()
    assert len(log) == 0
