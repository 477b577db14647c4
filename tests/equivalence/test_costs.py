"""C. Cost: each test is named after its id in the list of known traps."""

import gc
import weakref
from typing import Any

import pytest

from autoprefetch import auto
from tests.equivalence.comparing import plain_cold_warm, runs
from tests.library.models import Author, Book, Branch, Category, Publisher, Reader

pytestmark = pytest.mark.usefixtures("library")


def test_c1_what_is_no_longer_needed_costs_one_query_at_the_most(database: str) -> None:
    """A loop that reads one row of what it read in full before."""
    wanted = iter([None, None, None, 0])  # plain, cold, warm, and then nothing

    def view() -> Any:
        return [len(book.tags.all()) for book in list(auto(Book.objects.all()))[: next(wanted)]]

    *_, last = runs(view, 3)
    assert last.value == []
    assert last.queries <= 2


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
