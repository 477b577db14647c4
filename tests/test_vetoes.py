"""Where loading ahead would change a result, it is done in the other way or not at all: "never join", "never prefetch".

Each test runs a view plain, cold and warm; `joins` and `prefetches` look for a table in the statements.
"""

from collections.abc import Iterator
from itertools import chain
from typing import Any

import pytest
from django.db import connections, models, transaction
from django.db.models import Count, F, Prefetch, Q
from django.test import override_settings
from django.test.utils import isolate_apps

from autoprefetch import auto
from tests.equivalence.comparing import plain_cold_warm, plan_of, raised, runs
from tests.library import data
from tests.library.models import (
    Author,
    Book,
    Branch,
    Comment,
    Copy,
    Imprint,
    Loan,
    Membership,
    Publisher,
    Reader,
    Screening,
    Shelf,
    Street,
    Supplier,
)
from tests.routers import CurrentDatabaseRouter, on_database

pytestmark = pytest.mark.usefixtures("library")

MISSING_KEY = 987_654


# The ordering -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("ordering", [("pk",), ("name", "id"), ("-pk",), (F("pk").desc(),), ("street_id", "pk")])
def test_what_is_ordered_by_its_primary_key_is_joined(ordering: tuple[Any, ...], database: str) -> None:
    """An ordering that ends in the primary key allows one sequence only, which no join can change."""
    _, _, warm = plain_cold_warm(lambda: [(b.pk, b.street.name) for b in auto(Branch.objects.order_by(*ordering))])
    assert warm.queries == 1
    assert warm.joins("library_street")


def test_what_is_ordered_by_a_unique_column_is_joined(database: str) -> None:
    """A unique column that is never null is as good as the primary key."""
    _, _, warm = plain_cold_warm(lambda: [(i.code, i.publisher.name) for i in auto(Imprint.objects.order_by("code"))])
    assert warm.queries == 1
    assert warm.joins("library_publisher")


def test_what_is_ordered_by_a_composite_primary_key_is_joined(database: str) -> None:
    """All columns of a composite primary key together make an ordering total, one of them does not."""
    _, _, whole = plain_cold_warm(
        lambda: [m.branch.name for m in auto(Membership.objects.order_by("reader_id", "since", "branch_id"))]
    )
    _, _, part = plain_cold_warm(
        lambda: sorted(m.branch.name for m in auto(Membership.objects.order_by("reader_id", "since")))
    )
    assert (whole.queries, whole.joins("library_branch")) == (1, True)
    assert (part.queries, part.joins("library_branch")) == (2, False)


def test_what_is_ordered_by_a_nullable_unique_column_is_prefetched(database: str) -> None:
    """Several rows may be null in a unique column: `Pseudonym.author`."""
    from tests.library.models import Pseudonym

    Pseudonym.objects.create(name="W")
    _, _, warm = plain_cold_warm(
        lambda: sorted(str(p.author) for p in auto(Pseudonym.objects.order_by("author_id").filter(name__lte="Z")))
    )
    assert (warm.queries, warm.joins("library_author")) == (2, False)


@pytest.mark.parametrize(
    "narrowed",
    [
        lambda rows: rows,
        lambda rows: rows.order_by("name"),
        lambda rows: rows.order_by("name")[:4],
        lambda rows: rows.order_by("?"),
        lambda rows: rows.order_by("street__name", "name"),
        lambda rows: rows.order_by("street"),
        lambda rows: rows.order_by(),
        lambda rows: rows.order_by(models.functions.Lower("name")),
    ],
    ids=["none", "ties", "sliced", "random", "relation", "foreign key", "cleared", "expression"],
)
def test_what_may_have_ties_is_prefetched(narrowed: Any, database: str) -> None:
    """Where the ordering is not total, a join may change the order of rows with equal keys."""
    _, _, warm = plain_cold_warm(lambda: sorted((b.name, b.street.name) for b in auto(narrowed(Branch.objects.all()))))
    assert warm.queries == 2
    assert warm.prefetches("library_street")
    assert not warm.joins("library_street") or "street" in str(narrowed(Branch.objects.all()).query.order_by)
    assert "ordering is not total" in plan_of()["street"][1]


def test_join_unordered_joins_all_the_same(database: str) -> None:
    """`JOIN_UNORDERED` says that rows with equal keys may change places."""
    _, _, warm = plain_cold_warm(
        lambda: sorted((b.name, b.street.city.name) for b in auto(Branch.objects.order_by("name"))), JOIN_UNORDERED=True
    )
    assert warm.queries == 1
    assert warm.joins("library_street")


def test_a_page_with_ties_holds_the_same_rows(database: str) -> None:
    """Ties fall as they would have fallen, on each page."""
    Branch.objects.bulk_create(
        Branch(name=f"Filial {number % 3}", street=Street.objects.order_by("-pk")[number % 4]) for number in range(60)
    )
    pages = [slice(0, 7), slice(7, 14), slice(14, 21), slice(30, 37)]
    plain, _, warm = plain_cold_warm(
        lambda: [[(b.pk, b.street.city.name) for b in auto(Branch.objects.order_by("name"))[page]] for page in pages]
    )
    assert warm.queries < plain.queries


@pytest.mark.parametrize(
    "single",
    [
        lambda rows: rows.get(name="Central"),
        lambda rows: rows.get(pk=Branch.objects.get(name="Lyon").pk),
        lambda rows: rows.filter(pk=Branch.objects.get(name="Lyon").pk)[0],
        lambda rows: rows.order_by("name").filter(pk=Branch.objects.get(name="Lyon").pk).first(),
    ],
    ids=["get", "get by key", "index", "first"],
)
def test_a_single_row_is_joined_whatever_its_ordering(single: Any, database: str) -> None:
    """One row has no order that a join could change."""
    lookups = int("Lyon" in single.__code__.co_consts)
    plain, _, warm = plain_cold_warm(lambda: single(auto(Branch.objects.all())).street.city.name)
    assert plain.queries - lookups in (2, 3)
    assert warm.queries - lookups <= plain.queries - lookups - 1
    assert warm.joins("library_street")


def test_first_of_rows_with_ties_is_not_joined(database: str) -> None:
    """`first()` of an ordering with ties takes one of them, and a join might make it another."""
    Loan.objects.update(due=data.day(1))
    plain_cold_warm(lambda: auto(Loan.objects.order_by("due")).first().reader.name)
    assert plan_of()["reader"][0] != "joined"


# The target ---------------------------------------------------------------------------------------------------------


def test_a_target_with_a_base_manager_of_its_own_is_prefetched(database: str) -> None:
    """A join would go past the base manager, which hides scrapped shelves."""
    plain, _, warm = plain_cold_warm(lambda: [str(copy.shelf) for copy in auto(Copy.objects.order_by("pk"))])
    assert plain.queries > 2
    assert warm.queries == 2
    assert warm.prefetches("library_shelf")
    assert not warm.joins("library_shelf")


def test_a_hidden_row_raises_as_in_plain_django(database: str) -> None:
    """A copy on a scrapped shelf raises `Shelf.DoesNotExist`, with the same message, and `hasattr` does too."""
    Copy.objects.filter(pk__in=Copy.objects.order_by("pk")[:5].values_list("pk", flat=True)[::2]).update(
        shelf=Shelf.with_scrapped.get(scrapped=True)
    )

    def view() -> Any:
        copies = auto(Copy.objects.order_by("pk"))
        return [(raised(lambda c=copy: str(c.shelf)), raised(lambda c=copy: hasattr(c, "shelf"))) for copy in copies]

    plain, _, warm = plain_cold_warm(view)
    assert ("Shelf.DoesNotExist", "Shelf matching query does not exist.") in [shelf for shelf, _ in plain.value]
    assert warm.queries < plain.queries
    assert not warm.joins("library_shelf")


def test_a_hidden_row_under_a_to_many_relation_raises_as_in_plain_django(database: str) -> None:
    """What holds for the rows of the root query holds for those below."""
    Copy.objects.filter(book__in=Book.objects.filter(pk__lte=Book.objects.all()[5].pk)).update(
        shelf=Shelf.with_scrapped.get(scrapped=True)
    )

    def view() -> Any:
        books = auto(Book.objects.all())
        return [[raised(lambda c=copy: str(c.shelf.branch)) for copy in by_key(b.copies.all())] for b in books]

    plain, _, warm = plain_cold_warm(view)
    assert ("Shelf.DoesNotExist", "Shelf matching query does not exist.") in list(chain.from_iterable(plain.value))
    assert not warm.joins("library_shelf")


def test_a_hidden_row_ends_an_unprotected_loop_with_the_same_exception(database: str) -> None:
    """The first hidden row stops the view, as in plain Django."""
    Copy.objects.filter(pk=Copy.objects.order_by("pk")[4].pk).update(shelf=Shelf.with_scrapped.get(scrapped=True))
    plain, _, _ = plain_cold_warm(lambda: [str(copy.shelf) for copy in auto(Copy.objects.order_by("pk"))])
    assert plain.error == (Shelf.DoesNotExist, "Shelf matching query does not exist.")


def test_a_foreign_key_without_a_constraint_is_prefetched(database: str) -> None:
    """An inner join would drop a row whose key dangles."""
    _, _, warm = plain_cold_warm(lambda: [copy.supplier.name for copy in auto(Copy.objects.order_by("pk"))])
    assert warm.queries == 2
    assert warm.prefetches("library_supplier")
    assert not warm.joins("library_supplier")


def test_a_dangling_key_raises_as_in_plain_django(database: str) -> None:
    """No row is dropped, and the access raises `Supplier.DoesNotExist`, not `RelatedObjectDoesNotExist`."""
    Copy.objects.filter(pk__in=[copy.pk for copy in Copy.objects.order_by("pk")[:6:2]]).update(supplier=MISSING_KEY)

    def view() -> Any:
        copies = auto(Copy.objects.order_by("pk"))
        return [(raised(lambda c=copy: c.supplier.name), raised(lambda c=copy: c.supplier.name)) for copy in copies]

    plain, _, warm = plain_cold_warm(view)
    assert plain.value[0][0] == ("Supplier.DoesNotExist", "Supplier matching query does not exist.")
    assert len(plain.value) == Copy.objects.count()
    assert warm.queries < plain.queries


def test_a_dangling_key_below_a_join_raises_as_in_plain_django(database: str) -> None:
    """The copy of a loan is joined, its supplier is not."""
    Copy.objects.order_by("pk").filter(loans__isnull=False).update(supplier=MISSING_KEY)
    _, _, warm = plain_cold_warm(
        lambda: [raised(lambda x=loan: x.copy.supplier.name) for loan in auto(Loan.objects.order_by("pk"))]
    )
    assert not warm.joins("library_supplier")


def test_a_generic_key_without_its_row_gives_none_as_in_plain_django(database: str) -> None:
    """Deleted subjects and empty ones."""
    comments = Comment.objects.order_by("pk")
    Comment.objects.filter(pk__in=[comment.pk for comment in comments[:6:2]]).update(object_id=MISSING_KEY)
    plain, _, warm = plain_cold_warm(
        lambda: [comment.subject and comment.subject.pk for comment in auto(Comment.objects.order_by("pk"))]
    )
    assert None in plain.value
    assert warm.queries < plain.queries


def test_a_polymorphic_target_is_prefetched(database: str) -> None:
    """A join would return the base class, where the model's own manager returns children."""
    with polymorphic_models() as showing:

        def view() -> Any:
            found = auto(showing.objects.order_by("pk"))
            return [row.trailer and (type(row.trailer).__name__, row.trailer.title) for row in found]

        Screening.objects.filter(pk=Screening.objects.order_by("pk")[1].pk).update(
            trailer=Screening.objects.first().film
        )
        plain, _, warm = plain_cold_warm(view)
        assert {found and found[0] for found in plain.value} == {None, "Base", "Child"}
        assert "JOIN" not in warm.log.statements[0]


class polymorphic_models:  # noqa: N801  (a context manager, used as a function)
    """Models on the tables of Screening, Medium and Film, whose manager gives children as django-polymorphic does."""

    def __enter__(self) -> Any:
        self.apps = isolate_apps("tests.library")
        self.apps.enable()

        class Downcasting(models.query.ModelIterable):
            def __iter__(self) -> Iterator[Any]:
                rows = list(super().__iter__())
                children = Child.objects.using(self.queryset.db).in_bulk([row.pk for row in rows])
                return iter([children.get(row.pk, row) for row in rows])

        class PolymorphicQuerySet(models.QuerySet):
            def __init__(self, *args: Any, **kwargs: Any) -> None:
                super().__init__(*args, **kwargs)
                self._iterable_class = Downcasting

        class Base(models.Model):
            polymorphic_model_marker = True
            title = models.CharField(max_length=50)
            objects = PolymorphicQuerySet.as_manager()

            class Meta:
                app_label, db_table, managed, base_manager_name = "library", "library_medium", False, "objects"

        class Child(Base):
            medium_ptr = models.OneToOneField(Base, models.CASCADE, parent_link=True, primary_key=True)
            minutes = models.PositiveIntegerField()
            objects = models.Manager()

            class Meta:
                app_label, db_table, managed, base_manager_name = "library", "library_film", False, "objects"

        class Showing(models.Model):
            trailer = models.ForeignKey(Base, models.SET_NULL, null=True, related_name="showings")

            class Meta:
                app_label, db_table, managed = "library", "library_screening", False

        return Showing

    def __exit__(self, *exc_info: object) -> None:
        self.apps.disable()


class PublishersElsewhere(CurrentDatabaseRouter):
    """Publishers live on PostgreSQL, all else on SQLite."""

    def db_for_read(self, model: type, **hints: Any) -> str:
        return "postgresql" if model.__name__ == "Publisher" else "default"

    def allow_relation(self, *objects: Any, **hints: Any) -> bool:
        return True


@pytest.mark.django_db(databases=["default", "postgresql"])
class TestTargetOnAnotherDatabase:
    """By the routers, publishers are read from another database than books."""

    pytestmark = [pytest.mark.django_db(databases=["default", "postgresql"])]

    @pytest.fixture
    def library(self) -> Iterator[None]:
        """Both databases are full, and the publishers of one are not those of the other."""
        with on_database("default"):
            data.populate()
        with on_database("postgresql"):
            Publisher.objects.bulk_create(
                Publisher(pk=publisher.pk, name=f"{publisher.name} elsewhere")
                for publisher in Publisher.objects.using("default")
            )
        with override_settings(DATABASE_ROUTERS=[f"{__name__}.PublishersElsewhere"]):
            yield

    def test_it_is_prefetched(self) -> None:
        """A join cannot reach it."""
        plain, _, warm = plain_cold_warm(lambda: [str(book.publisher) for book in auto(Book.objects.all())])
        assert "Aurora elsewhere" in plain.value
        assert warm.queries == 2
        assert not warm.joins("library_publisher")

    def test_it_is_prefetched_below_a_prefetch(self) -> None:
        """Nor from below."""
        view = lambda: [[str(book.publisher) for book in a.books.all()] for a in auto(Author.objects.all())]  # noqa: E731
        plain, _, warm = plain_cold_warm(view)
        assert "Aurora elsewhere" in list(chain.from_iterable(plain.value))
        assert warm.queries == 3
        assert not warm.joins("library_publisher")

    def test_it_is_prefetched_below_a_join(self) -> None:
        """Nor from beyond a join."""
        plain, _, warm = plain_cold_warm(lambda: [str(i.book.publisher) for i in auto(Copy.objects.order_by("pk"))])
        assert "Beta elsewhere" in plain.value
        assert (warm.queries, warm.joins("library_publisher"), warm.joins("library_book")) == (2, False, True)

    def test_it_is_prefetched_where_it_is_named_with_using(self) -> None:
        """`using()` sends the root query to one database, and the router still decides about the target."""
        plain, _, warm = plain_cold_warm(lambda: [str(b.publisher) for b in auto(Book.objects.using("default"))])
        assert "Aurora elsewhere" in plain.value
        assert not warm.joins("library_publisher")


# The query ----------------------------------------------------------------------------------------------------------


def test_select_for_update_takes_no_join(database: str) -> None:
    """What is joined would be locked too, and PostgreSQL refuses to lock the nullable side of a join."""

    def view() -> Any:
        with transaction.atomic(using=database):
            return [str(book.publisher) for book in auto(Book.objects.select_for_update())]

    _, _, warm = plain_cold_warm(view)
    assert not warm.joins("library_publisher")
    assert warm.prefetches("library_publisher")


def test_distinct_takes_no_join(database: str) -> None:
    """The joined columns would take part in the comparison."""
    view = lambda: [(b.title, str(b.author)) for b in auto(Book.objects.filter(tags__name__gt="").distinct())]  # noqa: E731
    plain, _, warm = plain_cold_warm(view)
    assert len(plain.value) == len(set(plain.value))
    assert warm.queries == 2
    assert not warm.joins("library_author")


def test_distinct_on_takes_no_join(database: str) -> None:
    """`distinct(*fields)` of PostgreSQL."""
    if not connections[database].features.can_distinct_on_fields:
        pytest.skip("distinct(*fields) is PostgreSQL's")
    _, _, warm = plain_cold_warm(
        lambda: [str(b.author) for b in auto(Book.objects.order_by("author_id", "pk").distinct("author_id"))]
    )
    assert not warm.joins("library_author")


def test_an_aggregation_takes_no_join(database: str) -> None:
    """The joined columns would widen its GROUP BY."""
    view = lambda: [(b.title, b.number, str(b.author)) for b in auto(Book.objects.annotate(number=Count("tags")))]  # noqa: E731
    _, _, warm = plain_cold_warm(view)
    assert warm.queries == 2
    assert not warm.joins("library_author")


def test_an_aggregation_that_is_added_after_auto_takes_no_join(database: str) -> None:
    """It is the evaluated query that counts."""
    _, _, warm = plain_cold_warm(
        lambda: [(b.number, str(b.author)) for b in auto(Book.objects.all()).annotate(number=Count("tags"))]
    )
    assert not warm.joins("library_author")


@pytest.mark.parametrize(
    "narrowed",
    [lambda rows: rows.defer("author"), lambda rows: rows.only("title"), lambda rows: rows.defer("author_id", "pages")],
    ids=["defer", "only", "defer by column"],
)
def test_a_deferred_foreign_key_stays_lazy(narrowed: Any, database: str) -> None:
    """A join of a deferred foreign key is an error, and a prefetch would load the key row by row."""
    plain, _, warm = plain_cold_warm(lambda: [str(book.author) for book in auto(narrowed(Book.objects.all()))])
    assert not warm.joins("library_author")
    assert warm.queries <= plain.queries


@pytest.mark.parametrize("narrowed", [lambda r: r.only("title", "author"), lambda r: r.defer("publisher", "pages")])
def test_a_foreign_key_that_is_loaded_is_joined_beside_deferred_columns(narrowed: Any, database: str) -> None:
    """`only()` and `defer()` that leave the foreign key in do no harm, and stay in force."""
    _, _, warm = plain_cold_warm(
        lambda: [(str(b.author), sorted(b.get_deferred_fields())) for b in auto(narrowed(Book.objects.all()))]
    )
    assert warm.queries == 1
    assert warm.joins("library_author")


def test_a_deferred_foreign_key_below_a_prefetch_of_the_caller_stays_lazy(database: str) -> None:
    """What the caller's own prefetch defers is not loaded row by row."""
    view = lambda: [  # noqa: E731
        [str(book.publisher) for book in author.books.all()]
        for author in auto(Author.objects.prefetch_related(Prefetch("books", Book.objects.only("title", "author"))))
    ]
    plain, _, warm = plain_cold_warm(view)
    assert warm.queries <= plain.queries


@pytest.mark.parametrize("combined", ["union", "intersection", "difference"])
def test_a_combined_query_stays_as_it_is(combined: str, database: str) -> None:
    """`union()` and the like take neither join nor prefetch; the first touch brings what all rows ask for."""
    if combined != "union" and not getattr(connections[database].features, f"supports_select_{combined}"):
        pytest.skip(f"no {combined}() here")

    def view() -> Any:
        few, many = Book.objects.filter(pages__lt=300).order_by(), Book.objects.filter(pages__gt=200).order_by()
        return sorted(str(book) for book in auto(getattr(few, combined)(many)))

    plain, cold, warm = plain_cold_warm(view)
    assert cold.queries == warm.queries == 2 <= plain.queries
    assert not warm.joins("library_author")
    assert plan_of().get("author", ("lazy", ""))[0] == "lazy"


def test_a_combined_query_takes_no_prefetch_of_to_many_either(database: str) -> None:
    """Django refuses it, so the sets wait for the first touch."""

    def view() -> Any:
        few, many = Book.objects.filter(pages__lt=300).order_by(), Book.objects.filter(pages__gt=400).order_by()
        return sorted(len(book.tags.all()) for book in auto(few.union(many)))

    plain, cold, warm = plain_cold_warm(view)
    assert cold.queries == warm.queries == 2 < plain.queries
    assert plan_of()["tags"][0] == "lazy"


def test_extra_takes_no_join(database: str) -> None:
    """A bare column name in `extra()` would become ambiguous, as `name` is in both tables here."""
    _, _, warm = plain_cold_warm(
        lambda: [str(b.street) for b in auto(Branch.objects.extra(where=["name <> ''"]).order_by("pk"))]
    )
    assert not warm.joins("library_street")
    assert warm.prefetches("library_street")


def test_raw_sql_takes_no_join(database: str) -> None:
    """Nor may `RawSQL` meet a joined table."""
    from django.db.models.expressions import RawSQL

    rows = Branch.objects.annotate(shout=RawSQL("UPPER(name)", ())).filter(~Q(shout="")).order_by("pk")
    _, _, warm = plain_cold_warm(lambda: [(b.shout, b.street.name) for b in auto(rows.all())])
    assert not warm.joins("library_street")


def test_a_raw_query_takes_a_prefetch_and_no_join(database: str) -> None:
    """`raw()` takes prefetches only."""
    sql = "SELECT * FROM library_book ORDER BY id"
    plain, _, warm = plain_cold_warm(
        lambda: [(str(b.publisher), len(b.tags.all())) for b in auto(Book.objects.raw(sql))]
    )
    assert warm.queries == 3
    assert warm.queries < plain.queries
    assert not warm.joins("library_publisher")


@pytest.mark.parametrize("inequality", ["values", "values_list", "flat", "dates"])
def test_values_take_neither(inequality: str, database: str) -> None:
    """Rows that are no instances have nothing to load, whatever the call site does elsewhere."""
    narrow = {
        "values": lambda rows: rows.values("title", "author"),
        "values_list": lambda rows: rows.values_list("title", "author"),
        "flat": lambda rows: rows.values_list("title", flat=True),
        "dates": lambda rows: rows.dates("published", "year"),
    }[inequality]

    def view() -> Any:
        books = auto(Book.objects.all())
        return [[(str(b.author), len(b.tags.all())) for b in books], list(narrow(books))]

    _, _, warm = plain_cold_warm(view)
    assert warm.queries == 3
    assert not any("JOIN" in sql for sql in warm.log.statements[-1:])


def test_iterator_without_a_chunk_size_takes_no_prefetch(database: str) -> None:
    """Django refuses the caller's prefetches there, so ours stay away; joins do no harm."""
    plain, _, warm = plain_cold_warm(
        lambda: [(str(book.author), sorted(map(str, book.tags.all()))) for book in auto(Book.objects.all()).iterator()]
    )
    assert warm.joins("library_author")
    assert not warm.prefetches("library_author")
    assert warm.queries == 2  # the sets are batched when the first one is touched
    assert warm.queries < plain.queries


def test_iterator_with_a_chunk_size_takes_a_prefetch_for_each_chunk(database: str) -> None:
    """Sixteen books, six at a time: three prefetches."""
    rows = auto(Book.objects.none())
    assert list(rows) == []
    plain, _, warm = plain_cold_warm(
        lambda: [(str(b.author), sorted(map(str, b.tags.all()))) for b in auto(Book.objects.all()).iterator(6)]
    )
    assert warm.joins("library_author")
    assert warm.queries == 1 + 3
    assert warm.queries < plain.queries


def test_a_lookup_that_the_caller_prefetches_with_its_own_queryset_is_left_alone(database: str) -> None:
    """What the caller's `Prefetch` filters stays filtered, and is not asked for a second time."""
    rows = lambda: Author.objects.prefetch_related(Prefetch("books", Book.objects.filter(pages__gt=250)))  # noqa: E731
    plain, cold, warm = plain_cold_warm(lambda: [[str(b.pages) for b in a.books.all()] for a in auto(rows())])
    assert plain.queries == cold.queries == warm.queries == 2


# One's choice -------------------------------------------------------------------------------------------------------


def test_what_is_ignored_stays_lazy(database: str) -> None:
    """`ignore` names relations to leave lazy, and leaves the others alone."""
    plain, _, warm = plain_cold_warm(
        lambda: [(str(b.author), str(b.publisher)) for b in auto(Book.objects.all(), ignore=["author"])]
    )
    assert not warm.joins("library_author")
    assert warm.joins("library_publisher")
    assert warm.queries == 17 < plain.queries


def test_what_is_ignored_deeper_stays_lazy(database: str) -> None:
    """A longer lookup leaves what comes before it eager."""
    _, _, warm = plain_cold_warm(
        lambda: [str(b.street.city.name) for b in auto(Branch.objects.order_by("pk"), ignore=("street__city",))]
    )
    assert warm.joins("library_street")
    assert not warm.joins("library_city")


@pytest.mark.parametrize("pattern", ["library.Book.author", "*.author", "library.*.author"])
def test_what_the_settings_ignore_stays_lazy(pattern: str, database: str) -> None:
    """`IGNORE` takes patterns of model and relation."""
    _, _, warm = plain_cold_warm(
        lambda: [(str(b.author), str(b.publisher)) for b in auto(Book.objects.all())], IGNORE=[pattern]
    )
    assert not warm.joins("library_author")
    assert warm.joins("library_publisher")


def test_ahead_off_leaves_everything_but_joins_to_first_touch(database: str) -> None:
    """With `AHEAD` off nothing is prefetched ahead of time: the first touch brings the sets of all rows."""
    wanted = iter([True, True, True, True, False])

    def view() -> Any:
        is_wanted = next(wanted)
        return [(str(b.author), len(b.tags.all()) if is_wanted else 0) for b in auto(Book.objects.all())]

    _, _, warm, _, untouched = runs(view, 4, AHEAD=False)
    assert warm.joins("library_author")
    assert warm.queries == 2
    assert untouched.queries == 1


def test_a_veto_shows_in_the_report(database: str) -> None:
    """For each path the report says what is done and why not the other."""
    runs(lambda: [(str(c.shelf), str(c.supplier), str(c.book.author)) for c in auto(Copy.objects.order_by("pk"))], 2)
    plan = plan_of()
    assert plan["shelf"] == (
        "prefetched",
        "the base manager of library.Shelf is customised, and a join would go past it",
    )
    assert plan["supplier"][0] == "prefetched"
    assert "db_constraint" in plan["supplier"][1]
    assert plan["book__author"][0] == "joined"


def test_the_query_of_a_prefetch_obeys_the_same_vetoes(database: str) -> None:
    """Wishes of readers are books with a total ordering; memberships, copies and shelves are not."""
    Reader.objects.get(name="Ines").wishes.add(*Book.objects.all())

    def view() -> Any:
        readers = auto(Reader.objects.order_by("pk"))
        return [
            [
                (book.title, str(book.author), [(str(c.shelf), c.supplier.name) for c in by_key(book.copies.all())])
                for book in reader.wishes.all()
            ]
            for reader in readers
        ]

    _, _, warm = plain_cold_warm(view)
    assert warm.joins("library_author")
    assert warm.prefetches("library_shelf")
    assert warm.prefetches("library_supplier")
    assert warm.queries == 5  # readers; books with authors; copies; shelves; suppliers
    assert Supplier.objects.count() == 2


def by_key(rows: Any) -> list[Any]:
    return sorted(rows, key=lambda row: row.pk)
