"""C. Cost: each test is named after its id in the list of known traps."""

import gc
import time
import weakref
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from django.db import connection
from django.db.models import Max, Model, Sum
from django.db.models.signals import post_init

import autoprefetch
from autoprefetch import auto
from tests.databases import count_queries
from tests.equivalence.comparing import plain_cold_warm, runs
from tests.library.models import Archive, Author, Book, Branch, Category, Contribution, Publisher, Reader

pytestmark = pytest.mark.usefixtures("library")


def test_c1_what_is_no_longer_needed_costs_one_query_at_the_most(database: str) -> None:
    """A loop that reads one row of what it read in full before."""
    wanted = iter([None, None, None, 0])  # plain, cold, warm, and then nothing

    def view() -> Any:
        return [len(book.tags.all()) for book in list(auto(Book.objects.all()))[: next(wanted)]]

    *_, last = runs(view, 3)
    assert last.value == []
    assert last.queries <= 2


def test_c1_a_loop_that_stops_early_has_not_read_everything(database: str) -> None:
    """A cold call site starts with a window, of a set as of a stream."""
    authors = Author.objects.bulk_create(Author(name=f"many {number}") for number in range(400))
    Book.objects.bulk_create(
        Book(title="many", pages=number, published="2020-01-01", author=author) for number, author in enumerate(authors)
    )

    def stopped(rows: Any) -> Any:
        found = []
        for author in rows:
            found.append([book.pages for book in author.books.all()])
            if len(found) == 3:
                return found
        return found

    for rows in (lambda many: many, lambda many: many.iterator()):
        autoprefetch.reset()
        with counting_instances(Book) as made, count_queries() as log:
            found = stopped(rows(auto(Author.objects.filter(name__startswith="many").order_by("pk"))))
        assert found == [[0], [1], [2]]
        assert len(log) == 2
        assert made["library.Book"] <= 100


def test_c1_a_batch_is_never_larger_than_the_cap(database: str) -> None:
    """Whoever reads two of many rows loads no more than MAX_BATCH of them."""
    Author.objects.bulk_create(Author(name=f"many {number}") for number in range(300))

    def view() -> Any:
        authors = list(auto(Author.objects.filter(name__startswith="many").order_by("-pk")))
        return [[len(a.books.all()) for a in authors[:2]], [a.books.order_by("pk").first() for a in authors[:2]]]

    with autoprefetch.override(MAX_BATCH=20, AHEAD=False):
        for _ in range(3):
            with count_queries() as log:
                assert view() == [[0, 0], [None, None]]
            assert max(statement.rpartition(" <- ")[2].count(",") for statement in log.statements) <= 20 * 2
            assert len(log) == 3


def test_c2_no_wide_row_is_made_more_often_than_in_plain_django(database: str) -> None:
    """A join repeats the related row in each row, and a batch loads it once: never more than lazy loads would make."""

    def view() -> Any:
        return [
            (a.archive and a.archive.column_01, a.mentor and a.mentor.name) for a in auto(Author.objects.order_by("pk"))
        ]

    made = []
    for mode in ("off", "auto", "auto", "auto"):
        with autoprefetch.override(MODE=mode), counting_instances(Archive, Author) as found:
            view()
        made.append(found)
    plain, cold, *warm = made
    assert plain == {"library.Archive": 5, "library.Author": 8 + 4}
    assert cold == {"library.Archive": 2, "library.Author": 8 + 2}
    for run in warm:
        assert run["library.Archive"] <= plain["library.Archive"]
        assert run["library.Author"] <= plain["library.Author"]


def test_c2_a_set_is_never_joined(database: str) -> None:
    """That would repeat the parent, wide as it may be, in each row of the set."""

    def view() -> Any:
        archives = auto(Archive.objects.order_by("pk"))
        return [(ar.column_01, [[b.title for b in a.books.all()] for a in ar.authors.all()]) for ar in archives]

    plain, cold, warm = plain_cold_warm(view)
    assert cold.queries == warm.queries == 3 < plain.queries
    for run in (cold, warm):
        assert sum("column_01" in statement for statement in run.log.statements) == 1
        assert not any("JOIN" in statement for statement in run.log.statements)


def test_c3_several_counts_are_not_multiplied(database: str) -> None:
    """One grouped query for each relation; counted over two joins at once, each would count for the other."""

    def view() -> Any:
        return [
            (a.books.count(), a.films.count(), a.friends.count(), a.comments.count(), a.contributions.count())
            for a in auto(Author.objects.all())
        ]

    plain, cold, warm = plain_cold_warm(view)
    assert plain.value[0] == (3, 2, 2, 2, Contribution.objects.filter(author__name="Ada").count())
    assert cold.queries == warm.queries == 1 + 5
    for run in (cold, warm):
        grouped = [statement for statement in run.log.statements if "GROUP BY" in statement]
        assert len(grouped) == 5
        assert all(statement.count("JOIN") <= 1 for statement in grouped)


def test_c3_sums_and_counts_of_one_relation_are_not_multiplied(database: str) -> None:
    """`aggregate()` with two functions, beside a count over another relation."""

    def view() -> Any:
        return [
            (a.books.aggregate(total=Sum("pages"), most=Max("pages")), a.books.filter(tags__name="new").count())
            for a in auto(Author.objects.all())
        ]

    plain, cold, warm = plain_cold_warm(view)
    assert cold.queries == warm.queries == 3 < plain.queries


def test_c4_a_single_row_takes_no_more_queries(database: str) -> None:
    """One lazy load is one query, whether it is made ahead or not."""
    for view in (
        lambda: str(auto(Book).get(title="Book 01").author),
        lambda: len(auto(Book).get(title="Book 01").tags.all()),
        lambda: str(auto(Book.objects.all()).first().author),
        lambda: [str(tag) for tag in auto(Book.objects.filter(title="Book 01"))[0].tags.all()],
    ):
        plain, _, warm = plain_cold_warm(view)
        assert warm.queries <= plain.queries


def test_c4_a_single_row_of_which_nothing_is_read_takes_one_query(database: str) -> None:
    plain, cold, warm = plain_cold_warm(lambda: auto(Book).get(title="Book 01").title)
    assert plain.queries == cold.queries == warm.queries == 1


def test_c5_one_live_row_keeps_no_other_alive(database: str) -> None:
    """The rest of the result can go as soon as the caller lets go of it."""

    def view() -> Any:
        books = list(auto(Book.objects.all()))
        names = [(str(book.author), len(book.tags.all())) for book in books]
        return books[0], [weakref.ref(book) for book in books[1:]], names

    for _ in range(3):
        kept, others, _names = view()
        gc.collect()
        assert [other() for other in others] == [None] * 15
        assert kept.author.name


def test_c6_a_batch_that_cannot_stand_in_for_the_lazy_loads_gives_way_to_them(database: str) -> None:
    """Where parameters differ from parent to parent, a batch serves one peer only: after three, none is tried."""
    tried: list[int] = []

    def view() -> Any:
        return [
            [book.title for book in author.books.filter(pages__gt=number).order_by("pk")[:2]]
            for number, author in enumerate(auto(Author.objects.order_by("pk")))
        ]

    plain, *automatic = runs(view, 4)
    for run in automatic:
        assert run.outcome == plain.outcome
        assert run.queries <= plain.queries
        tried.append(sum("UNION ALL" in sql or "LATERAL" in sql for sql in run.log.statements))
    assert max(tried) <= 3


@contextmanager
def slow_batches() -> Iterator[None]:
    """Let SQLite take a third of a second for each statement that asks for the books of several authors."""

    def slowly(sql: str) -> None:
        if 'FROM "library_book"' in sql and (" IN (" in sql or "UNION ALL" in sql):
            time.sleep(0.33)

    driver = connection.connection
    driver.set_trace_callback(slowly)
    try:
        yield
    finally:
        driver.set_trace_callback(None)


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
@pytest.mark.parametrize("shape", ["all()", "order_by('-pages')[:2]", "count()"])
def test_c6_a_batch_that_is_slower_than_lazy_loads_is_given_up_by_itself(
    database: str, shape: str, caplog: pytest.LogCaptureFixture
) -> None:
    """It is too slow three times, loses against a lazy load three times, and one warning gives both figures."""

    def view() -> Any:
        authors = auto(Author.objects.order_by("pk"))
        found = [eval(f"author.books.{shape}", {"author": author}) for author in authors]
        return [rows if isinstance(rows, int) else [book.title for book in rows] for rows in found]

    with slow_batches():
        plain, *automatic = runs(view, 8)
    assert [run.outcome for run in automatic] == [plain.outcome] * 8
    assert max(run.queries for run in automatic) <= plain.queries
    assert [run.queries < plain.queries for run in automatic] == [True] * 6 + [False] * 2
    warnings = [record for record in caplog.records if record.levelname == "WARNING"]
    [warning] = warnings
    assert warning.batch >= 0.3
    assert 0 < warning.alone < warning.batch
    assert warning.instances == Author.objects.count()
    assert "view (" in warning.getMessage()
    assert f"{warning.batch * 1000:.0f} ms" in warning.getMessage()


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_c6_a_batch_that_was_slow_for_a_while_stays(database: str, caplog: pytest.LogCaptureFixture) -> None:
    """A busy moment is no missing index."""

    def view() -> Any:
        return [author.books.count() for author in auto(Author.objects.order_by("pk"))]

    with slow_batches():
        runs(view, 3)
    _, *automatic = runs(view, 3)
    assert [run.queries for run in automatic] == [3, 2, 2]  # one is compared
    assert [record for record in caplog.records if record.levelname == "WARNING"] == []


def test_c7_nested_sets_are_not_loaded_in_fragments(database: str) -> None:
    """Sets of sets of sets: a query for each level, not for each parent."""
    plain, cold, warm = plain_cold_warm(
        lambda: [
            [
                [str(loan.due) for loan in sorted(c.loans.all(), key=lambda x: x.pk)]
                for b in p.books.all()
                for c in ordered(b)
            ]
            for p in auto(Publisher.objects.order_by("pk"))
        ]
    )
    assert cold.queries == warm.queries == 4 < plain.queries


def test_c8_deleting_rows_loads_nothing_ahead(database: str) -> None:
    """`delete()` of rows and of querysets takes the queries that it takes."""

    def view() -> Any:
        for book in auto(Book.objects.filter(pages__gt=300)):
            book.delete()
        return auto(Book.objects.filter(pages__lt=200)).delete()

    plain, cold, warm = plain_cold_warm(view)
    assert warm.queries <= plain.queries
    assert cold.queries <= plain.queries


def test_c9_relations_that_lead_back_end(database: str) -> None:
    """Back and forth between a row and its set, and up and down a tree, without end and without recursion."""

    def view() -> Any:
        back = [[b.author.books.all()[0].author.name for b in a.books.all()] for a in auto(Author.objects.all())]
        tree = [[str(child.parent) for child in c.children.all()] for c in auto(Category.objects.order_by("pk"))]
        friends = [[len(f.friends.all()) for f in a.friends.all()] for a in auto(Author.objects.all())]
        return back, tree, friends

    plain, _, warm = plain_cold_warm(view)
    assert warm.queries < plain.queries


def test_c9_profiles_of_a_tree_stay_as_deep_as_the_tree(database: str) -> None:
    """A chain that is climbed to its root is not joined beyond it, run for run."""
    counts = [
        run.log.statements[0].count("JOIN")
        for run in runs(lambda: [str(c) for c in auto(Category.objects.order_by("pk"))], 6)
    ]
    assert counts[2] == counts[-1] <= 3


def test_no_path_costs_more_than_it_saves(database: str) -> None:
    """One row in many that is asked for something is not worth much, and takes no more queries than plain."""
    plain, _, warm = plain_cold_warm(
        lambda: [str(b.street) if n == 0 else b.name for n, b in enumerate(auto(Branch.objects.order_by("pk")))]
    )
    assert warm.queries <= plain.queries
    plain, _, warm = plain_cold_warm(
        lambda: [len(r.wishes.all()) if n == 0 else 0 for n, r in enumerate(auto(Reader.objects.order_by("pk")))]
    )
    assert warm.queries <= plain.queries


def ordered(book: Book) -> list[Any]:
    return sorted(book.copies.all(), key=lambda copy: copy.pk)


@contextmanager
def counting_instances(*models: type[Model]) -> Iterator[dict[str, int]]:
    """Count the instances of models that are made inside the block."""
    made: Counter[str] = Counter()

    def note(sender: type[Model], **kwargs: Any) -> None:
        made[sender._meta.label] += 1

    for model in models:
        post_init.connect(note, sender=model)
    try:
        yield made
    finally:
        for model in models:
            post_init.disconnect(note, sender=model)
