"""Recordings: what one evaluation shows, counted without holding on to anything."""

from __future__ import annotations

import copy
import gc
import pickle
import re
import weakref
from collections.abc import Callable
from typing import Any

import pytest
from django.core.exceptions import SynchronousOnlyOperation
from django.core.signals import request_finished, request_started

import autoprefetch
from autoprefetch import auto, override, report
from autoprefetch.learn.given import Given
from autoprefetch.learn.histories import History
from autoprefetch.learn.profiles import Profile, Usage, is_derived
from autoprefetch.observe.callsites import CallSite, location_of
from autoprefetch.observe.recordings import Recording
from autoprefetch.observe.watching import Watches
from tests.library.models import Author, Book, Comment, Copy, Publisher

pytestmark = [
    pytest.mark.usefixtures("library"),
    pytest.mark.parametrize("database", ["sqlite"], indirect=True),
]


def profile() -> Profile:
    [site] = report().call_sites
    return site.profile


def usage(*path: str) -> Usage:
    return profile().usages[path]


def counts(*path: str) -> tuple[int, int]:
    """Return how many instances were offered a path, and how many loaded it."""
    found = usage(*path)
    return found.offered, found.loads


# What is counted ----------------------------------------------------------------------------------------------------


def test_each_instance_that_loads_a_relation_is_counted():
    """Sixteen books, each author loaded by a query of its own."""
    for book in auto(Book.objects.all()):
        assert book.author
    assert counts("author") == (16, 16)
    assert (profile().evaluations, profile().rows) == (1, 16)


def test_instances_that_do_not_load_it_are_offered_all_the_same():
    """A loop that stops after three books has offered sixteen."""
    for number, book in enumerate(auto(Book.objects.all())):
        assert book.author
        if number == 2:
            break
    assert counts("author") == (16, 3)


def test_a_second_access_is_no_load():
    """It is answered from Django's cache, and costs no query."""
    for book in auto(Book.objects.all()):
        assert book.author == book.author
    assert counts("author") == (16, 16)


def test_an_empty_foreign_key_is_no_load():
    """Django answers None without a query."""
    books = list(auto(Book.objects.all()))
    loads = sum(book.category is not None for book in books)
    assert counts("category") == (16, loads)
    assert loads < 16


def test_a_missing_reverse_one_to_one_is_a_load():
    """Django asks the database to know that there is none."""
    for author in auto(Author.objects.all()):
        hasattr(author, "profile")
    assert counts("profile") == (8, 8)
    assert usage("profile").rows == 5


def test_each_step_of_a_chain_is_a_path():
    """What is loaded below a relation is offered to what the relation brought."""
    with override(MODE="learn"):
        for copied in auto(Copy.objects.order_by("pk")):
            assert copied.book.author.name
    assert set(profile().usages) == {("book",), ("book", "author")}
    offered, loads = counts("book")
    assert offered == loads == Copy.objects.count()
    assert counts("book", "author") == (loads, loads)


def test_rows_that_share_an_instance_are_counted_as_in_plain_django():
    """A batch gives copies of one book the same book, which loads its author once; plain Django asks for each copy."""
    for copied in auto(Copy.objects.order_by("pk")):
        assert copied.book.author.name
    copies = Copy.objects.count()
    books = Copy.objects.values("book").distinct().count()
    assert counts("book") == (copies, copies)
    assert counts("book", "author") == (books, copies)
    assert books < copies


def test_the_rows_of_a_set_are_counted():
    """A to-many load brings rows, and they are offered what lies below."""
    brought = 0
    for author in auto(Author.objects.all()):
        for book in author.books.all():
            brought += 1
            assert book.publisher is None or book.publisher.name
    assert counts("books") == (8, 8)
    assert usage("books").rows == brought == 16
    assert usage("books", "publisher").offered == 16


def test_an_empty_set_is_a_load():
    """Two authors have no books, and Django asks for them too."""
    for author in auto(Author.objects.order_by("-pk")[:2]):
        assert list(author.books.all()) == []
    assert counts("books") == (2, 2)
    assert usage("books").rows == 0


def test_a_generic_foreign_key_is_a_path_for_each_model():
    """What follows differs by model, so each is a path of its own."""
    for comment in auto(Comment.objects.order_by("pk")):
        assert comment.subject
    steps = {path[0] for path in profile().usages}
    assert steps == {"subject[library.Book]", "subject[library.Author]", "subject[library.Branch]"}
    assert sum(found.loads for found in profile().usages.values()) == Comment.objects.count()


def test_a_derived_query_is_a_path_that_is_not_the_whole_set():
    """`.filter()` and `.all()` of one relation are told apart."""
    for author in auto(Author.objects.all()):
        list(author.books.all())
        list(author.books.order_by("-pages")[:1])
    found = sorted(profile().usages)
    assert found[0] == ("books",)
    assert re.fullmatch(r"books\([0-9a-f]{8}\)", found[1][0])
    assert [is_derived(path) for path in found] == [False, True]


def test_derived_queries_of_one_shape_are_one_path():
    """Two shapes of one relation are two, whatever the key of the parent."""
    for author in auto(Author.objects.all()):
        list(author.books.order_by("-pages")[:1])
        author.books.count()
    assert len(profile().usages) == 2
    assert all(counts(*path) == (8, 8) for path in profile().usages)


def test_an_evaluation_that_loads_nothing_counts():
    """Without it nobody could tell always from sometimes."""
    for _ in range(2):
        list(auto(Book.objects.all()))
    assert (profile().evaluations, profile().usages) == (2, {})


def test_values_are_not_followed():
    """There are no instances, so there is nothing to learn."""
    assert len(auto(Book.objects.all()).values("title")) == 16
    assert len(auto(Book.objects.all()).values_list("title")) == 16
    assert report().call_sites == ()


async def test_a_load_that_async_code_is_refused_is_counted():
    """Django raises before it loads; the attempt tells what the next run needs."""

    async def run() -> list[Any]:
        return [book async for book in auto(Book.objects.all())]

    for is_warm in (False, True):
        books = await run()
        if is_warm:
            assert all(book.author for book in books)
            continue
        with pytest.raises(SynchronousOnlyOperation):
            assert books[0].author
        assert usage("author").refused == 1


def test_counts_arrive_before_the_instances_are_gone():
    """A recording that is still open has told what it knows."""
    books = list(auto(Book.objects.all()))
    assert books[0].author
    assert counts("author") == (16, 1)
    assert books[1].author
    assert counts("author") == (16, 2)


def test_the_sum_over_two_evaluations_is_the_profile():
    """Counts add up, whoever evaluates."""

    def run(size: int) -> None:
        for book in auto(Book.objects.all())[:size]:
            assert book.author

    with override(MODE="learn"):
        for size in (4, 6):
            run(size)
    assert counts("author") == (10, 10)
    assert usage("author").evaluations == 2


# What is not kept ---------------------------------------------------------------------------------------------------


def test_one_live_row_keeps_no_other_alive():
    """Peers are weak, or a page kept in memory would hold the whole table."""
    books = list(auto(Book.objects.all()))
    assert books[0].author
    first, others = books[0], [weakref.ref(book) for book in books[1:]]
    del books
    gc.collect()
    assert first.title
    assert not any(other() for other in others)


def test_a_recording_keeps_no_row_alive():
    """The counts of a recording hold no instance."""
    books = list(auto(Book.objects.all()))
    references = [weakref.ref(book) for book in books] + [weakref.ref(book.author) for book in books]
    del books
    gc.collect()
    assert not any(reference() for reference in references)
    assert counts("author") == (16, 16)


@pytest.mark.parametrize("warm", [False, True], ids=["cold", "warm"])
def test_a_pickle_of_a_row_does_not_grow(warm):
    """What is known of an instance stays in this process."""

    def run() -> list[Book]:
        books = list(auto(Book.objects.all()))
        if warm:
            [book.author for book in books]
        return books

    run()
    [book, *_] = run()
    plain = Book.objects.select_related("author").first() if warm else Book.objects.first()
    assert len(pickle.dumps(book)) <= len(pickle.dumps(plain)) + 8
    assert pickle.loads(pickle.dumps(book)).author == plain.author


def test_a_copy_of_a_row_belongs_to_no_evaluation():
    """What is done to a copy is not counted."""
    books = list(auto(Book.objects.all()))
    assert copy.copy(books[0]).author
    assert copy.deepcopy(books[1]).author
    assert pickle.loads(pickle.dumps(books[2])).author
    assert ("author",) not in profile().usages


def test_a_new_instance_with_the_same_key_is_no_peer():
    """Only what the evaluation loaded belongs to it."""
    books = list(auto(Book.objects.all()))
    assert Book(pk=books[0].pk, author_id=books[0].author_id).author
    assert Book.objects.get(pk=books[0].pk).author
    assert ("author",) not in profile().usages


# Writes -------------------------------------------------------------------------------------------------------------


def test_a_write_while_the_rows_are_in_use_is_counted():
    """The plan has to know that a joined value could be stale."""
    for book in auto(Book.objects.all()):
        book.author.name += "!"
        book.author.save()
    assert profile().written["library_author"] == 15  # what was loaded after the first write


def test_a_write_after_the_rows_are_gone_is_not_counted():
    """It cannot concern them."""
    len(list(auto(Book.objects.all())))
    gc.collect()
    Author.objects.update(name="anybody")
    assert profile().written == {}


def test_a_write_in_a_later_request_is_not_counted():
    """Rows of an earlier request may still be alive, in a reference cycle or a cache: its recording is closed."""
    request_started.send(sender=None, environ={})
    books = list(auto(Book.objects.all()))
    request_finished.send(sender=None)
    request_started.send(sender=None, environ={})
    Author.objects.update(name="anybody")
    request_finished.send(sender=None)
    assert books
    assert profile().written == {}


def test_reset_closes_what_is_being_recorded():
    """After `reset()` nothing from before comes back, though rows from before are still alive."""

    def run() -> list[Book]:
        return list(auto(Book.objects.all()))

    before: list[Book] = []
    for _ in range(2):
        if before:
            autoprefetch.reset()
            Publisher.objects.update(name="anybody")
            assert before[0].author
        before += run()
    written = "ordered; by the ordering of its model"
    assert profile() == Profile(evaluations=1, rows=16, own_queries=1, forms=frozenset({written}))


# On its own ---------------------------------------------------------------------------------------------------------


def recording(news: list[Recording], eager: frozenset[tuple[str, ...]] = frozenset()) -> Recording:
    site = CallSite("a key", location_of(_frame()), "library.Book")
    return Recording(site, Book, eager, History(), news.append, Watches(Nobody()))


class Nobody:
    def gave_up(self, path: object, watch: object) -> None:
        """There is nobody to tell."""


def _frame() -> Any:
    import sys

    return sys._getframe()


def test_news_are_told_once_until_they_are_taken():
    """Ten loads in a row are one message, not ten."""
    news: list[Recording] = []
    found = recording(news)
    found.tally.entered((), 10)
    found.evaluated(10, 1, 0)
    for _ in range(10):
        found.loaded(("author",), lambda: "here")
    assert news == [found]
    found.take()
    found.loaded(("author",), lambda: "here")
    assert news == [found, found]


def test_what_was_taken_is_not_handed_over_again():
    """Two takes add up to the whole."""
    found = recording([])
    found.tally.entered((), 10)
    found.evaluated(10, 1, 0)
    for _ in range(4):
        found.loaded(("author",), lambda: "here")
    first = found.take()
    for _ in range(3):
        found.loaded(("author",), lambda: "there")
    second = found.take()
    whole = first.merged_with(second)
    assert (first.usages["author",].loads, second.usages["author",].loads) == (4, 3)
    assert whole.usages["author",] == Usage(evaluations=1, offered=10, loads=7, first_access="here")
    assert (whole.evaluations, whole.rows) == (1, 10)
    assert found.take() == Profile()


def test_an_evaluation_that_loads_nothing_has_only_counts_to_hand_over():
    """They are the sums that the whole profile of it would have."""
    first, second = recording([]), recording([])
    for found in (first, second):
        found.tally.entered((), 10)
        found.evaluated(10, 1, 0)
    counts = first.take_counts()
    assert counts is not None
    assert Profile(**counts) == second.take()
    assert first.take_counts() == {}


@pytest.mark.parametrize(
    "show",
    [
        lambda found: found.loaded(("author",), lambda: "here"),
        lambda found: found.read({(): frozenset({"title"})}),
        lambda found: found.timing.alone(("author",), 0.1),
        lambda found: found.loads({"select_related author": Given(1)}),
        lambda found: found.loads_ahead(frozenset({("author",)})),
    ],
    ids=["a lazy load", "columns", "times", "what the query loads", "what is loaded ahead"],
)
def test_whatever_else_an_evaluation_shows_is_no_mere_count(show: Callable[[Recording], None]):
    """So it does not wait to be merged; and asking takes nothing away."""
    first, second = recording([]), recording([])
    for found in (first, second):
        found.evaluated(10, 1, 0)
        show(found)
    assert first.take_counts() is None
    assert first.take() == second.take()


def test_the_place_is_asked_once():
    """Walking the stack costs more than counting."""
    asked: list[str] = []

    def place() -> str:
        asked.append("here")
        return "here"

    found = recording([])
    for _ in range(5):
        found.loaded(("author",), place)
    assert asked == ["here"]


def test_an_evaluation_with_a_plan_counts_as_warm():
    """Its queries are measured, its eager paths noted."""
    found = recording([], frozenset({("author",)}))
    found.tally.entered((), 10)
    found.evaluated(10, 1, 0)
    taken = found.take()
    assert (taken.warm, taken.warm_queries) == (1, 1)
    assert taken.usages["author",].eager == 1


def test_what_loads_is_told_apart_from_what_really_ran():
    """`loaded` counts what plain Django would load, `ran` the queries that were sent."""
    found = recording([], frozenset({("author",)}))
    found.tally.entered((), 10)
    found.evaluated(10, 1, 2)
    for _ in range(10):
        found.loaded(("tags",), lambda: "here")
    found.ran(1)
    taken = found.take()
    assert taken.usages["tags",].loads == 10
    assert (taken.own_queries, taken.warm_queries) == (1, 4)
