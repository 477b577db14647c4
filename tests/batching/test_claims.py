"""Claims: what a peer takes from a batch is what its own query would have given it, however the peers differ."""

import datetime
import decimal
from collections.abc import Callable
from typing import Any

import pytest
from django.core.exceptions import FieldError
from django.db.models import Avg, Count, DecimalField, F, Func, IntegerField, Max, Prefetch, Sum, Value
from django.db.models.functions import Coalesce

from autoprefetch import auto
from autoprefetch.apply import rewriting
from autoprefetch.orm import states
from tests.databases import count_queries
from tests.equivalence.comparing import plain_cold_warm, plan_of, raised, runs
from tests.library.models import Author, Book, BookQuerySet, Copy, Tag

pytestmark = pytest.mark.usefixtures("library")


def test_each_peer_gets_the_prefetches_that_its_own_queryset_asks_for(database: str) -> None:
    def view() -> Any:
        seen = []
        for number, author in enumerate(auto(Author.objects.all())):
            books = author.books.all()
            if number % 2:
                books = books.prefetch_related(
                    Prefetch("tags", queryset=Tag.objects.order_by("-name"), to_attr="named")
                )
            seen.append([[tag.name for tag in getattr(book, "named", ())] for book in books])
            seen.append([hasattr(book, "named") for book in books])
        return seen

    plain_cold_warm(view)


def test_peers_with_unlike_querysets_in_their_prefetches_do_not_share_rows(database: str) -> None:
    def view() -> Any:
        seen = []
        for author in auto(Author.objects.all()):
            tags = Tag.objects.filter(pk__gt=author.pk)
            books = author.books.prefetch_related(Prefetch("tags", queryset=tags, to_attr="few"))
            seen.append([sorted(tag.name for tag in book.few) for book in books])
        return seen

    plain_cold_warm(view)


def test_peers_with_like_querysets_in_their_prefetches_share_one_query_for_each(database: str) -> None:
    def view() -> Any:
        seen = []
        for author in auto(Author.objects.all()):
            books = author.books.prefetch_related(Prefetch("tags", queryset=Tag.objects.order_by("-name"), to_attr="n"))
            seen.append([[tag.name for tag in book.n] for book in books])
        return seen

    _plain, cold, warm = plain_cold_warm(view)
    assert cold.queries == 3, cold.log
    assert warm.queries == 3, warm.log


class Shelved(BookQuerySet):
    """A queryset that remembers something of its own."""

    suffix = ""

    def named(self, suffix: str) -> Any:
        found = self._chain()
        found.suffix = suffix
        return found

    def _clone(self) -> Any:
        found = super()._clone()
        found.suffix = self.suffix
        return found

    def _fetch_all(self) -> None:
        super()._fetch_all()
        for row in self._result_cache:
            row.title = row.title.partition("/")[0] + self.suffix


def test_querysets_that_carry_something_of_their_own_share_no_instances(
    database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Book._default_manager, "_queryset_class", Shelved)

    def view() -> Any:
        return [
            [book.title for book in author.books.all().order_by("pk").named(f"/{number}")]
            for number, author in enumerate(auto(Author.objects.all()))
        ]

    plain_cold_warm(view)


AGGREGATES: dict[str, Callable[[Any], Any]] = {
    "Sum": lambda books: books.aggregate(x=Sum("pages")),
    "Sum with a default": lambda books: books.aggregate(x=Sum("pages", default=0)),
    "Sum with a decimal default": lambda books: books.aggregate(
        x=Sum("pages", default=decimal.Decimal(0), output_field=DecimalField(max_digits=9, decimal_places=2))
    ),
    "Coalesce of Sum": lambda books: books.aggregate(x=Coalesce(Sum("pages"), 7)),
    "Count and a sum of it": lambda books: books.aggregate(x=Count("pk") + 1),
    "several": lambda books: books.aggregate(n=Count("pk"), top=Max("pages"), mean=Avg("pages")),
    "Max of a date with a default": lambda books: books.aggregate(
        x=Max("published", default=datetime.date(2000, 1, 1))
    ),
    "a constant beside": lambda books: books.aggregate(n=Count("pk"), x=Sum(Value(2))),
}


@pytest.mark.parametrize("kind", AGGREGATES)
def test_a_parent_without_rows_gets_what_its_own_aggregate_gives(kind: str, database: str) -> None:
    def view() -> Any:
        return [raised(lambda a=author: AGGREGATES[kind](a.books)) for author in auto(Author.objects.all())]

    plain, cold, warm = plain_cold_warm(view)
    assert plain.queries == 9
    assert cold.queries <= 4, cold.log
    assert warm.queries <= 4, warm.log


@pytest.mark.parametrize("reach", [lambda b: b.author, lambda b: b.imprint], ids=["to the key", "to another column"])
@pytest.mark.parametrize("ahead", [True, False])
def test_more_parents_than_an_expression_may_be_deep(reach: Callable[[Any], Any], ahead: bool, database: str) -> None:
    """SQLite ends at a depth of 1,000, which Django 5.2 reaches with one OR for each key."""
    authors = Author.objects.bulk_create(Author(name=f"a{number}") for number in range(1_500))
    Book.objects.bulk_create(
        Book(title=f"t{number}", pages=1, published="2020-01-01", author=author)
        for number, author in enumerate(authors)
    )

    def view() -> Any:
        return [str(reach(book)) for book in auto(Book.objects.order_by("title", "pk"))]

    _plain, cold, warm = plain_cold_warm(view, AHEAD=ahead, JOIN_UNORDERED=False)
    assert cold.queries <= 4, cold.log.statements[-1][:300]
    assert warm.queries <= 4, warm.log.statements[-1][:300]


def test_the_key_that_a_queryset_was_built_with_is_the_one_that_it_asks_for(database: str) -> None:
    """Django puts the key into the query when it is built; what happens to the instance later changes nothing."""

    def view() -> Any:
        authors = list(auto(Author.objects.all()))
        sets = [author.books.order_by("pk") for author in authors]
        for author in authors:
            author.pk = authors[0].pk
        return [[book.title for book in books] for books in sets]

    plain_cold_warm(view)


def test_a_filter_by_a_key_that_its_holder_has_lost_is_the_filter_that_it_says(database: str) -> None:
    def view() -> Any:
        books = list(auto(Book.objects.order_by("pk")))
        keys = [book.author_id for book in books]
        seen = [Author.objects.get(pk=keys[0]).name]
        for book in books:
            book.author_id = None
        return [*seen, *[Author.objects.get(pk=key).name for key in keys]]

    plain_cold_warm(view)


def test_what_is_loaded_a_second_time_is_loaded_anew(database: str) -> None:
    """`refresh_from_db()` drops what an instance has cached; plain Django then asks for the related row again."""

    def view() -> Any:
        authors = list(auto(Author.objects.exclude(mentor=None)))
        for author in authors:
            author.mentor.name += "?"
        authors[0].refresh_from_db()
        return authors[0].mentor.name

    for run in runs(view):
        assert run.value == "Ada", run.log


def test_one_to_one_relations_are_loaded_anew_after_a_refresh_too(database: str) -> None:
    def view() -> Any:
        authors = list(auto(Author.objects.filter(profile__isnull=False)))
        for author in authors:
            author.profile.biography = "mine"
        authors[0].refresh_from_db()
        return [author.profile.biography for author in authors]

    plain_cold_warm(view)


def test_parameters_that_python_finds_equal_and_a_database_does_not_are_two_shapes(database: str) -> None:
    def view() -> Any:
        return [
            [
                str(author.books.annotate(half=F("pages") * Value(factor)).order_by("pk").values_list("half").first())
                for factor in (1, 1.0)
            ]
            for author in auto(Author.objects.all())
        ]

    plain_cold_warm(view)


class Redacting(Book):
    """Changes what it loads."""

    class Meta:
        proxy = True
        app_label = "library"

    @classmethod
    def from_db(cls, db: Any, field_names: Any, values: Any, **kwargs: Any) -> Any:
        found = super().from_db(db, field_names, values, **kwargs)
        if "title" in found.__dict__:
            found.title = "redacted"
        return found


def test_a_deferred_column_is_loaded_through_from_db(database: str) -> None:
    def view() -> Any:
        return [book.title for book in auto(Redacting.objects.defer("title").order_by("pk"))]

    plain, _cold, _warm = plain_cold_warm(view)
    assert plain.outcome == ["redacted"] * 16


def test_a_stream_lets_go_of_what_its_earlier_windows_loaded(database: str) -> None:
    Book.objects.bulk_create(
        Book(title=f"t{number}", pages=1, published="2020-01-01", author=author)
        for author in Author.objects.bulk_create(Author(name=f"a{number}") for number in range(30))
        for number in range(40)
    )
    most = 0
    for book in auto(Book.objects.order_by("pk")).iterator(chunk_size=100):
        assert book.author.name
        assert all(tag.name for tag in book.tags.all())
        group = states.group_of(book)
        most = max(most, len(group._members), *(len(answers.by_key) for answers in group._answers.values()))
    assert most <= 101


def test_rows_of_a_stream_that_are_kept_are_peers_afterwards(database: str) -> None:
    rows = list(auto(Book.objects.order_by("pk")).iterator(chunk_size=4))
    with count_queries() as log:
        seen = [book.author.name for book in rows]
    assert seen == [book.author.name for book in Book.objects.select_related("author").order_by("pk")]
    assert len(log) <= 2, log


STREAMS: dict[str, Callable[[Any], list[Any]]] = {
    "evaluated": list,
    "streamed": lambda rows: list(rows.iterator()),
    "streamed in chunks": lambda rows: list(rows.iterator(chunk_size=3)),
}


@pytest.mark.parametrize("consume", STREAMS)
def test_only_takes_no_join_of_a_reverse_one_to_one(consume: str, database: str) -> None:
    """Django refuses to join what `only()` leaves out; it is batched or prefetched instead."""

    def view() -> Any:
        rows = STREAMS[consume](auto(Author.objects.only("name")))
        return [(row.name, raised(lambda r=row: r.profile.biography)) for row in rows]

    _plain, _cold, warm = plain_cold_warm(view)
    assert warm.queries <= 4, warm.log
    assert {method for method, _reason in plan_of().values()} <= {"prefetched", "lazy"}


def test_a_plan_that_fails_with_the_first_row_of_a_stream_leaves_the_plain_stream(
    database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def view() -> Any:
        return [book.author.name for book in auto(Book.objects.order_by("pk")).iterator()]

    runs(view)
    plain = [book.author.name for book in Book.objects.order_by("pk")]
    joined = rewriting.with_joins
    monkeypatch.setattr(rewriting, "with_joins", lambda rows, plan: joined(rows, plan).annotate(no=Unwritable()))
    assert [run.value for run in runs(view)][1:] == [plain] * 3


def test_a_key_without_a_row_costs_one_query_at_the_most(database: str) -> None:
    Copy.objects.update(supplier_id=404)

    def view() -> Any:
        return [raised(lambda c=copy: c.supplier.name) for copy in auto(Copy.objects.all()[1:3])]

    plain, cold, warm = plain_cold_warm(view)
    assert (plain.queries, cold.queries, warm.queries) == (3, 4, 4), warm.log


def test_a_joined_key_that_leads_nowhere_raises_as_a_lazy_load_does(database: str) -> None:
    """Within a transaction a key may lead nowhere, until the commit checks it."""
    if database == "mariadb":
        pytest.skip("checks each statement")
    Author.objects.exclude(pk=1).update(mentor_id=40_404)

    def view() -> Any:
        return [raised(lambda b=book: b.author.mentor.name) for book in auto(Book.objects.order_by("pk"))]

    plain_cold_warm(view)
    Author.objects.update(mentor_id=None)


@pytest.mark.parametrize("least", [0, 5, 200])
def test_integers_in_filters_are_part_of_the_shape(least: int, database: str) -> None:
    def view() -> Any:
        return [
            (author.books.filter(pages__gt=least).count(), author.books.filter(pages__gt=least).exists())
            for author in auto(Author.objects.all())
        ]

    _plain, cold, warm = plain_cold_warm(view)
    assert (cold.queries, warm.queries) == (3, 3), cold.log


class Unwritable(Func):
    """Says only while the statement is written that it cannot be."""

    output_field = IntegerField()

    def as_sql(self, *args: Any, **kwargs: Any) -> Any:
        msg = "no SQL for this"
        raise FieldError(msg)
