"""What the caller wrote is respected, never duplicated, never undone."""

from typing import Any

import django
import pytest
from django.db import models
from django.db.models import Count, Exists, F, OuterRef, Prefetch, Value
from django.db.models.functions import Upper

from autoprefetch import auto
from tests.databases import QueryLog
from tests.equivalence.comparing import plain_cold_warm, plan_of, raised, runs
from tests.library.models import Author, Book, Branch, Comment, Contribution, Copy, Film, Loan, Publisher, Reader, Tag

pytestmark = pytest.mark.usefixtures("library")

has_fetch_modes = pytest.mark.skipif(django.VERSION < (6, 1), reason="fetch modes came with Django 6.1")


def joins_in(log: QueryLog, table: str) -> int:
    """Count the joins of a table in the first statement."""
    return sum(log.statements[0].count(f"JOIN {quote}{table}{quote}") for quote in '"`')


# select_related -----------------------------------------------------------------------------------------------------


def test_a_join_of_the_caller_is_not_made_twice(database: str) -> None:
    """What the caller joins is loaded; what lies beside it is added."""
    plain, _, warm = plain_cold_warm(
        lambda: [(str(b.author), str(b.publisher)) for b in auto(Book.objects.select_related("author"))]
    )
    assert warm.queries == 1 < plain.queries
    assert joins_in(warm.log, "library_author") == 1
    assert joins_in(warm.log, "library_publisher") == 1


def test_a_join_of_the_caller_is_kept_when_nobody_uses_it(database: str) -> None:
    """It is not ours to take away."""
    plain, cold, warm = plain_cold_warm(lambda: [b.title for b in auto(Book.objects.select_related("author"))])
    assert [joins_in(run.log, "library_author") for run in (plain, cold, warm)] == [1, 1, 1]


def test_a_join_of_the_caller_is_continued(database: str) -> None:
    """What lies beyond the caller's join is joined to it."""
    plain, _, warm = plain_cold_warm(
        lambda: [
            (str(b.author), str(b.author.archive), b.publisher and str(b.publisher.city))
            for b in auto(Book.objects.select_related("author", "publisher"))
        ]
    )
    assert warm.queries == 1 < plain.queries
    assert joins_in(warm.log, "library_author") == joins_in(warm.log, "library_archive") == 1


def test_a_join_of_the_caller_is_continued_by_a_prefetch(database: str) -> None:
    """Where the ordering is not total, what lies beyond the caller's join is prefetched, and the join stays."""
    plain, _, warm = plain_cold_warm(
        lambda: sorted(
            (b.name, b.street.city.name) for b in auto(Branch.objects.select_related("street").order_by("name"))
        )
    )
    assert (warm.queries, warm.joins("library_street"), warm.joins("library_city")) == (2, True, False)
    assert warm.queries < plain.queries


def test_sets_beyond_a_join_of_the_caller_are_prefetched(database: str) -> None:
    plain, _, warm = plain_cold_warm(
        lambda: [len(b.author.books.all()) for b in auto(Book.objects.select_related("author"))]
    )
    assert warm.queries == 2 < plain.queries


def test_a_join_in_the_default_manager_is_the_callers(database: str) -> None:
    """`Loan.objects` joins the copy."""
    plain, _, warm = plain_cold_warm(
        lambda: [(loan.copy.pk, str(loan.copy.book), str(loan.reader)) for loan in auto(Loan.objects.order_by("pk"))]
    )
    assert warm.queries == 1 < plain.queries
    assert joins_in(warm.log, "library_copy") == 1


def test_a_join_in_the_manager_of_a_prefetched_set_is_the_callers(database: str) -> None:
    """`copy.loans.all()` joins the copy, as the default manager of loans does."""
    plain, _, warm = plain_cold_warm(
        lambda: [
            sorted((str(loan.due), loan.reader.name) for loan in copy.loans.all())
            for copy in auto(Copy.objects.order_by("pk"))
        ]
    )
    assert warm.queries == 3 < plain.queries


@pytest.mark.filterwarnings("ignore:Calling select_related")  # deprecated in Django 6.1
def test_select_related_without_names_is_left_alone(database: str) -> None:
    """It chooses by itself what to join, and naming a relation would undo that."""
    plain, _, warm = plain_cold_warm(
        lambda: [(str(c.book), c.supplier.name) for c in auto(Copy.objects.order_by("pk").select_related())]
    )
    assert joins_in(warm.log, "library_book") == joins_in(plain.log, "library_book") == 1
    assert joins_in(warm.log, "library_supplier") == joins_in(plain.log, "library_supplier") == 1
    assert warm.queries <= plain.queries


def test_select_related_of_the_caller_is_kept_on_a_foreign_key_without_constraint(database: str) -> None:
    """The caller may join what we would not."""
    plain, _, warm = plain_cold_warm(
        lambda: [(c.supplier.name, str(c.shelf)) for c in auto(Copy.objects.order_by("pk").select_related("supplier"))]
    )
    assert warm.joins("library_supplier")
    assert warm.queries == 2 < plain.queries


def test_select_related_none_clears_the_callers_joins_and_not_ours(database: str) -> None:
    """`select_related(None)` takes back what the caller asked for; what the view then loads is learned as usual."""
    plain, _, warm = plain_cold_warm(
        lambda: [(x.copy.pk, x.reader.name) for x in auto(Loan.objects.order_by("pk")).select_related(None)]
    )
    assert warm.queries == 1 < plain.queries


def test_a_join_that_is_chained_after_auto_is_the_callers(database: str) -> None:
    """The evaluated query counts, not the one given to `auto()`."""
    _, _, warm = plain_cold_warm(
        lambda: [(str(b.author), str(b.publisher)) for b in auto(Book.objects.all()).select_related("publisher")]
    )
    assert warm.queries == 1
    assert joins_in(warm.log, "library_publisher") == 1


def test_a_reverse_one_to_one_that_the_caller_joins_is_not_made_twice(database: str) -> None:
    _, _, warm = plain_cold_warm(
        lambda: [
            raised(lambda a=author: str(a.profile.city)) for author in auto(Author.objects.select_related("profile"))
        ]
    )
    assert warm.queries == 1
    assert joins_in(warm.log, "library_profile") == 1


# prefetch_related ---------------------------------------------------------------------------------------------------


def test_a_prefetch_of_the_caller_is_not_made_twice(database: str) -> None:
    """What the caller prefetches costs its one query, and what lies beside it is added."""
    plain, _, warm = plain_cold_warm(
        lambda: [
            (len(b.tags.all()), len(b.copies.all()), str(b.author)) for b in auto(Book.objects.prefetch_related("tags"))
        ]
    )
    assert warm.queries == 3 < plain.queries


def test_a_prefetch_of_the_caller_is_kept_when_nobody_uses_it(database: str) -> None:
    plain, cold, warm = plain_cold_warm(lambda: [b.title for b in auto(Book.objects.prefetch_related("tags"))])
    assert plain.queries == cold.queries == warm.queries == 2


def test_a_prefetch_of_a_foreign_key_by_the_caller_is_not_joined_as_well(database: str) -> None:
    """The caller chose to prefetch it."""
    _, _, warm = plain_cold_warm(
        lambda: [(str(b.author), str(b.publisher)) for b in auto(Book.objects.prefetch_related("author"))]
    )
    assert warm.queries == 2
    assert not warm.joins("library_author")
    assert warm.joins("library_publisher")


def test_a_prefetch_of_the_caller_is_continued(database: str) -> None:
    """What lies below the caller's prefetch is prefetched, the caller's query is not made again."""
    plain, _, warm = plain_cold_warm(
        lambda: [
            [(str(b.publisher), len(b.tags.all())) for b in a.books.all()]
            for a in auto(Author.objects.prefetch_related("books"))
        ]
    )
    assert warm.queries == 4 < plain.queries
    assert sum('FROM "library_book" ' in sql or "FROM `library_book` " in sql for sql in warm.log.statements) == 1


def test_a_deep_prefetch_of_the_caller_is_not_made_twice(database: str) -> None:
    """`books__tags` names its parents too."""
    plain, cold, warm = plain_cold_warm(
        lambda: [
            [len(book.tags.all()) for book in author.books.all()]
            for author in auto(Author.objects.prefetch_related("books__tags"))
        ]
    )
    assert plain.queries == cold.queries == warm.queries == 3


def test_a_deep_prefetch_of_the_caller_leaves_room_beside_it(database: str) -> None:
    plain, _, warm = plain_cold_warm(
        lambda: [
            [(len(book.tags.all()), len(book.copies.all())) for book in author.books.all()]
            for author in auto(Author.objects.prefetch_related("books__tags"))
        ]
    )
    assert warm.queries == 4 < plain.queries


def test_a_prefetch_with_the_callers_queryset_keeps_its_rows(database: str) -> None:
    """Filter, order and join of the caller's queryset stay; what lies below its rows is added."""

    def view() -> Any:
        books = Book.objects.filter(pages__gt=200).order_by("-pages", "pk").select_related("author")
        publishers = Publisher.objects.order_by("pk").prefetch_related(Prefetch("books", books))
        return [[(b.title, str(b.author), str(b.imprint)) for b in p.books.all()] for p in auto(publishers)]

    plain, _, warm = plain_cold_warm(view)
    assert warm.queries == 3 < plain.queries


def test_a_prefetch_with_the_callers_queryset_below_is_respected(database: str) -> None:
    """The caller's `Prefetch` of a nested lookup, where the first level is plain."""

    def view() -> Any:
        tags = Prefetch("books__tags", Tag.objects.filter(name__in=["old", "new"]))
        authors = auto(Author.objects.prefetch_related(tags))
        return [[(sorted(map(str, b.tags.all())), str(b.publisher)) for b in a.books.all()] for a in authors]

    plain, _, warm = plain_cold_warm(view)
    assert warm.queries == 4 < plain.queries


def test_to_attr_of_the_caller_is_kept(database: str) -> None:
    """The list is there as the caller asked for it, and `.all()` beside it is the whole set."""

    def view() -> Any:
        long = Prefetch("books", Book.objects.filter(pages__gt=300), to_attr="long_books")
        authors = auto(Author.objects.prefetch_related(long))
        return [([b.title for b in a.long_books], [b.title for b in a.books.all()]) for a in authors]

    plain, _, warm = plain_cold_warm(view)
    assert plain.queries == 10
    assert warm.queries == 3
    assert any(len(long) != len(all_books) for long, all_books in warm.value)


def test_what_lies_below_to_attr_is_no_worse_than_plain(database: str) -> None:
    """A list has no relation of its own, but its rows do."""

    def view() -> Any:
        long = Prefetch("books", Book.objects.filter(pages__gt=300), to_attr="long_books")
        return [[str(b.publisher) for b in a.long_books] for a in auto(Author.objects.prefetch_related(long))]

    plain, _, warm = plain_cold_warm(view)
    assert warm.queries <= plain.queries


def test_a_sliced_prefetch_of_the_caller_is_kept(database: str) -> None:
    """The last two books of each author, as Django's sliced `Prefetch` gives them."""

    def view() -> Any:
        last = Prefetch("books", Book.objects.order_by("-pk")[:2], to_attr="last_books")
        return [[(b.title, str(a.archive)) for b in a.last_books] for a in auto(Author.objects.prefetch_related(last))]

    plain, _, warm = plain_cold_warm(view)
    assert warm.queries == 2 < plain.queries


def test_a_shared_prefetch_object_is_never_changed(database: str) -> None:
    """It is used for every request of the process."""
    shared = Prefetch("books", Book.objects.filter(pages__gt=200))
    before = dict(vars(shared))

    def view() -> Any:
        return [[str(b.publisher) for b in a.books.all()] for a in auto(Author.objects.prefetch_related(shared))]

    plain_cold_warm(view)
    assert {key: vars(shared)[key] for key in before if key != "queryset"} == {
        key: value for key, value in before.items() if key != "queryset"
    }
    assert shared.queryset.query.select_related is False


def test_prefetch_related_none_clears_the_callers_prefetches(database: str) -> None:
    plain, _, warm = plain_cold_warm(
        lambda: [
            len(b.tags.all()) for b in auto(Book.objects.prefetch_related("tags", "copies")).prefetch_related(None)
        ]
    )
    assert plain.queries == 17
    assert warm.queries == 2


def test_a_generic_prefetch_of_the_caller_is_not_made_twice(database: str) -> None:
    plain, cold, warm = plain_cold_warm(
        lambda: [type(c.subject).__name__ for c in auto(Comment.objects.order_by("pk").prefetch_related("subject"))]
    )
    assert plain.queries == cold.queries == warm.queries == 4


def test_what_lies_below_a_generic_prefetch_of_the_caller_is_no_worse_than_plain(database: str) -> None:
    """And never an error."""

    def view() -> Any:
        comments = auto(Comment.objects.order_by("pk").prefetch_related("subject"))
        return [str(c.subject.author) if isinstance(c.subject, Book) else str(c.subject) for c in comments]

    plain, _, warm = plain_cold_warm(view)
    assert warm.queries <= plain.queries


def test_a_prefetch_below_a_set_that_is_cached_under_another_name(database: str) -> None:
    """`series_set` is cached as `series`; the caller's prefetch of it stays, and nothing is asked twice."""

    def view() -> Any:
        books = auto(Book.objects.prefetch_related("series_set"))
        return [sorted((s.name, len(s.books.all())) for s in book.series_set.all()) for book in books]

    plain, _, warm = plain_cold_warm(view)
    assert warm.queries <= plain.queries


def test_what_the_caller_prefetches_by_hand_afterwards_is_found(database: str) -> None:
    """`prefetch_related_objects()` on the rows, for what is loaded already and for what is not."""

    def view() -> Any:
        books = list(auto(Book.objects.all()))
        models.prefetch_related_objects(books, "author__archive", "tags")
        return [(str(b.author), str(b.author.archive), len(b.tags.all()), str(b.publisher)) for b in books]

    plain, _, warm = plain_cold_warm(view)
    assert warm.queries <= plain.queries
    assert warm.joins("library_publisher")


# only, defer --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "narrowed",
    [
        lambda rows: rows.only("title"),
        lambda rows: rows.only("title", "author"),
        lambda rows: rows.defer("summary"),
        lambda rows: rows.defer("author", "summary"),
        lambda rows: rows.only("title", "author__name").select_related("author"),
        lambda rows: rows.defer("author__name").select_related("author"),
    ],
    ids=["only", "only with key", "defer", "defer key", "only of a relation", "defer of a relation"],
)
def test_the_callers_choice_of_columns_stays(narrowed: Any, database: str) -> None:
    """The same columns are loaded and the same are deferred, and no view is worse for it."""

    def view() -> Any:
        found = []
        for book in auto(narrowed(Book.objects.all())):
            deferred = sorted(book.get_deferred_fields())
            found.append((deferred, str(book.author), str(book.publisher), len(book.tags.all())))
        return found

    plain, _, warm = plain_cold_warm(view)
    assert warm.queries <= plain.queries


def test_the_callers_choice_of_columns_of_a_joined_row_stays(database: str) -> None:
    """`only("author__name")` defers the author's other columns, warm as plain."""

    def view() -> Any:
        books = auto(Book.objects.select_related("author").only("title", "author__name"))
        return [(sorted(b.author.get_deferred_fields()), b.author.name) for b in books]

    plain, _, warm = plain_cold_warm(view)
    assert plain.value[0][0] == ["archive_id", "mentor_id"]
    assert warm.queries == plain.queries == 1


def test_a_deferred_column_is_still_loaded_on_demand(database: str) -> None:
    """Columns are never loaded ahead, nor deferred, by us; the first that is touched brings its peers' too."""
    plain, cold, warm = plain_cold_warm(
        lambda: [(b.summary, str(b.author)) for b in auto(Book.objects.defer("summary"))]
    )
    assert (plain.queries, cold.queries, warm.queries) == (33, 3, 2)


# Slices -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "sliced",
    [
        lambda rows: rows[:5],
        lambda rows: rows[3:9],
        lambda rows: rows[10:],
        lambda rows: rows[2:12:3],
        lambda rows: rows.order_by("-pages", "pk")[:5],
        lambda rows: [rows[3]],
        lambda rows: [rows.first(), rows.last()],
        lambda rows: rows.reverse()[:4],
        lambda rows: rows.in_bulk().values(),
    ],
    ids=["head", "middle", "tail", "step", "ordered", "index", "first and last", "reversed", "in_bulk"],
)
def test_a_slice_holds_the_same_rows(sliced: Any, database: str) -> None:
    """Where the ordering is total a sliced query is joined, and holds the same rows in the same order."""
    plain, _, warm = plain_cold_warm(
        lambda: [(b.title, str(b.author), len(b.tags.all())) for b in sliced(auto(Book.objects.all()))]
    )
    assert warm.queries <= plain.queries
    assert warm.joins("library_author")


def test_a_queryset_that_is_sliced_before_auto_is_as_good(database: str) -> None:
    _, _, warm = plain_cold_warm(lambda: [(str(b.author), len(b.tags.all())) for b in auto(Book.objects.all()[2:7])])
    assert warm.queries == 2


# annotate -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("annotation", "is_joined"),
    [
        (lambda: Value("x"), True),
        (lambda: Upper("title"), True),
        (lambda: F("author__name"), True),
        (lambda: Exists(Contribution.objects.filter(book=OuterRef("pk"))), True),
        (lambda: Count("copies"), False),
        (lambda: Count("copies", distinct=True), False),
    ],
    ids=["value", "function", "column of a relation", "exists", "count", "distinct count"],
)
def test_an_annotation_stays(annotation: Any, is_joined: bool, database: str) -> None:
    """Each row carries it, warm as plain; one that aggregates keeps joins away."""
    plain, _, warm = plain_cold_warm(
        lambda: [(b.extra, str(b.author), str(b.publisher)) for b in auto(Book.objects.annotate(extra=annotation()))]
    )
    assert warm.queries < plain.queries
    assert warm.joins("library_publisher") == is_joined


def test_an_annotation_with_the_name_of_what_is_ordered_by_is_not_taken_for_a_column(database: str) -> None:
    """`alias(id2=...)`, and an annotation that hides a unique column of another model."""
    plain_cold_warm(
        lambda: sorted((b.name, b.street.name) for b in auto(Branch.objects.annotate(rank=Value(1)).order_by("rank")))
    )
    assert plan_of()["street"][0] == "prefetched"


def test_rows_that_a_join_multiplies_stay_multiplied(database: str) -> None:
    """A filter over a to-many relation without `distinct()` returns a book more than once."""
    plain, _, warm = plain_cold_warm(
        lambda: [(b.title, str(b.author)) for b in auto(Book.objects.filter(copies__gt=0).order_by("pk"))]
    )
    assert len(plain.value) > len(set(plain.value))
    assert warm.queries < plain.queries


def test_filtered_relations_and_aliases_stay(database: str) -> None:
    """Joins that the caller's conditions need are not mistaken for joins that load."""
    from django.db.models import FilteredRelation, Q

    def view() -> Any:
        books = Book.objects.annotate(late=FilteredRelation("copies", condition=Q(copies__pk__gt=0)))
        books = books.filter(late__isnull=False, author__name__lt="E").order_by("pk", "late__pk")
        return [(b.title, str(b.author), str(b.publisher)) for b in auto(books)]

    plain_cold_warm(view)


# using, other querysets ---------------------------------------------------------------------------------------------


def test_using_of_the_caller_stays(database: str) -> None:
    """All that is loaded ahead comes from the database that the caller named."""
    _, _, warm = plain_cold_warm(
        lambda: [(str(b.author), len(b.tags.all()), b._state.db) for b in auto(Book.objects.using(database))]
    )
    assert warm.queries == 2
    assert {db for _, _, db in warm.value} == {database}


def test_the_callers_queryset_is_not_changed(database: str) -> None:
    """The object that was given to `auto()` stays plain, and so does what is made from it."""
    books = Book.objects.filter(pages__gt=100)
    for _ in range(3):
        assert [str(book.author) for book in auto(books)]
    assert books.query.select_related is False
    assert books._prefetch_related_lookups == ()
    assert books._result_cache is None
    assert "JOIN" not in str(books.query)


def test_the_query_of_an_automatic_queryset_shows_no_joins_of_ours(database: str) -> None:
    """A queryset that is chained from an evaluated one, counted, or used in a subquery is what the caller wrote."""

    def view() -> Any:
        books = auto(Book.objects.all())
        names = [str(b.author) for b in books]
        return [
            names,
            books.query.select_related,
            str(books.query),
            books.count(),
            Copy.objects.filter(book__in=books).count(),
        ]

    plain, _, warm = plain_cold_warm(view)
    assert warm.queries == plain.queries - 16


def test_multi_table_children_keep_their_columns(database: str) -> None:
    """`only()` on a child's column and a relation of the parent."""
    plain, _, warm = plain_cold_warm(
        lambda: [(f.minutes, str(f.publisher)) for f in auto(Film.objects.order_by("pk").only("minutes", "publisher"))]
    )
    assert warm.queries <= plain.queries


def test_a_custom_manager_and_its_methods_stay(database: str) -> None:
    """`BookQuerySet.long()`, before and after `auto()`."""
    _, _, warm = plain_cold_warm(
        lambda: [
            [str(b.author) for b in auto(Book.objects.long())],
            [str(b.author) for b in auto(Book.objects).long().tagged("old")],
        ]
    )
    assert warm.queries == 2


# Fetch modes (Django 6.1) -------------------------------------------------------------------------------------------


@has_fetch_modes
def test_fetch_peers_of_the_caller_stays(database: str) -> None:
    """Peers are fetched as the caller asked for; what is joined has nothing left to fetch."""
    from django.db.models import FETCH_PEERS

    def view() -> Any:
        return [(str(b.author), str(b.publisher)) for b in auto(Book.objects.fetch_mode(FETCH_PEERS))]

    plain, _, warm = plain_cold_warm(view)
    assert plain.queries == 3
    assert warm.queries <= plain.queries


@has_fetch_modes
def test_fetch_peers_is_still_the_mode_of_the_rows(database: str) -> None:
    """The rows carry the caller's mode, warm as cold."""
    from django.db.models import FETCH_PEERS

    def view() -> Any:
        books = list(auto(Book.objects.fetch_mode(FETCH_PEERS)))
        return [(b._state.fetch_mode is FETCH_PEERS, str(b.author), str(b.author.archive)) for b in books]

    plain, _, warm = plain_cold_warm(view)
    assert {mode for mode, _, _ in warm.value} == {True}
    assert warm.queries <= plain.queries


@has_fetch_modes
def test_fetch_peers_of_a_prefetched_set_stays(database: str) -> None:
    """The rows of the caller's `Prefetch` fetch for their peers, also where we follow what they load."""
    from django.db.models import FETCH_PEERS

    def view() -> Any:
        books = Prefetch("books", Book.objects.fetch_mode(FETCH_PEERS))
        return [[str(b.publisher) for b in a.books.all()] for a in auto(Author.objects.prefetch_related(books))]

    plain, _, warm = plain_cold_warm(view)
    assert plain.queries == 3
    assert warm.queries <= plain.queries


@has_fetch_modes
def test_fetch_peers_of_a_single_row_stays(database: str) -> None:
    """A mode that is set for one row is the mode of what it leads to."""
    from django.db.models import FETCH_PEERS

    def view() -> Any:
        author = auto(Author.objects.fetch_mode(FETCH_PEERS)).get(name="Ada")
        return [str(b.publisher) for b in author.books.all()]

    plain, *others = runs(view, 4)
    assert [run.outcome for run in others] == [plain.outcome] * 4
    assert max(run.queries for run in others) <= plain.queries


@has_fetch_modes
def test_fetch_raise_of_the_caller_raises(database: str) -> None:
    """What the caller forbids stays forbidden, on the first run and on all others."""
    from django.core.exceptions import FieldFetchBlocked
    from django.db.models import FETCH_RAISE

    def view() -> Any:
        return [raised(lambda b=book: str(b.author)) for book in auto(Book.objects.fetch_mode(FETCH_RAISE))]

    plain, cold, warm = plain_cold_warm(view)
    assert plain.value[0][0] == FieldFetchBlocked.__qualname__
    assert plain.queries == cold.queries == warm.queries == 1


@has_fetch_modes
def test_fetch_raise_with_the_callers_own_prefetch_works(database: str) -> None:
    """What the caller loads may be used."""
    from django.db.models import FETCH_RAISE

    def view() -> Any:
        books = auto(Book.objects.fetch_mode(FETCH_RAISE).select_related("author").prefetch_related("tags"))
        return [(str(b.author), len(b.tags.all()), len(b.copies.all())) for b in books]

    plain, _, warm = plain_cold_warm(view)
    assert warm.queries <= plain.queries


@has_fetch_modes
def test_fetch_one_of_the_caller_is_the_default(database: str) -> None:
    """To ask for the default is to ask for nothing."""
    from django.db.models import FETCH_ONE

    _, _, warm = plain_cold_warm(lambda: [str(b.author) for b in auto(Book.objects.fetch_mode(FETCH_ONE))])
    assert warm.queries <= 17


def test_rows_of_one_reader(database: str) -> None:
    """A related manager may be given to `auto()`, and what it filters stays."""

    def view() -> Any:
        reader = Reader.objects.get(name="Ines")
        return [(str(b.author), len(b.tags.all())) for b in auto(reader.wishes)]

    plain, _, warm = plain_cold_warm(view)
    assert warm.queries == 3 < plain.queries
