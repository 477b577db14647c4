"""The first request of a call site: the first lazy load of a relation is answered for all peers."""

from collections.abc import Callable
from typing import Any

import pytest

from autoprefetch import auto
from tests.databases import count_queries
from tests.equivalence.comparing import raised, runs
from tests.library.data import day
from tests.library.models import (
    Author,
    Book,
    Comment,
    Copy,
    Imprint,
    Loan,
    Membership,
    Portrait,
    Profile,
    Pseudonym,
    Publisher,
    Reader,
    Review,
    Screening,
    Series,
    Supplier,
    Tag,
)

TO_ONE: dict[str, Callable[[], Any]] = {
    "foreign key": lambda: [book.author.name for book in auto(Book.objects.all())],
    "nullable foreign key": lambda: [book.publisher and book.publisher.name for book in auto(Book.objects.all())],
    "foreign key to another field": lambda: [b.imprint and b.imprint.name for b in auto(Book.objects.all())],
    "hidden foreign key": lambda: [b.translator and b.translator.name for b in auto(Book.objects.all())],
    "foreign key to self": lambda: [a.mentor and a.mentor.name for a in auto(Author.objects.all())],
    "foreign key to a proxy": lambda: [type(r.classic).__name__ for r in auto(Review.objects.order_by("pk"))],
    "foreign key to an inheriting child": lambda: [s.film.minutes for s in auto(Screening.objects.order_by("pk"))],
    "foreign key in a composite key": lambda: [m.reader.name for m in auto(Membership.objects.order_by("pk"))],
    "soft-deleted target": lambda: [c.shelf and c.shelf.name for c in auto(Copy.objects.order_by("pk"))],
    "target without constraint": lambda: [c.supplier.name for c in auto(Copy.objects.order_by("pk"))],
    "one-to-one": lambda: [profile.author.name for profile in auto(Profile.objects.order_by("pk"))],
    "reverse one-to-one": lambda: [raised(lambda a=a: a.profile.biography) for a in auto(Author.objects.all())],
    "has a reverse one-to-one": lambda: [hasattr(author, "profile") for author in auto(Author.objects.all())],
    "nullable one-to-one": lambda: [p.author and p.author.name for p in auto(Pseudonym.objects.order_by("pk"))],
    "reverse nullable one-to-one": lambda: [raised(lambda a=a: a.pseudonym.name) for a in auto(Author.objects.all())],
    "primary one-to-one": lambda: [p.author.name for p in auto(Portrait.objects.order_by("pk"))],
    "reverse primary one-to-one": lambda: [raised(lambda a=a: a.portrait.painter) for a in auto(Author.objects.all())],
    "deferred column": lambda: [book.summary for book in auto(Book.objects.defer("summary"))],
    "deferred foreign key": lambda: [book.author_id for book in auto(Book.objects.only("title"))],
}
TO_MANY: dict[str, Callable[[], Any]] = {
    "reverse foreign key": lambda: [[b.title for b in a.books.all()] for a in auto(Author.objects.all())],
    "reverse, to another field": lambda: [[b.title for b in i.books.all()] for i in auto(Imprint.objects.all())],
    "many-to-many": lambda: [sorted(t.name for t in b.tags.all()) for b in auto(Book.objects.all())],
    "many-to-many from behind": lambda: [[b.title for b in t.books.all()] for t in auto(Tag.objects.order_by("pk"))],
    "without a name": lambda: [sorted(s.name for s in b.series_set.all()) for b in auto(Book.objects.all())],
    "generic relation": lambda: [sorted(c.text for c in b.comments.all()) for b in auto(Book.objects.all())],
    "manager with a join": lambda: [[x.due for x in r.loans.all()] for r in auto(Reader.objects.order_by("pk"))],
}


@pytest.mark.usefixtures("library")
@pytest.mark.parametrize("kind", TO_ONE)
def test_a_to_one_relation_is_one_query_on_the_first_run(kind: str, database: str) -> None:
    """Each kind of to-one relation is loaded for all peers at its first touch, and says what plain Django says."""
    plain, cold, warm, _ = runs(TO_ONE[kind], 3)
    assert (cold.outcome, warm.outcome) == (plain.outcome, plain.outcome)
    assert cold.queries <= 2, cold.log
    assert warm.queries <= 2, warm.log


@pytest.mark.usefixtures("library")
@pytest.mark.parametrize("kind", TO_MANY)
def test_a_to_many_relation_is_one_query_on_the_first_run(kind: str, database: str) -> None:
    """`.all()` of each kind of to-many relation is loaded for all peers at its first touch."""
    plain, cold, warm, _ = runs(TO_MANY[kind], 3)
    assert (cold.outcome, warm.outcome) == (plain.outcome, plain.outcome)
    assert (cold.queries, warm.queries) == (2, 2), cold.log


@pytest.mark.usefixtures("library")
def test_a_deferred_column_that_is_null_is_one_query(database: str) -> None:
    """NULL is a value like any other."""
    plain, cold, _, _ = runs(lambda: [book.publisher_id for book in auto(Book.objects.only("title"))])
    assert cold.outcome == plain.outcome
    assert cold.queries == 2, cold.log


@pytest.mark.usefixtures("library")
def test_several_deferred_columns_take_a_query_each(database: str) -> None:
    def view() -> Any:
        return [(book.title, book.pages, book.summary) for book in auto(Book.objects.only("published"))]

    plain, cold, _, _ = runs(view)
    assert cold.outcome == plain.outcome
    assert cold.queries <= 4, cold.log


@pytest.mark.usefixtures("library")
def test_a_deferred_column_that_was_set_stays(database: str) -> None:
    """A column that the caller has set is not deferred any more, whatever is loaded for its peers."""

    def view() -> Any:
        books = list(auto(Book.objects.defer("summary")))
        books[3].summary = "mine"
        return [book.summary for book in books]

    plain, cold, warm, _ = runs(view)
    assert (cold.outcome, warm.outcome) == (plain.outcome, plain.outcome)


@pytest.mark.usefixtures("library")
def test_a_generic_foreign_key_takes_a_query_for_each_model(database: str) -> None:
    def view() -> Any:
        comments = auto(Comment.objects.order_by("pk"))
        return [(type(comment.subject).__name__, comment.subject.pk) for comment in comments]

    plain, cold, warm, _ = runs(view)
    assert (cold.outcome, warm.outcome) == (plain.outcome, plain.outcome)
    assert (cold.queries, warm.queries) == (4, 4), cold.log


@pytest.mark.usefixtures("library")
def test_a_dangling_key_raises_as_it_does_lazily(database: str) -> None:
    Copy.objects.filter(pk__in=list(Copy.objects.order_by("pk").values_list("pk", flat=True)[:2])).update(
        supplier_id=4711
    )

    def view() -> Any:
        return [raised(lambda c=copy: c.supplier.name) for copy in auto(Copy.objects.order_by("pk"))]

    plain, cold, warm, _ = runs(view)
    assert (cold.outcome, warm.outcome) == (plain.outcome, plain.outcome)
    assert cold.queries <= 4, cold.log


@pytest.mark.usefixtures("library")
def test_a_row_that_the_base_manager_hides_raises_as_it_does_lazily(database: str) -> None:
    copy = Copy.objects.filter(shelf__isnull=False).order_by("pk")[0]
    type(copy.shelf).with_scrapped.filter(pk=copy.shelf_id).update(scrapped=True)

    def view() -> Any:
        return [raised(lambda c=copy: c.shelf and c.shelf.name) for copy in auto(Copy.objects.order_by("pk"))]

    plain, cold, warm, _ = runs(view)
    assert (cold.outcome, warm.outcome) == (plain.outcome, plain.outcome)


# Peers across parents -----------------------------------------------------------------------------------------------


def grow(authors: int) -> None:
    """Make authors with two books each, two copies of each book, a loan of each copy, and keys at each level."""
    publishers = Publisher.objects.bulk_create([Publisher(name=f"P{number}") for number in range(7)])
    mentors = Author.objects.bulk_create([Author(name=f"mentor {number}") for number in range(5)])
    people = Author.objects.bulk_create([Author(name=f"A{n}", mentor=mentors[n % 5]) for n in range(authors)])
    books = Book.objects.bulk_create(
        Book(title=f"B{n}", pages=n % 90, published=day(n % 300), author=people[n // 2], publisher=publishers[n % 7])
        for n in range(2 * authors)
    )
    suppliers = Supplier.objects.bulk_create([Supplier(name=f"S{number}") for number in range(6)])
    copies = Copy.objects.bulk_create(Copy(book=books[n // 2], supplier=suppliers[n % 6]) for n in range(4 * authors))
    readers = Reader.objects.bulk_create([Reader(name=f"R{number}") for number in range(8)])
    Loan.objects.bulk_create(Loan(copy=copy, reader=readers[n % 8], due=day(n)) for n, copy in enumerate(copies))


def three_levels() -> Any:
    """Author, books and their publisher, copies and their supplier, loans and their reader."""
    return [
        (
            author.mentor.name,
            [
                (
                    book.publisher.name,
                    [(copy.supplier.name, [loan.reader.name for loan in copy.loans.all()]) for copy in copies_of(book)],
                )
                for book in author.books.all()
            ],
        )
        for author in auto(Author.objects.filter(mentor__isnull=False))
    ]


def copies_of(book: Any) -> Any:
    return book.copies.order_by("pk")


@pytest.mark.parametrize("authors", [10, 1_000])
def test_three_nested_levels_take_a_batch_each(authors: int, database: str) -> None:
    """Children reached through many parents are one peer group: cold at most two batches a level and key, warm one."""
    grow(authors)
    batches = {10: 3 + 4, 1_000: 3 + 4 + 3}[authors]  # 4,000 copies and loans are more than MAX_BATCH parents
    plain, cold, warm, again = runs(three_levels)
    assert cold.outcome == plain.outcome
    assert warm.outcome == plain.outcome
    assert again.outcome == plain.outcome
    assert cold.queries <= 1 + 2 * batches, cold.log
    assert warm.queries <= 1 + batches, warm.log
    assert again.queries <= 1 + batches, again.log


def sliced_levels() -> Any:
    return [
        [(book.publisher.name, [copy.supplier.name for copy in book.copies.order_by("-pk")[:1]]) for book in books]
        for books in (author.books.order_by("-pages", "pk")[:2] for author in auto(Author.objects.all()))
    ]


@pytest.mark.parametrize("authors", [10, 600])
def test_slices_below_slices_take_a_batch_each(authors: int, database: str) -> None:
    """Slices of 600 and of 1,200 parents need several statements of at most 500 arms."""
    grow(authors)
    plain, cold, warm, again = runs(sliced_levels)
    limits = {10: 2, 600: 2 + 3}[authors]
    assert cold.outcome == plain.outcome
    assert warm.outcome == plain.outcome
    assert cold.queries <= 1 + 2 * (limits + 2), cold.log
    assert warm.queries <= 1 + limits + 2, warm.log
    assert again.queries <= 1 + limits + 2, again.log


# Bounds -------------------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("library")
def test_a_single_row_is_never_batched(database: str) -> None:
    """One row has no peers: its loads are those of plain Django, statement by statement."""

    def view() -> Any:
        author = auto(Author.objects.all()).get(name="Ada")
        return [author.books.count(), [b.title for b in author.books.order_by("-pk")[:2]], author.books.exists()]

    plain, cold, _, _ = runs(view)
    assert cold.outcome == plain.outcome
    assert cold.log.statements == plain.log.statements


def crowd(size: int) -> None:
    authors = Author.objects.bulk_create([Author(name=f"A{number}") for number in range(size)])
    Book.objects.bulk_create(
        Book(title=f"B{number}", pages=number, published=day(1), author=author) for number, author in enumerate(authors)
    )


@pytest.mark.parametrize("touch", [lambda a: len(a.books.all()), lambda a: a.books.count(), lambda a: a.books.first()])
def test_a_loop_that_stops_after_three_has_loaded_for_a_hundred_parents(touch: Any, database: str) -> None:
    """The first to-many batch of a call site that is not known asks for at most 100 parents."""
    crowd(350)
    with count_queries() as log:
        for number, author in enumerate(auto(Author.objects.all())):
            touch(author)
            if number == 2:
                break
    assert len(log) == 2, log
    keys = log.statements[1].rpartition("<-")[2]
    assert keys.count(",") <= 203, log  # a hundred keys; a LIMIT beside each in the arms of a slice


@pytest.mark.parametrize("touch", [lambda a: len(a.books.all()), lambda a: a.books.count()])
def test_a_whole_loop_over_many_parents_takes_two_batches_cold_and_one_warm(touch: Any, database: str) -> None:
    crowd(350)
    plain, cold, warm, again = runs(lambda: [touch(author) for author in auto(Author.objects.all())])
    assert (cold.outcome, warm.outcome) == (plain.outcome, plain.outcome)
    assert (cold.queries, warm.queries, again.queries) == (3, 2, 2), cold.log


@pytest.mark.parametrize(
    "touch",
    [
        lambda b: b.author.name,
        lambda b: len(b.tags.all()),
        lambda b: b.tags.count(),
        lambda b: b.copies.order_by("pk").first(),
    ],
)
def test_no_batch_asks_for_more_parents_than_allowed(touch: Any, database: str) -> None:
    """MAX_BATCH bounds the keys of every statement; the next touch beyond it loads the next batch."""
    crowd(45)
    plain, cold, warm, _ = runs(lambda: [touch(book) for book in auto(Book.objects.all())], MAX_BATCH=20, AHEAD=False)
    assert cold.outcome == plain.outcome
    assert cold.queries <= 1 + 3, cold.log
    assert warm.outcome == plain.outcome
    for statement in [*cold.log.statements[1:], *warm.log.statements[1:]]:
        assert statement.rpartition("<-")[2].count(",") <= 41, statement  # a key, and a LIMIT in an arm


@pytest.mark.usefixtures("library")
def test_a_parent_that_came_twice_is_asked_for_once(database: str) -> None:
    """Rows that repeat (a join to many without distinct) are answered each, from the same batch."""

    def view() -> Any:
        authors = auto(Author.objects.filter(books__pages__gte=0).order_by("pk", "books__pk"))
        return [
            (a.name, [b.title for b in a.books.all()], a.books.count(), a.mentor and a.mentor.name) for a in authors
        ]

    plain, cold, warm, _ = runs(view)
    assert (cold.outcome, warm.outcome) == (plain.outcome, plain.outcome)
    assert cold.queries <= 4, cold.log


@pytest.mark.usefixtures("library")
def test_series_of_iterators_have_peers_too(database: str) -> None:
    """Rows of `iterator()` come in windows, so that there are peers."""

    def view() -> Any:
        return [[b.title for b in series.books.all()] for series in auto(Series.objects.order_by("pk")).iterator()]

    plain, cold, warm, _ = runs(view)
    assert (cold.outcome, warm.outcome) == (plain.outcome, plain.outcome)
    assert warm.queries <= plain.queries, warm.log
