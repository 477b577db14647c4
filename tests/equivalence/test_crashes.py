"""B. Crashes when eager loading is added to a working queryset: each test is named after its id in the list."""

from itertools import chain
from typing import Any

import pytest
from django.db import connections, models, transaction
from django.db.models import Count, Prefetch, prefetch_related_objects

import autoprefetch
from autoprefetch import auto
from autoprefetch.advise.suggestions import Suggestion
from tests.equivalence.comparing import plain_cold_warm, plan_of, runs
from tests.library.models import Author, Book, Branch, Comment, Copy, Publisher, Shelf, Tag

pytestmark = pytest.mark.usefixtures("library")


@pytest.mark.parametrize("after", [True, False])
def test_b1_values_take_no_join(after: bool, database: str) -> None:
    """`values()` before or after `auto()`, at a call site that has learned joins."""

    def view() -> Any:
        books = auto(Book.objects.all())
        names = [str(book.author) for book in books]
        rows = books.values("title", "author__name") if after else auto(Book.objects.values("title", "author__name"))
        return names, list(rows), list(books.values_list("author", flat=True)), books.values("pages").distinct().count()

    plain_cold_warm(view)


def test_b2_a_union_takes_nothing(database: str) -> None:
    """Neither join nor prefetch, which Django refuses: each relation is one query at its first touch."""

    def view() -> Any:
        books = auto(Book.objects.filter(pages__lt=200).order_by())
        return sorted(
            (str(b.author), len(b.tags.all())) for b in books.union(Book.objects.filter(pages__gt=400).order_by())
        )

    plain, cold, warm = plain_cold_warm(view)
    assert cold.queries == warm.queries == 3 < plain.queries
    assert not any("JOIN" in sql and "library_author" in sql for sql in warm.log.statements)


@pytest.mark.parametrize("narrowed", [lambda r: r.only("title"), lambda r: r.defer("author"), lambda r: r.only("pk")])
def test_b3_a_deferred_foreign_key_is_not_joined(narrowed: Any, database: str) -> None:
    """Django raises `FieldError` for a relation that is both deferred and joined."""
    plain, _, warm = plain_cold_warm(
        lambda: [(str(b.author), str(b.publisher)) for b in auto(narrowed(Book.objects.all()))]
    )
    assert warm.queries <= plain.queries


def test_b3_a_foreign_key_that_is_deferred_after_the_plan_was_made_is_not_joined(database: str) -> None:
    """One call site, several forms of the queryset."""
    forms = [lambda rows: rows, lambda rows: rows.only("title"), lambda rows: rows.defer("author"), lambda rows: rows]
    plain_cold_warm(lambda: [[str(book.author) for book in form(auto(Book.objects.all()))] for form in forms])


def test_b3_a_set_of_which_the_caller_wants_some_columns_takes_no_join(database: str) -> None:
    """`only()` on a prefetched set that was loaded with joins."""
    plain_cold_warm(
        lambda: [
            ([str(b.author) for b in p.books.all()], [b.title for b in p.books.all().only("title")])
            for p in auto(Publisher.objects.order_by("pk"))
        ]
    )


def test_b4_no_lazy_loads_are_made_by_a_prefetch(database: str) -> None:
    """A prefetch over a deferred key would load the key row by row."""
    plain, _, warm = plain_cold_warm(lambda: [str(c.shelf) for c in auto(Copy.objects.order_by("pk").only("book"))])
    assert warm.queries <= plain.queries

    def set_by_another_key() -> Any:
        authors = auto(Author.objects.only("name"))
        return [len(a.books.all()) for a in authors]

    assert plain_cold_warm(set_by_another_key)[2].queries == 2


def test_b4_a_set_whose_query_leaves_out_its_key_stays_lazy(database: str) -> None:
    """The caller's `Prefetch` with an `only()` that leaves out what lies below."""

    def view() -> Any:
        books = Prefetch("books", Book.objects.only("title", "author"))
        return [[str(b.publisher) for b in a.books.all()] for a in auto(Author.objects.prefetch_related(books))]

    plain, _, warm = plain_cold_warm(view)
    assert warm.queries <= plain.queries


def test_b5_iterator_without_a_chunk_size_takes_no_prefetch(database: str) -> None:
    """Also where the call site has learned one; the first touch is batched. With a chunk size it is taken."""
    for size in (None, 5):
        autoprefetch.reset()
        _, _, warm = plain_cold_warm(
            lambda size=size: [len(b.tags.all()) for b in auto(Book.objects.all()).iterator(size)]
        )
        assert warm.queries == (2 if size is None else 1 + 4)


@pytest.mark.parametrize(
    "lookups",
    [
        lambda: [Prefetch("books", Book.objects.filter(pages__gt=200))],
        lambda: [Prefetch("books", Book.objects.filter(pages__gt=200)), "books__tags"],
        lambda: ["books__tags", "friends"],
        lambda: [Prefetch("books__tags", Tag.objects.order_by("name"))],
        lambda: [Prefetch("books", Book.objects.all(), to_attr="written"), "written__tags"],
    ],
    ids=["queryset", "queryset and below", "names", "queryset below", "to_attr and below"],
)
def test_b6_a_lookup_of_the_caller_is_never_given_twice(lookups: Any, database: str) -> None:
    """Django raises `ValueError` for one lookup with two querysets."""

    def view() -> Any:
        authors = auto(Author.objects.prefetch_related(*lookups()))
        return [
            [
                (str(b.publisher), sorted(map(str, b.tags.all())), [c.pk for c in by_key(b.copies.all())])
                for b in a.books.all()
            ]
            for a in authors
        ]

    plain, _, warm = plain_cold_warm(view)
    assert warm.queries < plain.queries


def test_b7_a_profile_that_outlives_the_schema_is_no_error(database: str) -> None:
    """Paths of relations that are gone are dropped, and the others are kept."""
    from autoprefetch.evaluation import engine
    from autoprefetch.learn.histories import History
    from autoprefetch.learn.profiles import Profile, Usage

    def view() -> Any:
        return [str(book.author) for book in auto(Book.objects.all(), name="the books")]

    plain, *_ = plain_cold_warm(view)
    ((standing, _),) = engine.known()
    usage = Usage(evaluations=1, offered=16, loads=16, rows=16)
    gone = {("gone",): usage, ("author", "gone"): usage, ("author", "gone", "away"): usage, ("tags[x.Y]",): usage}
    engine.store.merge(standing.site.key, History.of(Profile(usages=gone), 0))
    runs_after = [view() for _ in range(2)]
    assert runs_after == [plain.value] * 2
    assert plan_of()["author"][0] == "joined"


def test_b8_select_for_update_takes_no_join(database: str) -> None:
    """PostgreSQL cannot lock the nullable side of an outer join."""

    def view() -> Any:
        with transaction.atomic(using=database):
            locked = [str(b.publisher) for b in auto(Book.objects.select_for_update().order_by("pk"))]
            one = auto(Book.objects.select_for_update()).get(title="Book 01")
            return locked, str(one.publisher), str(one.imprint)

    _, _, warm = plain_cold_warm(view)
    assert not any("JOIN" in sql and "FOR UPDATE" in sql for sql in warm.log.statements)


def test_b8_update_or_create_takes_no_join(database: str) -> None:
    """It locks the row that it gets."""

    def view() -> Any:
        books = auto(Book.objects.all())
        found = []
        for pages in (1, 2, 3):
            book, created = books.update_or_create(title="Book 01", defaults={"pages": pages})
            found.append((book.pages, created, str(book.publisher), str(book.imprint)))
        book, created = books.get_or_create(title="Book 02")
        return found, created, str(book.publisher)

    plain_cold_warm(view)


def test_b9_distinct_and_aggregations_take_no_join(database: str) -> None:
    """They would compare and group by the joined columns, some of which have no equality on PostgreSQL."""

    def view() -> Any:
        distinct = auto(Book.objects.filter(tags__name__gt="a").distinct())
        counted = auto(Book.objects.annotate(n=Count("copies")).filter(n__gt=0).order_by("pk"))
        return [str(b.author) for b in distinct], [(b.n, str(b.author)) for b in counted]

    _, _, warm = plain_cold_warm(view)
    assert not warm.joins("library_author")
    assert warm.queries == 4


@pytest.mark.parametrize("vendor", ["postgresql"])
def test_b9_a_column_without_equality_is_no_error(vendor: str, database: str) -> None:
    """A `json` column (not `jsonb`) in a joined table would make DISTINCT fail."""
    if connections[database].vendor != vendor:
        pytest.skip(f"{vendor} only")
    with connections[database].cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute("ALTER TABLE library_author ALTER COLUMN name TYPE json USING to_json(name)")
    plain, _, warm = plain_cold_warm(
        lambda: [(b.title, b.author_id, b.author.pk) for b in auto(Book.objects.filter(pages__gt=1).distinct())]
    )
    assert plain.error is None
    assert warm.queries < plain.queries


@pytest.mark.parametrize("most", [2000, 7])
def test_b10_a_list_of_keys_has_an_end(most: int, database: str) -> None:
    """Databases limit the parameters of a statement, and plan long lists slowly: the keys come in parts."""
    count = 2 * most + 3
    tags = Tag.objects.bulk_create(Tag(name=f"tag {number}") for number in range(count))
    Book.objects.first().tags.add(*tags[:: count // 3])

    def view() -> Any:
        found = list(auto(Tag.objects.filter(name__startswith="tag ").order_by("pk")))
        return [[book.title for book in tag.books.all()] for tag in found[:1] + found[-1:]], [
            tag.books.count() for tag in found[:: most // 3]
        ]

    _, cold, warm = plain_cold_warm(view, MAX_BATCH=most)
    for run in (cold, warm):
        assert max(map(parameters, run.log.statements)) <= most + 2
    assert max(map(parameters, warm.log.statements)) >= most


def parameters(statement: str) -> int:
    """Return how many parameters a statement of the log has."""
    return statement.rpartition(" <- ")[2].count(",") + 1


def test_b11_a_raw_query_takes_prefetches_only(database: str) -> None:
    """`RawQuerySet` has no `select_related`."""

    def view() -> Any:
        books = auto(Book.objects.raw("SELECT * FROM library_book WHERE pages > %s ORDER BY id", [150]))
        return [(str(b.author), str(b.publisher), len(b.tags.all())) for b in books]

    plain, _, warm = plain_cold_warm(view)
    assert warm.queries == 4 < plain.queries


def test_b11_a_raw_query_that_leaves_out_columns_is_no_worse(database: str) -> None:
    """Its deferred columns are loaded as in plain Django."""

    def view() -> Any:
        return [
            (b.title, str(b.author)) for b in auto(Book.objects.raw("SELECT id, title FROM library_book ORDER BY id"))
        ]

    plain, _, warm = plain_cold_warm(view)
    assert warm.queries <= plain.queries


def test_b12_rows_of_unlike_classes_are_no_error(database: str) -> None:
    """Django's prefetch looks at the first instance only: subjects of comments, and rows that a manager downcasts."""

    def view() -> Any:
        found = []
        for comment in auto(Comment.objects.order_by("pk")):
            subject = comment.subject
            match subject:
                case Book():
                    found.append((subject.author.name, len(subject.tags.all())))
                case Author():
                    found.append((str(subject.mentor), len(subject.books.all())))
                case Branch():
                    found.append(subject.street.name)
        return found

    plain, _, warm = plain_cold_warm(view)
    assert warm.queries < plain.queries


def test_b12_a_queryset_that_gives_unlike_classes_is_no_error(database: str) -> None:
    """The root rows themselves are of several classes."""
    from tests.library.models import Screening
    from tests.test_vetoes import polymorphic_models

    Screening.objects.update(trailer=None)
    with polymorphic_models() as showing:
        base = showing._meta.get_field("trailer").related_model
        plain_cold_warm(lambda: [(type(r).__name__, len(r.showings.all())) for r in auto(base.objects.order_by("pk"))])


def test_b13_a_shared_prefetch_object_stays_as_it_was(database: str) -> None:
    """Django adds a prefix to it on each use below another lookup."""
    shared = Prefetch("tags", Tag.objects.order_by("name"))
    books = Prefetch("books", Book.objects.prefetch_related(shared))

    def view() -> Any:
        authors = auto(Author.objects.prefetch_related(books))
        return [[(sorted(map(str, b.tags.all())), str(b.publisher)) for b in a.books.all()] for a in authors]

    plain_cold_warm(view)
    runs(view, 5)
    assert (shared.prefetch_through, shared.prefetch_to) == ("tags", "tags")


def test_b14_the_advice_never_slices_without_to_attr(database: str) -> None:
    """The five latest are not advised as a plain `Prefetch`, and no attribute is overwritten."""

    def view() -> Any:
        return [
            (str(a.archive), [b.title for b in a.books.order_by("-published")[:2]]) for a in auto(Author.objects.all())
        ]

    plain_cold_warm(view)
    for suggestion in autoprefetch.suggestions():
        assert isinstance(suggestion, Suggestion)
        assert "[:" not in suggestion.code or "to_attr" in suggestion.code
        assert "select_related" in suggestion.code


def test_b14_to_attr_of_the_caller_with_the_name_of_a_relation_is_no_error(database: str) -> None:
    """Django refuses it, and so do we, with the same words."""

    def view() -> Any:
        books = Prefetch("books", Book.objects.all(), to_attr="friends")
        return [len(a.friends) for a in auto(Author.objects.prefetch_related(books))]

    plain, *_ = plain_cold_warm(view)
    assert plain.error is not None


def test_a_manager_that_hides_rows_is_no_error_in_a_set(database: str) -> None:
    """`branch.shelves.all()` hides what the default manager hides."""
    Shelf.with_scrapped.update(scrapped=models.Case(models.When(name="Cellar", then=True), default=False))
    plain, _, warm = plain_cold_warm(
        lambda: [sorted(map(str, b.shelves.all())) for b in auto(Branch.objects.order_by("pk"))]
    )
    assert "Cellar" not in list(chain.from_iterable(plain.value))
    assert warm.queries == 2


def test_prefetching_by_hand_what_is_prefetched_already_is_no_error(database: str) -> None:
    """With a queryset of the caller's own, after ours."""

    def view() -> Any:
        authors = list(auto(Author.objects.all()))
        first = [[str(b.publisher) for b in a.books.all()] for a in authors]
        prefetch_related_objects(authors, Prefetch("books", Book.objects.filter(pages__gt=300), to_attr="long"))
        return first, [len(a.long) for a in authors]

    plain_cold_warm(view)


def by_key(rows: Any) -> list[Any]:
    return sorted(rows, key=lambda row: row.pk)
