"""A. Silent wrong results: each test is named after its id in the list of known traps."""

import asyncio
import pickle
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from django.core.exceptions import ObjectDoesNotExist
from django.db import models, transaction
from django.db.models import Prefetch, prefetch_related_objects

import autoprefetch
from autoprefetch import auto
from tests.equivalence.comparing import plain_cold_warm, raised, runs, same_in_new_contexts
from tests.library.models import Author, Book, Branch, Copy, Medium, Publisher, Shelf, Street, Tag

pytestmark = pytest.mark.usefixtures("library")


def test_a1_no_update_is_lost(database: str) -> None:
    """Every row that shares a related row adds to it what it would add in plain Django."""

    def view() -> Any:
        for book in auto(Book.objects.all()):
            book.author.name += "+"
            book.author.save()
        return list(Author.objects.order_by("pk").values_list("name", flat=True))

    plain, *_ = plain_cold_warm(view)
    assert plain.value[0] == "Ada+++"  # the author of three books


def test_a2_identity_differs_only_as_with_a_prefetch(database: str) -> None:
    """Values are those of plain Django; rows that share a related row may share its object."""

    def view() -> Any:
        books = list(auto(Book.objects.all()))
        return [(book.author == other.author, book.author.pk) for book in books for other in books]

    plain_cold_warm(view)


def test_a2_two_evaluations_share_no_object(database: str) -> None:
    """What a caller sets on a related row, and does not save, is not there when the rows are loaded again."""

    def view() -> Any:
        found = []
        for _ in range(2):
            books = list(auto(Book.objects.all()))
            found.append([(book.author.name, [tag.name for tag in by_key(book.tags.all())]) for book in books])
            for book in books:
                book.author.name = "set and not saved"
                for tag in book.tags.all():
                    tag.name = "set and not saved"
        return found

    plain, *_ = plain_cold_warm(view)
    assert plain.value[0] == plain.value[1]


def test_a2b_a_repeated_all_gives_the_same_values(database: str) -> None:
    """Unless the caller has changed an object of the first one, which is the second documented difference."""

    def view() -> Any:
        return [
            ([book.title for book in author.books.all()], [book.pages for book in author.books.all()])
            for author in auto(Author.objects.all())
        ]

    plain_cold_warm(view)


def test_a2b_a_repeated_all_shows_what_was_saved_in_between(database: str) -> None:
    """Saved by the caller, or changed behind the objects of the first one."""

    def view() -> Any:
        found = []
        for author in auto(Author.objects.all()):
            for book in author.books.all():
                book.title += "!"
                book.save()
            Book.objects.filter(author=author).update(pages=7)
            found.append([(book.title, book.pages) for book in author.books.all()])
        return found

    plain, *_ = plain_cold_warm(view)
    assert {pages for books in plain.value for _, pages in books} == {7}


def test_a2b_a_filtered_set_shows_the_database_whatever_was_set_on_an_object(database: str) -> None:
    """Only `.all()` may give the same objects again."""

    def view() -> Any:
        found = []
        for author in auto(Author.objects.all()):
            for book in author.books.all():
                book.title = "set and not saved"
            found.append([book.title for book in author.books.filter(pages__gt=0)])
        return found

    plain, *_ = plain_cold_warm(view)
    assert plain.value[0][0] == "Book 00"


def test_a3_a_collection_that_grows_in_the_loop_is_not_stale(database: str) -> None:
    """`.all()`, `.count()`, `.exists()` and `len()` after a `create()`."""

    def view() -> Any:
        found = []
        for author in auto(Author.objects.all()):
            before = len(author.books.all())
            Book.objects.create(title="New", pages=1, published="2020-01-01", author=author)
            found.append((before, author.books.count(), len(author.books.all()), author.books.exists()))
        return found

    plain, *_ = plain_cold_warm(view)
    assert all(before + 1 == count == length for before, count, length, _ in plain.value)


def test_a4_a_row_that_its_base_manager_hides_is_hidden(database: str) -> None:
    """The same exception, and the same answer of `hasattr`, as a lazy load gives."""
    Copy.objects.filter(shelf__name="Cellar").update(shelf=Shelf.with_scrapped.get(scrapped=True))

    def view() -> Any:
        return [
            (raised(lambda c=copy: hasattr(c, "shelf")), raised(lambda c=copy: c.shelf and c.shelf.name))
            for copy in auto(Copy.objects.order_by("pk"))
        ]

    plain, _, warm = plain_cold_warm(view)
    assert ("Shelf.DoesNotExist", "Shelf matching query does not exist.") in [name for _, name in plain.value]
    assert not warm.joins("library_shelf")


def test_a5_a_polymorphic_target_comes_as_its_own_class(database: str) -> None:
    """What the target's manager makes of its rows, a prefetch makes too, and a join would not."""
    from tests.library.models import Screening
    from tests.test_vetoes import polymorphic_models

    Screening.objects.update(trailer=Medium.objects.get(title="Film 0"))
    with polymorphic_models() as showing:
        plain, *_ = plain_cold_warm(
            lambda: [type(row.trailer).__name__ for row in auto(showing.objects.order_by("pk"))]
        )
    assert set(plain.value) == {"Child"}


def test_a6_a_row_that_changes_in_the_loop_is_seen(database: str) -> None:
    """A lazy load sees what was written before it."""

    def view() -> Any:
        found = []
        for book in auto(Book.objects.exclude(publisher=None)):
            Publisher.objects.filter(pk=book.publisher_id).update(name=f"{book.title}'s")
            found.append(book.publisher.name)
        return found

    plain, *_ = plain_cold_warm(view)
    assert plain.value[0] == "Book 01's"


def test_a7_no_column_is_deferred_by_us(database: str) -> None:
    """`save()` writes all columns and `update_fields` stays None, whatever the view reads."""
    seen: list[Any] = []

    def note(update_fields: Any, **kwargs: Any) -> None:
        seen.append(update_fields)

    def view() -> Any:
        seen.clear()
        deferred = []
        for book in auto(Book.objects.all()):
            deferred.append(
                (book.title, book.author.name, book.get_deferred_fields(), book.author.get_deferred_fields())
            )
            book.save()
        return deferred, list(seen)

    models.signals.pre_save.connect(note, sender=Book)
    try:
        plain, *_ = plain_cold_warm(view)
    finally:
        models.signals.pre_save.disconnect(note, sender=Book)
    assert set(plain.value[1]) == {None}


def test_a8_a_filtered_set_never_takes_the_place_of_all(database: str) -> None:
    """What a view asks for by `.filter()` is not put where `.all()` looks."""

    def view() -> Any:
        return [
            (
                [b.title for b in author.books.filter(pages__gt=300)],
                [b.title for b in author.books.all()],
                [b.title for b in author.books.order_by("-pk")[:1]],
            )
            for author in auto(Author.objects.all())
        ]

    plain, _, warm = plain_cold_warm(view)
    assert warm.queries < plain.queries
    assert any(few != whole for few, whole, _ in warm.value)


def test_a9_a_dangling_key_drops_no_row_and_raises(database: str) -> None:
    """With `db_constraint=False` the key may lead nowhere."""
    Copy.objects.filter(supplier__name="Ink AS").update(supplier=123_456)
    plain, _, warm = plain_cold_warm(
        lambda: [(c.pk, raised(lambda c=c: c.supplier.name)) for c in auto(Copy.objects.order_by("pk"))]
    )
    assert len(plain.value) == Copy.objects.count()
    assert ("Supplier.DoesNotExist", "Supplier matching query does not exist.") in dict(plain.value).values()
    assert warm.queries < plain.queries


CHANGES = {
    "add": lambda book, manager, other: manager.add(other),
    "remove": lambda book, manager, other: manager.remove(*sorted(manager.all(), key=lambda row: row.pk)[:1]),
    "set": lambda book, manager, other: manager.set([other]),
    "clear": lambda book, manager, other: manager.clear(),
    "create": lambda book, manager, other: manager.create(**{other._meta.fields[1].attname: "new"}),
    "refresh": lambda book, manager, other: book.refresh_from_db(),
}


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("accessor", ["tags", "comments", "series_set"])
def test_a10_what_changes_a_set_changes_what_is_read_next(accessor: str, change: str, database: str) -> None:
    """`add`, `remove`, `set`, `clear` and `refresh_from_db` treat what is cached as they treat what is not."""

    def view() -> Any:
        found = []
        for book in auto(Book.objects.filter(pages__lt=300)):
            manager = getattr(book, accessor)
            other = manager.model.objects.order_by("pk").first()
            before = raised(lambda m=manager: sorted(row.pk for row in m.all()))
            CHANGES[change](book, manager, other)
            found.append((before, len(manager.all()), manager.count(), sorted(map(str, manager.all()))))
        return found

    plain, *_ = plain_cold_warm(view)
    assert plain.error is None


@pytest.mark.parametrize("change", ["add", "set", "create", "refresh"])
def test_a10_what_changes_a_reverse_foreign_key_changes_what_is_read_next(change: str, database: str) -> None:
    """Its manager has `add`, `set` and `create`, and knows no through table."""

    def view() -> Any:
        found = []
        for author in auto(Author.objects.all()):
            other = Book.objects.order_by("pk").first()
            before = len(author.books.all())
            if change == "create":
                author.books.create(title="new", pages=1, published="2020-01-01")
            elif change == "set":
                author.books.set([other, *author.books.all()])
            else:
                CHANGES[change](author, author.books, other)
            found.append((before, len(author.books.all()), author.books.count(), sorted(map(str, author.books.all()))))
        return found

    plain, *_ = plain_cold_warm(view)
    assert plain.error is None


def test_a11_a_key_that_is_set_anew_is_followed(database: str) -> None:
    """`book.author_id = ...`, `book.author = ...`, unsaved and deleted rows among their peers."""

    def view() -> Any:
        authors = list(Author.objects.order_by("pk"))
        books = list(auto(Book.objects.all()))
        books[1].author_id = authors[5].pk
        books[2].author = authors[6]
        books[3].publisher_id = None
        books[4].author = Author(name="unsaved")
        books[5].pk = None
        found = [
            (
                raised(lambda b=book: b.author.name),
                raised(lambda b=book: b.publisher and b.publisher.name),
                raised(lambda b=book: sorted(map(str, b.tags.all()))),
            )
            for book in books
        ]
        return found, raised(lambda: books[1].author.archive and str(books[1].author.archive))

    plain_cold_warm(view)


def test_a11_a_key_that_is_set_anew_after_its_relation_was_read_is_followed(database: str) -> None:
    """The cached row gives way to the new key."""

    def view() -> Any:
        last, found = Author.objects.order_by("pk").last(), []
        for book in auto(Book.objects.all()):
            before = book.author.name
            book.author_id = last.pk
            found.append((before, book.author.name))
        return found

    plain_cold_warm(view)


def test_a12_ties_fall_as_they_fall(database: str) -> None:
    """A page of rows with equal sort keys holds the same rows in the same order."""
    streets = list(Street.objects.order_by("-pk"))
    Branch.objects.bulk_create(Branch(name=f"Same {n % 2}", street=streets[n % 4]) for n in range(80))
    plain, _, warm = plain_cold_warm(
        lambda: [(b.pk, b.street.city.country.name) for b in auto(Branch.objects.order_by("name")[5:25])]
    )
    assert not warm.joins("library_street")
    assert warm.queries < plain.queries


def test_a13_what_is_read_after_a_lock_is_read_anew(database: str) -> None:
    """Values that were loaded before the lock are loaded again by the query that locks."""

    def view() -> Any:
        found = []
        for book in auto(Book.objects.exclude(publisher=None)):
            with transaction.atomic(using=database):
                publisher = auto(Publisher.objects.select_for_update()).get(pk=book.publisher_id)
                publisher.name += "+"
                publisher.save()
            found.append((publisher.name, book.publisher.name))
        return found

    plain, *_ = plain_cold_warm(view)
    assert all(locked == read for locked, read in plain.value)


def test_a14_a_prefetch_by_hand_finds_what_is_there(database: str) -> None:
    """`prefetch_related_objects` reads the caches, and loads what is missing."""

    def view() -> Any:
        books = list(auto(Book.objects.all()))
        first = [len(book.tags.all()) for book in books]
        prefetch_related_objects(books, "tags", Prefetch("copies", Copy.objects.order_by("-pk")), "author__books")
        return [
            (length, len(b.tags.all()), [c.pk for c in b.copies.all()], [o.title for o in b.author.books.all()])
            for length, b in zip(first, books, strict=True)
        ]

    plain, _, warm = plain_cold_warm(view)
    assert warm.queries <= plain.queries


def test_a14_a_prefetch_by_hand_before_the_first_touch_asks_no_more(database: str) -> None:
    """And what it has loaded is used: `[rows, to_attr]` hold what the caller asked for."""

    def view() -> Any:
        books = list(auto(Book.objects.all()))
        long = Prefetch("author__books", Book.objects.filter(pages__gt=300), to_attr="long")
        prefetch_related_objects(books, "tags", "publisher", long)
        return [
            (
                sorted(map(str, b.tags.all())),
                b.publisher and b.publisher.name,
                [o.title for o in b.author.long],
                [o.title for o in b.author.books.all()],
            )
            for b in books
        ]

    plain, cold, warm = plain_cold_warm(view)
    assert cold.queries <= plain.queries
    assert warm.queries <= plain.queries


def test_a15_what_child_tasks_write_is_seen_by_their_parent(database: str) -> None:
    """The children of `asyncio.gather` run in copies of the parent's context."""

    async def write(author: Author) -> None:
        await Book.objects.acreate(title="New", pages=1, published="2020-01-01", author=author)
        author.name += "+"
        await author.asave()

    async def view() -> Any:
        authors = [author async for author in auto(Author.objects.all())]
        before = [await author.books.acount() for author in authors]
        sets = [[book.title async for book in author.books.all()] for author in authors]
        await asyncio.gather(*map(write, authors[2:5]))
        after = [await author.books.acount() for author in authors]
        again = [[book.title async for book in author.books.all()] for author in authors]
        return before, sets, after, again, await sync_to_async(lambda: [str(a.mentor) for a in authors])()

    before, _, after, _, mentors = same_in_new_contexts(view, database)
    assert [late - early for early, late in zip(before, after, strict=True)] == [0, 0, 1, 1, 1, 0, 0, 0]
    assert mentors == ["None", "Ada", "Ada", "None", "Bo", "Bo", "None", "None"]


@pytest.mark.parametrize("evaluates", [False, True], ids=["only writes", "evaluates too"])
def test_a15_what_child_tasks_write_is_seen_by_one_another(evaluates: bool, database: str) -> None:
    """The rows come from a child, too: the parent's own context has never heard of them."""

    async def load() -> list[Author]:
        authors = [author async for author in auto(Author.objects.all())]
        assert await authors[0].books.acount() == 3
        return authors

    async def write() -> None:
        if evaluates:
            tags = [tag async for tag in auto(Tag.objects.all())]
            assert await tags[0].books.acount()
        await Book.objects.filter(author__name="Bo").adelete()

    async def view() -> Any:
        [authors] = await asyncio.gather(load())
        await asyncio.gather(write())
        return [await author.books.acount() for author in authors]

    assert same_in_new_contexts(view, database) == [3, 0, 3, 3, 2, 2, 0, 0]


def test_a_pickled_row_is_a_plain_row(database: str) -> None:
    """Rows go into caches and sessions: no pickle grows by what we know of them, and each comes back whole."""

    def view() -> Any:
        books = list(auto(Book.objects.all()))
        pickles = [pickle.dumps(book) for book in books]
        names = [str(book.author) for book in books]
        return [len(p) for p in pickles] if not names else [str(pickle.loads(p).author) for p in pickles]

    plain_cold_warm(view)


def test_a_missing_one_to_one_raises_what_is_an_attribute_error_too(database: str) -> None:
    """`RelatedObjectDoesNotExist` is an `ObjectDoesNotExist` and an `AttributeError`, joined or not."""

    def view() -> Any:
        found = []
        for author in auto(Author.objects.all()):
            try:
                found.append(author.profile.biography)
            except AttributeError as error:
                found.append((isinstance(error, ObjectDoesNotExist), type(error).__qualname__, str(error)))
        return found

    plain_cold_warm(view)


def test_the_tables_are_as_full_as_in_plain_django(database: str) -> None:
    """Learning and applying write nothing."""
    before = {model: model.objects.count() for model in (Book, Author, Tag)}
    runs(lambda: [(str(b.author), len(b.tags.all())) for b in auto(Book.objects.all())], 3)
    autoprefetch.report()
    assert {model: model.objects.count() for model in before} == before


def by_key(rows: Any) -> list[Any]:
    return sorted(rows, key=lambda row: row.pk)
