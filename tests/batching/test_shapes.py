"""Shapes: what is one statement for all peers, and what is each parent's own."""

from typing import Any

import pytest

from autoprefetch import auto, override
from tests.equivalence.comparing import plain_cold_warm, raised, runs
from tests.library.models import Author, Book, Reader, Series

pytestmark = pytest.mark.usefixtures("library")


def authors() -> Any:
    return Author.objects.all()


def keys(rows: Any) -> list[int]:
    return [row.pk for row in rows]


SHAPES: dict[str, tuple[int, Any]] = {
    "two slices": (2, lambda a: (keys(a.books.all()[:1]), keys(a.books.all()[:2]))),
    "two orders": (2, lambda a: (keys(a.books.order_by("pages", "pk")), keys(a.books.order_by("-pages", "pk")))),
    "all and a part": (2, lambda a: (keys(a.books.all()), keys(a.books.filter(pages__gt=200)))),
    "all and a part of all": (2, lambda a: (keys(a.books.all()), keys(a.books.all().filter(pages__gt=200)))),
    "all and an order of all": (2, lambda a: (keys(a.books.all()), keys(a.books.all().order_by("-pages", "pk")[:1]))),
    "all and a manager method": (2, lambda a: (keys(a.books.all()), keys(a.books.long()))),
    "rows and count": (2, lambda a: (keys(a.books.order_by("-pk")), a.books.filter(pages__gt=200).count())),
    "two counts": (2, lambda a: (a.books.filter(pages__gt=200).count(), a.books.filter(pages__gt=300).count())),
    "count and exists": (2, lambda a: (a.books.filter(pages=120).count(), a.books.filter(pages=120).exists())),
    "equal, 1 and 1.0": (2, lambda a: (keys(a.books.filter(pk__gt=1)), keys(a.books.filter(pages__gt=1.5)))),
    "two tables": (2, lambda a: (keys(a.books.all()), sorted(keys(a.comments.all())))),
    "same twice": (1, lambda a: (keys(a.books.long()), keys(a.books.long()))),
    "many twice, other sets": (2, lambda a: (keys(a.books.tagged("old")), keys(a.books.tagged("new")))),
    "custom method": (1, lambda a: a.books.titles()),
}


@pytest.mark.parametrize("shape", SHAPES)
def test_each_shape_is_one_batch(shape: str, database: str) -> None:
    """Two shapes on one relation are two batches, and a shape that comes again is none."""
    batches, use = SHAPES[shape]
    plain, cold, warm, again = runs(lambda: [use(author) for author in auto(authors())])
    assert (cold.outcome, warm.outcome, again.outcome) == (plain.outcome,) * 3
    assert (cold.queries, warm.queries, again.queries) == (1 + batches,) * 3, (cold.log, warm.log)


def test_parameters_that_are_the_same_for_some_parents_are_batches_of_their_own(database: str) -> None:
    """Even authors ask for other books than odd ones."""

    def view() -> Any:
        return [keys(a.books.filter(pages__gt=200 + 60 * (a.pk % 2))) for a in auto(authors())]

    plain, cold, warm, _ = runs(view)
    assert (cold.outcome, warm.outcome) == (plain.outcome, plain.outcome)
    assert max(cold.queries, warm.queries) <= 3, (cold.log, warm.log)


OF_THE_PARENT: dict[str, Any] = {
    "its key": lambda a: keys(a.books.filter(pages__gt=a.pk)),
    "its key as another key": lambda a: keys(a.books.exclude(translator_id=a.pk)),
    "itself": lambda a: keys(a.books.exclude(translator=a)),
    "its key in a list": lambda a: keys(a.books.filter(pk__in=[a.pk, a.pk + 6])),
    "its name": lambda a: keys(a.books.exclude(title__contains=a.name)),
    "count by its key": lambda a: a.books.filter(pages__gt=100 + a.pk).count(),
    "slice by its key": lambda a: keys(a.books.all()[: a.pk % 3]),
    "offset by its key": lambda a: keys(a.books.all()[a.pk % 2 : 3]),
    "exists by its key": lambda a: a.books.filter(pages=120 + 60 * (a.pk % 7)).exists(),
}


@pytest.mark.parametrize("value", OF_THE_PARENT)
def test_a_shape_with_the_parents_own_value_ends_lazily(value: str, database: str) -> None:
    """It is given up after a few misses, and is at no time more queries than plain Django."""
    Author.objects.bulk_create([Author(name=f"more {number}") for number in range(20)])
    plain, cold, warm, again = runs(lambda: [OF_THE_PARENT[value](author) for author in auto(authors())])
    assert (cold.outcome, warm.outcome, again.outcome) == (plain.outcome,) * 3
    assert max(cold.queries, warm.queries, again.queries) <= plain.queries, cold.log
    batched = [sql for sql in again.log.statements[6:] if " IN (" in sql and "UNION ALL" in sql]
    assert not batched, again.log


def test_a_value_equal_to_the_key_in_another_place_stays_where_it_is(database: str) -> None:
    """The parent's key is known by its place, not by its value."""
    first = Author.objects.order_by("pk")[0]

    def view() -> Any:
        return [
            (keys(a.books.exclude(pages=first.pk)), keys(a.books.filter(author_id=first.pk)), a.books.filter(
                author=first).count(), keys(a.contributed_to.filter(author=first)[:2]))
            for a in auto(authors())
        ]  # fmt: skip

    plain, cold, warm, _ = runs(view)
    assert (cold.outcome, warm.outcome) == (plain.outcome, plain.outcome)


def test_a_filter_on_the_same_column_beside_the_relation(database: str) -> None:
    """Many-to-many to self: the tables are those of the parents."""
    second = Author.objects.order_by("pk")[1]

    def view() -> Any:
        return [
            (keys(a.follows.filter(pk=second.pk)), keys(a.followers.exclude(pk=second.pk)), a.friends.filter(
                friends=a).count(), keys(a.follows.filter(follows=second)))
            for a in auto(authors())
        ]  # fmt: skip

    plain, cold, warm, _ = runs(view)
    assert (cold.outcome, warm.outcome) == (plain.outcome, plain.outcome)


def test_relations_filtered_through_themselves(database: str) -> None:
    """`series.books.filter(series=...)` joins the through table a second time."""
    ids = list(Series.objects.order_by("pk").values_list("pk", flat=True))

    def view() -> Any:
        return [
            (keys(s.books.filter(series=ids[1])), s.books.filter(series=ids[0]).count(), keys(s.books.filter(
                series__name="Green")[:2]))
            for s in auto(Series.objects.order_by("pk"))
        ]  # fmt: skip

    plain, cold, warm, _ = runs(view)
    assert (cold.outcome, warm.outcome) == (plain.outcome, plain.outcome)


# Keys that change, peers that go -------------------------------------------------------------------------------------


def check(view: Any) -> None:
    plain, cold, warm, again = runs(view)
    assert cold.outcome == plain.outcome, cold.log
    assert warm.outcome == plain.outcome, warm.log
    assert again.outcome == plain.outcome, again.log


def use(author: Any) -> Any:
    last = raised(lambda: author.books.order_by("-pk").first().pk)
    return [keys(author.books.all()), author.books.count(), last, keys(author.follows.all()), author.books.exists()]


def test_a_foreign_key_that_was_reassigned_is_followed(database: str) -> None:
    """Reassigned before and after the batch, by key and by object, to None and to nowhere."""

    def view() -> Any:
        books = list(auto(Book.objects.all()))
        other = Author.objects.order_by("-pk")[0]
        books[1].author_id = other.pk
        names = [books[0].author.name]
        books[2].author_id = other.pk
        books[3].author = other
        books[4].publisher_id = None
        books[5].author_id = 4711
        names += [raised(lambda b=book: (b.author.name, b.publisher and b.publisher.name)) for book in books]
        books[6].author_id = other.pk
        return [*names, books[6].author.name]

    check(view)


def test_a_key_of_a_parent_that_was_reassigned_is_followed(database: str) -> None:
    """Before and after the batch: the parent's own primary key is what its sets are of.

    What Django's own prefetch has put on an instance stays with it, whatever its key becomes; so nothing is ahead here.
    """

    def view() -> Any:
        people = list(auto(authors()))
        ids = [person.pk for person in people]
        people[1].pk = ids[4]
        found = [use(people[0])]
        people[2].pk = ids[3]
        people[5].pk = 4711
        return found + [use(person) for person in people]

    with override(AHEAD=False):
        check(view)


def test_unsaved_copies_are_not_peers(database: str) -> None:
    """`pk = None` and `_state.adding = True` make another row of an instance."""

    def view() -> Any:
        people = list(auto(authors()))
        found = [use(people[0])]
        people[1].pk = None
        people[1]._state.adding = True
        people[2].pk = None
        return found + [raised(lambda p=person: use(p)) for person in people]

    check(view)


def test_a_copy_that_was_saved_has_sets_of_its_own(database: str) -> None:
    def view() -> Any:
        people = list(auto(authors()))
        found = [use(people[0])[0]]
        people[1].pk = None
        people[1]._state.adding = True
        people[1].save()
        people[1].books.create(title="new", pages=1, published="2020-01-01")
        return found + [[book.title for book in person.books.all()] for person in people]

    check(view)


def test_deleted_peers_stay_as_plain_django_leaves_them(database: str) -> None:
    def view() -> Any:
        people = list(auto(authors()))
        found = [use(people[0])]
        gone = people[3].delete()
        return [*found, gone[0], *(raised(lambda p=person: use(p)) for person in people)]

    check(view)


def test_uuid_keys_reassigned_as_strings_are_keys_all_the_same(database: str) -> None:
    def view() -> Any:
        readers = list(auto(Reader.objects.order_by("pk")))
        readers[1].pk = str(readers[1].pk)
        readers[2].pk = readers[2].pk.hex
        return [(keys(r.wishes.all()), r.loans.count(), [x.due for x in r.loans.order_by("pk")[:1]]) for r in readers]

    check(view)


def test_a_parent_refreshed_from_the_database_asks_again(database: str) -> None:
    def view() -> Any:
        people = list(auto(authors()))
        found = [use(person) for person in people]
        people[0].refresh_from_db()
        return found + [use(person) for person in people]

    check(view)


FIRST_AND_OTHERS: dict[str, tuple[Any, Any]] = {
    "a slice after the whole": (lambda b: b.all(), lambda b: b.order_by("-pages", "pk")[:1]),
    "the whole after a slice": (lambda b: b.order_by("-pages", "pk")[:1], lambda b: b.all()),
    "an order after the whole": (lambda b: b.all(), lambda b: b.order_by("-pages", "-pk")),
    "fewer columns after the whole": (lambda b: b.all(), lambda b: b.only("title")),
    "a filter after the whole": (lambda b: b.all(), lambda b: b.filter(pages__gt=200)),
    "reversed after the whole": (lambda b: b.all(), lambda b: b.all().reverse()),
    "distinct after the whole": (lambda b: b.all(), lambda b: b.filter(tags__pk__gt=0).distinct()),
    "joined after the whole": (lambda b: b.all(), lambda b: b.select_related("publisher")),
}


@pytest.mark.parametrize("shapes", FIRST_AND_OTHERS.values(), ids=FIRST_AND_OTHERS)
def test_the_first_parent_asks_for_one_shape_and_the_others_for_another(shapes: Any, database: str) -> None:
    """What waits from the batch of one shape is nobody's answer to another one."""

    def view() -> Any:
        found = []
        for number, author in enumerate(auto(Author.objects.all())):
            rows = shapes[bool(number)](author.books)
            found.append([(book.title, sorted(book.__dict__.keys() - {"_state"})) for book in rows])
        return found

    plain_cold_warm(view, AHEAD=False)
