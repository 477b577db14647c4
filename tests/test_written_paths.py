"""A path whose table is written to at its call site stays lazy, so that what was written is read.

The writes happen in the recording run already; what happens when the first write comes later is for the barrier.
Each run starts from the same rows: what a run writes is rolled back.
"""

import gc
from typing import Any

import pytest
from django.db import models
from django.http import HttpResponse
from django.test import Client, override_settings
from django.urls import path

import autoprefetch
from autoprefetch import auto
from tests.databases import count_queries
from tests.equivalence.comparing import plain_cold_warm, plan_of, runs
from tests.library.models import (
    Author,
    Book,
    Branch,
    Category,
    Comment,
    Contribution,
    Copy,
    Film,
    Loan,
    Profile,
    Publisher,
    Reader,
    Screening,
    Shelf,
    Tag,
)

pytestmark = pytest.mark.usefixtures("library")


def to_one_saved() -> Any:
    """`save()` of the related row."""
    for book in auto(Book.objects.all()):
        book.publisher and rename(book.publisher)
    return [str(publisher) for publisher in Publisher.objects.order_by("pk")]


def to_one_updated() -> Any:
    """`update()` of the related table between two reads."""
    found = []
    for book in auto(Book.objects.all()):
        Author.objects.filter(pk=book.author_id).update(name=models.functions.Concat("name", models.Value("!")))
        found.append(book.author.name)
    return found


def to_one_deleted() -> Any:
    """`delete()` of the related row sets the keys of the others to null in the database only."""
    found = []
    for book in auto(Book.objects.exclude(publisher=None)):
        try:
            found.append(book.publisher.name)
            book.publisher.delete()
        except (Publisher.DoesNotExist, ValueError) as error:
            found.append(type(error).__name__)
    return found


def to_one_created() -> Any:
    """A one-to-one that is created in the loop is seen in the same loop, from behind."""
    found = []
    for author in auto(Author.objects.all()):
        if not Profile.objects.filter(author=author.pk).exists():
            Profile.objects.create(author_id=author.pk, biography=f"Who was {author}?")
        found.append(author.profile.biography)
    return found


def to_one_saved_below_a_join() -> Any:
    """A write to the far end of a chain."""
    found = []
    for book in auto(Book.objects.all()):
        if book.publisher and book.publisher.city:
            rename(book.publisher.city)
            found.append(book.publisher.city.name)
    return found


def self_saved() -> Any:
    """The table of the rows themselves, read again by a foreign key to self."""
    found = []
    for author in auto(Author.objects.all()):
        rename(author)
        found.append(author.mentor and author.mentor.name)
    return found


def tree_saved() -> Any:
    """A tree that is renamed from its root down."""
    for category in auto(Category.objects.order_by("pk")):
        category.name = f"{category.parent.name if category.parent else ''}/{category.name}"
        category.save()
    return [category.name for category in Category.objects.order_by("pk")]


def inheriting_child_saved() -> Any:
    """Saving a film writes to the table of media too."""
    found = []
    for screening in auto(Screening.objects.order_by("pk")):
        for film in Film.objects.order_by("pk"):
            film.title += "!"
            film.save()
        found.append((screening.film.title, screening.trailer and screening.trailer.title))
    return found


def reverse_set_created() -> Any:
    """A child created in the loop is in the set."""
    found = []
    for author in auto(Author.objects.all()):
        book = Book(title="New", pages=1, published="2020-01-01", author_id=author.pk)
        book.save()
        found.append(([b.title for b in author.books.all()], author.books.count()))
    return found


def reverse_set_created_in_bulk() -> Any:
    """`bulk_create()`, after a first look at the set."""
    found = []
    for book in auto(Book.objects.all()):
        before = len(book.contributions.all())
        Contribution.objects.bulk_create(
            [Contribution(book_id=book.pk, author_id=book.author_id, role="x", position=9)]
        )
        found.append((before, len(book.contributions.all())))
    return found


def reverse_set_updated() -> Any:
    """`update()` through the related manager."""
    found = []
    for author in auto(Author.objects.all()):
        author.books.update(title="Same")
        found.append([book.title for book in author.books.all()])
    return found


def reverse_set_deleted() -> Any:
    """`delete()` through the related manager, and what the cascade reaches below it."""
    found = []
    for author in auto(Author.objects.all()):
        author.books.filter(pages__gt=300).delete()
        found.append([(book.title, len(book.copies.all())) for book in author.books.all()])
    return found


def cascade_reached() -> Any:
    """Deleting a book deletes its copies and their loans."""
    found = []
    for copy in auto(Copy.objects.order_by("pk")):
        found.append(len(copy.loans.all()))
        Book.objects.filter(copies__isnull=False).order_by("pk").last().delete()
        found.append(len(copy.loans.all()))
        if len(found) > 6:
            break
    return found


def set_null_reached() -> Any:
    """`SET_NULL` writes to the table that points here."""
    found = []
    for publisher in auto(Publisher.objects.order_by("pk")):
        Publisher.objects.filter(name="Cygne").delete()
        found.append((publisher.name, len(publisher.books.all())))
    return found


def many_to_many_added() -> Any:
    """`add()` writes to the through table only."""
    tag, found = Tag.objects.get(name="unused"), []
    for book in auto(Book.objects.all()):
        book.tags.add(tag)
        found.append(sorted(tag.name for tag in book.tags.all()))
    return found


def many_to_many_removed_set_and_cleared() -> Any:
    """`remove()`, `set()` and `clear()`, with a look before each."""
    tag, found = Tag.objects.get(name="old"), []
    for book in auto(Book.objects.all()):
        found.append(len(book.tags.all()))
        book.tags.remove(tag)
        found.append(len(book.tags.all()))
        book.tags.set([tag])
        found.append(sorted(tag.name for tag in book.tags.all()))
        book.tags.clear()
        found.append(len(book.tags.all()))
    return found


def many_to_many_written_from_behind() -> Any:
    """The other side of a symmetrical relation changes too."""
    found = []
    for author in auto(Author.objects.all()):
        author.friends.add(Author.objects.get(name="Hal"))
        found.append(sorted(friend.name for friend in author.friends.all()))
    return found


def many_to_many_through_written() -> Any:
    """A row of the through model."""
    found = []
    for book in auto(Book.objects.all()):
        Contribution.objects.create(book_id=book.pk, author_id=book.author_id, role="x", position=9)
        found.append(sorted(author.name for author in book.contributors.all()))
    return found


def generic_relation_created() -> Any:
    """A comment that is written in the loop."""
    found = []
    for book in auto(Book.objects.all()):
        Comment.objects.create(text="new", subject=book)
        found.append(sorted(comment.text for comment in book.comments.all()))
    return found


def generic_foreign_key_saved() -> Any:
    """The subjects of comments, saved."""
    found = []
    for comment in auto(Comment.objects.order_by("pk")):
        if isinstance(comment.subject, Author):
            rename(comment.subject)
        found.append(str(comment.subject))
    return found


def moved_between_sets() -> Any:
    """A key that is set anew moves the child from one set to another."""
    found, last = [], Publisher.objects.get(name="Empty")
    for publisher in auto(Publisher.objects.order_by("pk")):
        for book in publisher.books.all():
            book.publisher = last
            book.save()
        found.append(len(publisher.books.all()))
    return found


def got_or_created() -> Any:
    """`get_or_create()` and `update_or_create()` write."""
    found, any_branch = [], Branch.objects.order_by("pk")[0].pk
    for reader in auto(Reader.objects.order_by("pk")):
        Shelf.objects.update_or_create(name=reader.name, defaults={"branch_id": reader.branch_id or any_branch})
        if reader.branch:
            reader.branch.shelves.get_or_create(name="Every")
            found.append(sorted(shelf.name for shelf in reader.branch.shelves.all()))
    return found


VIEWS = [
    to_one_saved,
    to_one_updated,
    to_one_deleted,
    to_one_created,
    to_one_saved_below_a_join,
    self_saved,
    tree_saved,
    inheriting_child_saved,
    reverse_set_created,
    reverse_set_created_in_bulk,
    reverse_set_updated,
    reverse_set_deleted,
    cascade_reached,
    set_null_reached,
    many_to_many_added,
    many_to_many_removed_set_and_cleared,
    many_to_many_written_from_behind,
    many_to_many_through_written,
    generic_relation_created,
    generic_foreign_key_saved,
    moved_between_sets,
    got_or_created,
]


def rename(row: Any) -> None:
    row.name = f"{row.name}+"
    row.save()


@pytest.mark.parametrize("view", VIEWS, ids=lambda view: view.__name__)
def test_what_is_written_in_the_loop_is_read_in_the_loop(view: Any, database: str) -> None:
    """A view that writes to what it reads returns the same plain, cold and warm, with no more queries."""
    plain, cold, warm = plain_cold_warm(view)
    assert plain.error is None
    assert cold.queries <= plain.queries
    assert warm.queries <= plain.queries


def test_only_the_written_path_stays_lazy(database: str) -> None:
    """The other paths of the call site are loaded ahead, and the report says why this one is not."""

    def view() -> Any:
        found = []
        for book in auto(Book.objects.all()):
            rename(book.author)
            found.append((book.author.name, str(book.publisher), len(book.tags.all())))
        return found

    plain, _, warm = plain_cold_warm(view)
    assert warm.queries < plain.queries
    assert warm.joins("library_publisher")
    assert not warm.joins("library_author")
    assert plan_of()["author"] == ("lazy", "library_author is written to at this call site")


def test_what_lies_beyond_a_written_path_is_not_loaded_ahead_either(database: str) -> None:
    """It would have to be loaded through rows that are loaded one by one."""

    def view() -> Any:
        found = []
        for book in auto(Book.objects.all()):
            rename(book.author)
            found.append((book.author.name, str(book.author.archive)))
        return found

    _, _, warm = plain_cold_warm(view)
    assert not warm.joins("library_archive")


def test_a_write_to_the_rows_own_table_leaves_other_paths_eager(database: str) -> None:
    """Saving the rows themselves, as most loops that write do."""

    def view() -> Any:
        for book in auto(Book.objects.all()):
            book.summary = f"{book.title} by {book.author.name}"
            book.save()
        return sorted(Book.objects.values_list("summary", flat=True))

    _, _, warm = plain_cold_warm(view)
    assert warm.joins("library_author")
    assert warm.queries == 1 + 16 + 1


def test_a_write_at_another_call_site_counts_for_nothing_here(database: str) -> None:
    """What is written after the loop has ended, such as the user's last visit, is no write of the loop."""

    def reading() -> Any:
        return [(str(book.author), len(book.tags.all())) for book in auto(Book.objects.all())]

    def both() -> Any:
        value = reading()
        Author.objects.update(archive=None)
        return value

    *_, warm = runs(both, 4)
    assert warm.queries == 3


def listing(request: Any) -> HttpResponse:
    return HttpResponse("".join(f"{sorted(map(str, book.tags.all()))}" for book in auto(Book.objects.all())))


def writing(request: Any) -> HttpResponse:
    Tag.objects.update(name=models.F("name"))
    return HttpResponse("written")


urlpatterns = [path("listing/", listing), path("writing/", writing)]


@override_settings(ROOT_URLCONF=__name__)
def test_a_write_of_another_request_counts_for_nothing(database: str, client: Client) -> None:
    """A recording closes with its request, also when its rows still wait for the garbage collector.

    Rows with prefetched sets always do: the set knows its row, and the row its set.
    """
    gc.collect()
    gc.disable()
    try:
        counts, bodies = [], []
        for _ in range(5):
            with count_queries() as log:
                bodies.append(client.get("/listing/").content)
            counts.append(len(log))
            client.post("/writing/")
    finally:
        gc.enable()
    assert len(set(bodies)) == 1
    assert counts == [2] * 5, autoprefetch.report().as_text()
    assert plan_of()["tags"][0] == "prefetched"


def test_a_recording_is_closed_by_the_next_evaluation_of_its_call_site(database: str) -> None:
    """A write that comes after the second evaluation is no write of the first one."""
    kept = []

    def view() -> Any:
        books = list(auto(Book.objects.all()))
        kept.append(books)
        return [sorted(tag.name for tag in book.tags.all()) for book in books]

    runs(view, 3)
    Tag.objects.update(name=models.F("name"))
    (site,) = autoprefetch.report().call_sites
    assert site.profile.written.get("library_tag", 0) <= 1


def test_reset_forgets_what_is_still_in_use(database: str) -> None:
    """After `reset()`, a write counts for no evaluation that was made before it."""
    kept = []

    def view() -> Any:
        books = list(auto(Book.objects.all()))
        kept.append(books)
        return [sorted(tag.name for tag in book.tags.all()) for book in books]

    counts = []
    for _ in range(3):
        for _ in range(2):
            with count_queries() as log:
                view()
            counts.append(len(log))
        assert plan_of()["tags"][0] == "prefetched"
        autoprefetch.reset()
        Tag.objects.update(name=models.F("name"))
        assert autoprefetch.report().call_sites == ()
    assert counts == [2, 2] * 3


def test_reset_forgets_what_old_rows_load_afterwards(database: str) -> None:
    """Rows from before `reset()` teach nothing, and do not change what is learned after it."""
    books = list(auto(Book.objects.all()))
    autoprefetch.reset()
    assert [str(book.author) for book in books]
    assert autoprefetch.report().call_sites == ()


def test_loans_that_come_back_are_read_again(database: str) -> None:
    """A manager that joins, a write to what it joins: the caller's own join is as stale as in plain Django."""

    def view() -> Any:
        found = []
        for loan in auto(Loan.objects.order_by("pk")):
            loan.copy.book.title += "!"
            loan.copy.book.save()
            found.append((loan.copy.book.title, loan.reader.name))
        return found

    plain_cold_warm(view)
