"""Shadowing: whatever autoprefetch gets wrong is seen as it happens, and nothing is seen where it is right."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress

import pytest
from django.db import connections
from django.db.models import Count
from django.test.utils import CaptureQueriesContext

from autoprefetch import auto, override
from autoprefetch.orm import marks
from autoprefetch.testing import comparing
from autoprefetch.testing.shadowing import Shadow, ShadowDifference, shadowing
from tests.batching.consumers import CONSUMERS
from tests.batching.kinds import KINDS
from tests.equivalence.comparing import undoing
from tests.equivalence.differential import mutants
from tests.library.models import Author, Book, Comment, Profile, Publisher, Tag

pytestmark = pytest.mark.usefixtures("library")


@pytest.fixture
def shadow() -> Iterator[Shadow]:
    with shadowing() as found:
        yield found


def repeated(view, times: int = 3) -> None:
    """Run a view cold and warm, from one line, without keeping what it writes."""
    for _ in range(times):
        with undoing(True):
            view()


# Nothing is seen where nothing is wrong -----------------------------------------------------------------------------


def reading():
    for book in auto(Book.objects.all()):
        str(book), book.publisher_city, book.imprint, book.translator, list(book.tags.all()), book.tags.count()
        list(book.contributions.order_by("position", "pk")[:2]), book.author.books.filter(pages__gt=200).exists()


def reading_generic_keys():
    for comment in auto(Comment.objects.order_by("pk")):
        str(comment.subject), comment.writer


def reading_what_may_be_missing():
    for author in auto(Author.objects.all()):
        hasattr(author, "profile"), hasattr(author, "pseudonym"), author.mentor, list(author.comments.all())


def reading_deferred_columns():
    for book in auto(Book.objects.only("title")):
        str(book.pages), book.summary


def reading_a_stream():
    for book in auto(Book.objects.order_by("pk")).iterator(chunk_size=5):
        str(book.author), list(book.tags.all())


def writing():
    """Whatever is loaded ahead is stale after it, and is asked for again."""
    for number, book in enumerate(auto(Book.objects.all())):
        str(book.author), [tag.name for tag in book.tags.all()], book.publisher and book.publisher.name
        if number % 3 == 0:
            Author.objects.filter(pk=book.author_id).update(name=f"A{number}")
            book.tags.add(Tag.objects.create(name=f"T{number}"))
        if number % 5 == 1:
            Publisher.objects.all().update(name=f"P{number}")


def in_no_order():
    list(auto(Book.objects.order_by("?"))), list(auto(Tag.objects.all()))


VIEWS = [
    reading,
    reading_generic_keys,
    reading_what_may_be_missing,
    reading_deferred_columns,
    reading_a_stream,
    writing,
    in_no_order,
]


@pytest.mark.parametrize("view", VIEWS)
def test_nothing_is_seen_where_nothing_is_wrong(view, database, shadow):
    """Cold and warm, with writes in between, in whatever order; and something was compared."""
    repeated(view)
    assert shadow.compared > 2
    assert not shadow.texts


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
@pytest.mark.parametrize("consumer", CONSUMERS, ids=lambda one: one.name)
def test_all_ways_to_consume_a_derived_query_are_compared(consumer, shadow):
    """What a consumer raises by itself, plain Django raises too."""
    for kind in (known for known in KINDS if known.name in ("reverse foreign key", "many-to-many", "generic relation")):
        sample = kind.rows(kind.parents()[0]).model._base_manager.order_by("pk")[1]
        for _ in range(2 if consumer.suits(kind) else 0):
            for parent in auto(kind.parents()):
                with suppress(Exception):
                    consumer.use(kind.rows(parent), kind, sample)
    assert shadow.compared > 2
    assert not shadow.texts


def test_queries_of_the_comparison_are_not_counted(shadow, database):
    """So that `assertNumQueries` says the same with and without it."""
    with CaptureQueriesContext(connections[database]) as queries:
        for _ in range(2):
            for book in auto(Book.objects.all()):
                str(book.author)
    assert len(queries) == 3
    assert shadow.compared > 30


def test_with_the_mode_off_nothing_is_compared(shadow):
    """There is nothing automatic."""
    with override(MODE="off"):
        repeated(reading)
    assert not shadow.compared


# What is wrong is seen ----------------------------------------------------------------------------------------------

WRONG = [
    mutants.the_barrier_is_off,
    mutants.answers_are_not_renewed,
    mutants.a_shape_ignores_a_parameter,
    mutants.a_slice_has_one_limit_for_all,
    mutants.a_batch_is_in_no_order,
]


def asking_by_parameters():
    for author in auto(Author.objects.all()):
        list(author.books.filter(pages__gt=100)), list(author.books.filter(pages__gt=400))
        list(author.books.order_by("-pk")[:2]), list(author.books.order_by("-published", "pk"))


@pytest.mark.parametrize("mutant", WRONG, ids=lambda one: one.__name__)
def test_what_the_random_programs_find_is_seen(mutant, monkeypatch, shadow):
    """Autoprefetch with one thing wrong: a stale value, another query's rows, too many of them, the wrong order."""
    mutant(monkeypatch)
    with suppress(ShadowDifference):
        repeated(writing)
    with suppress(ShadowDifference):
        repeated(asking_by_parameters)
    assert shadow.texts


def test_a_difference_names_the_line_the_relation_and_both_values(shadow, monkeypatch):
    """It is an assertion that fails where the relation is touched."""
    mutants.the_barrier_is_off(monkeypatch)

    def view():
        for number, book in enumerate(auto(Book.objects.all())):
            str(book.author)
            Author.objects.update(name=f"A{number}")

    with pytest.raises(AssertionError) as raised:
        repeated(view)
    line = view.__code__.co_firstlineno + 2
    fact, value, remedy = str(raised.value).splitlines()
    assert fact.startswith(f"tests/testing/test_shadowing.py:{line} ")
    assert "library.Book.author of " in fact
    assert fact.endswith("is not what plain Django gives.")
    assert "'A0' with plain Django" in value
    assert remedy.startswith("Leave it lazy by auto(..., ignore=...)")
    assert [entry.lineno + 1 for entry in raised.traceback if entry.name == "view"] == [line]


def test_rows_are_compared_too(shadow, monkeypatch):
    """A plan whose joins drop rows, say."""
    fetch_as = marks.fetch_as

    def fetch_as_dropping(queryset, source, fetch_all):
        fetch_as(queryset, source, fetch_all)
        del queryset._result_cache[:1]

    monkeypatch.setattr(marks, "fetch_as", fetch_as_dropping)
    with pytest.raises(
        ShadowDifference, match=r"library.Profile\(pk=\d+\): missing with autoprefetch, there with plain"
    ):
        list(auto(Profile.objects.order_by("pk")))


# How it compares ----------------------------------------------------------------------------------------------------


def test_the_order_counts_where_it_is_total():
    """And the set of rows elsewhere."""
    rows = list(Book.objects.all())
    other_way = rows[::-1]
    assert comparing.unlike_rows(rows, other_way, (), ordered=False) == []
    [line] = comparing.unlike_rows(rows, other_way, (), ordered=True)
    assert line.startswith("the order: [")


def test_annotations_and_repeated_rows_are_compared():
    """A join to many gives a row several times."""
    once = list(Book.objects.annotate(n=Count("tags")))
    again = list(Book.objects.annotate(n=Count("tags")))
    assert comparing.unlike_rows(once, again, ["n"], ordered=True) == []
    again[0].n += 1
    [line] = comparing.unlike_rows(once, again, ["n"], ordered=True)
    assert line == f"library.Book(pk={once[0].pk}).n: {once[0].n} with autoprefetch, {again[0].n} with plain Django"
    [line] = comparing.unlike_rows([*once, once[0]], once, [], ordered=False)
    assert line == f"library.Book(pk={once[0].pk}): 2 times with autoprefetch, there with plain Django"


def test_values_are_compared_as_databases_give_them():
    """Sums of floats may differ in their last digits; what knows no equality is compared by what it shows."""
    assert comparing.unlike_values("x", 0.1 + 0.2, 0.3) == []
    assert comparing.unlike_values("x", float("nan"), float("nan")) == []
    assert comparing.unlike_values("x", 1, 2) == ["x: 1 with autoprefetch, 2 with plain Django"]
    assert comparing.unlike_answers([(1, "a"), (2, "b")], [(2, "b"), (1, "a")], ordered=False) == []
    assert len(comparing.unlike_answers([(1, "a")], [], ordered=False)) == 1
