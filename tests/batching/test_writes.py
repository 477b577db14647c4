"""Writes between two reads: what was batched before a write is not what is read after it.

Each view loads a batch by the touch of one peer, writes, and reads from all peers. It gives what plain Django gives.
"""

from collections.abc import Callable
from typing import Any

import pytest
from django.db import connections, router, transaction
from django.db.models import F

import autoprefetch
from autoprefetch import auto
from tests.equivalence.comparing import know_content_types, raised, runs, undoing
from tests.library.models import Author, Book, Comment, Copy, Loan, Publisher, Reader, Series, Tag

pytestmark = pytest.mark.usefixtures("library")


def alias() -> str:
    return router.db_for_write(Book)


def read(author: Any) -> Any:
    """Read in each way that is batched."""
    books = list(author.books.all())
    return [
        [(book.title, book.pages) for book in books],
        author.books.count(),
        author.books.filter(pages__gt=200).exists(),
        [book.title for book in author.books.order_by("-pages", "pk")[:2]],
        list(author.books.values_list("pages", flat=True)),
        sorted(other.name for other in author.follows.all()),
        author.mentor and author.mentor.name,
        raised(lambda: author.profile.biography),
        sorted(comment.text for comment in author.comments.all()),
    ]


def sql(statement: str, *params: Any) -> None:
    with connections[alias()].cursor() as cursor:
        cursor.execute(statement, params)


def roll_back(write: Callable[[list[Any]], None], people: list[Any]) -> Any:
    """Write and read inside a savepoint, and undo it."""
    with transaction.atomic(using=alias()):
        write(people)
        seen = read(people[2])
        transaction.set_rollback(True, using=alias())
    return seen


def new_book(author: Any) -> Any:
    return Book.objects.create(title="new", pages=999, published="2020-01-01", author=author)


def save_a_book(people: list[Any]) -> None:
    book = Book.objects.filter(author=people[2])[0]
    book.title, book.pages = "changed", 1
    book.save()


WRITES: dict[str, Callable[[list[Any]], Any]] = {
    "save": save_a_book,
    "create": lambda people: new_book(people[2]),
    "create through the manager": lambda p: p[2].books.create(title="new", pages=1, published="2020-01-01"),
    "update": lambda people: Book.objects.filter(author=people[3]).update(pages=F("pages") + 500),
    "update through the manager": lambda people: people[3].books.update(title="changed"),
    "delete": lambda people: Book.objects.filter(author=people[2])[0].delete(),
    "delete of many": lambda people: Book.objects.filter(pages__gt=200).delete(),
    "delete of a parent with its children": lambda people: Author.objects.filter(pk=people[4].pk).delete(),
    "delete of what a peer points to": lambda people: Author.objects.filter(pk=people[0].pk).delete(),
    "bulk create": lambda p: Book.objects.bulk_create([Book(title="b", pages=5, published="2020-01-01", author=p[1])]),
    "bulk update": lambda p: Book.objects.bulk_update([Book(pk=p[1].books.first().pk, pages=7)], ["pages"]),
    "add": lambda people: people[2].books.add(Book.objects.filter(author=people[1])[0]),
    "set": lambda people: people[2].follows.set([people[6], people[7]]),
    "add to many": lambda people: people[3].follows.add(people[6]),
    "remove from many": lambda people: people[2].follows.remove(people[0]),
    "clear": lambda people: people[2].follows.clear(),
    "add from behind": lambda people: people[6].followers.add(people[2], people[3]),
    "change of a foreign key": lambda people: Author.objects.filter(pk=people[2].pk).update(mentor=people[7]),
    "rename of a mentor": lambda people: Author.objects.filter(pk=people[0].pk).update(name="renamed"),
    "profile": lambda people: people[2].profile.__class__.objects.filter(author=people[2]).update(biography="none"),
    "generic": lambda people: people[2].comments.create(text="new"),
    "generic delete": lambda people: Comment.objects.all().delete(),
    "raw update": lambda people: sql("UPDATE library_book SET pages = pages + 300"),
    "raw insert": lambda p: sql(
        "INSERT INTO library_author_follows (from_author_id, to_author_id) VALUES (%s, %s)", p[3].pk, p[7].pk
    ),
    "raw delete": lambda people: sql("DELETE FROM library_comment"),
    "raw update after a comment": lambda people: sql("/* for you */ UPDATE library_book SET title = 'x'"),
    "raw update in brackets": lambda people: sql("\n  update library_book set title = 'x' where pages > %s", 200),
    "raw write by a with clause": lambda people: (
        connections[alias()].vendor == "mysql"
        or sql("WITH few AS (SELECT 200 AS n) UPDATE library_book SET pages = 3 WHERE pages > (SELECT n FROM few)")
    ),
    "undone in a savepoint": lambda people: roll_back(save_a_book, people),
    "undone delete": lambda people: roll_back(lambda p: Book.objects.all().delete(), people),
    "update or create": lambda p: p[2].books.update_or_create(title="Book 02", defaults={"pages": 4}),
    "get or create": lambda p: p[2].books.get_or_create(title="n", defaults={"pages": 4, "published": "2020-01-01"}),
}


@pytest.mark.parametrize("ahead", [True, False], ids=["ahead", "at first touch"])
@pytest.mark.parametrize("write", WRITES)
def test_what_was_written_is_read(write: str, ahead: bool, database: str) -> None:
    """After a write, each peer reads what plain Django reads."""

    def view() -> Any:
        people = list(auto(Author.objects.all()))
        before = [read(people[0]), read(people[1])]
        WRITES[write](people)
        return [before, [raised(lambda p=person: read(p)) for person in people]]

    plain, cold, warm, again = runs(view, AHEAD=ahead)
    assert cold.outcome == plain.outcome, cold.log
    assert warm.outcome == plain.outcome, warm.log
    assert again.outcome == plain.outcome, again.log


def read_batched(author: Any) -> Any:
    """Read only what no plan loads ahead."""
    return [
        [(book.title, book.pages) for book in author.books.order_by("-pages", "pk")[:2]],
        author.books.count(),
        author.books.filter(pages__gt=200).exists(),
        [(book.title, book.pages) for book in author.books.filter(pages__gt=1)],
        list(author.books.values_list("pages", flat=True)),
        sorted(author.follows.values_list("name", flat=True)),
        author.follows.count(),
        author.comments.order_by("-pk").values_list("text").first(),
    ]


@pytest.mark.parametrize("write", WRITES)
def test_the_first_write_of_a_call_site_that_knows_its_shapes(write: str, database: str) -> None:
    """The call site has learned from runs that wrote nothing; then one writes."""
    does_write: list[bool] = []

    def view() -> Any:
        people = list(auto(Author.objects.all()))
        before = [read_batched(people[0])]
        if does_write:
            WRITES[write](people)
        return [before, [raised(lambda p=person: read_batched(p)) for person in people]]

    know_content_types()
    results = []
    for writes, mode in [(True, "off"), (False, "auto"), (False, "auto"), (True, "auto")]:
        does_write[:] = [True] if writes else []
        with undoing(True), autoprefetch.override(MODE=mode):
            results.append(view())
    assert results[3] == results[0]


@pytest.mark.parametrize("isolated", [True, False], ids=["after a lock", "without a lock"])
def test_a_read_after_a_lock_is_a_read(isolated: bool, database: str) -> None:
    """Who locks a row reads again what was loaded before the lock."""

    def view() -> Any:
        people = list(auto(Author.objects.all()))
        before = read(people[0])
        with transaction.atomic(using=alias()):
            rows = Author.objects.select_for_update() if isolated else Author.objects.all()
            locked = rows.get(pk=people[1].pk)
            return before, read(locked), read(people[1])

    plain, cold, warm, _ = runs(view)
    assert (cold.outcome, warm.outcome) == (plain.outcome, plain.outcome)
    if isolated:
        assert cold.queries >= 1 + 9 + 1 + 9, cold.log


# Loops that write what they read -------------------------------------------------------------------------------------


def lost_update() -> Any:
    """A1: each book's author counts up; nothing is lost."""
    for book in auto(Book.objects.all()):
        book.author.name += "+"
        book.author.save()
    return list(Author.objects.values_list("name", flat=True))


def grow_the_set() -> Any:
    found = []
    for author in auto(Author.objects.all()):
        found.append(author.books.count())
        new_book(author)
        found.append(author.books.count())
    return found


def grow_the_set_of_all() -> Any:
    found = []
    for author in auto(Author.objects.all()):
        found.append(len(author.books.all()))
        author.books.create(title="new", pages=1, published="2020-01-01")
        found.append([book.title for book in author.books.all()])
    return found


def tag_while_reading() -> Any:
    tag = Tag.objects.get(name="unused")
    found = []
    for book in auto(Book.objects.all()):
        if not book.tags.filter(name="unused").exists():
            book.tags.add(tag)
        found.append(sorted(t.name for t in book.tags.all()))
    return found


def move_along() -> Any:
    """Each author takes the first book of the next."""
    found = []
    for author in auto(Author.objects.all()):
        first = author.books.order_by("pk").first()
        if first is not None:
            Book.objects.filter(pk=first.pk).update(author_id=author.pk % 6 + 1)
        found.append([book.pk for book in author.books.all()])
    return found


def delete_while_reading() -> Any:
    found = []
    for author in auto(Author.objects.all()):
        last = author.books.last()
        if last is not None:
            last.delete()
        found.append((author.books.count(), [book.pk for book in author.books.order_by("pk")[:2]]))
    return found


def publish() -> Any:
    """Change the row that the next books point to."""
    found = []
    for book in auto(Book.objects.all()):
        if book.publisher:
            found.append(book.publisher.name)
            Publisher.objects.filter(pk=book.publisher_id).update(name=f"{book.publisher.name}+")
    return found


def write_elsewhere() -> Any:
    """A write to another table does not matter."""
    found = []
    for author in auto(Author.objects.all()):
        found.append(author.books.count())
        Series.objects.update(name=author.name)
    return found


def lend() -> Any:
    reader = Reader.objects.order_by("pk")[0]
    found = []
    for copy in auto(Copy.objects.order_by("pk")):
        if not copy.loans.exists():
            Loan.objects.create(copy=copy, reader=reader, due="2021-01-01")
        found.append([loan.reader.name for loan in copy.loans.all()])
    return found


LOOPS = [
    lost_update,
    grow_the_set,
    grow_the_set_of_all,
    tag_while_reading,
    move_along,
    delete_while_reading,
    publish,
    write_elsewhere,
    lend,
]


@pytest.mark.parametrize("loop", LOOPS, ids=lambda loop: loop.__name__)
def test_a_loop_that_writes_what_it_reads(loop: Callable[[], Any], database: str) -> None:
    """It reads its own writes, in at most two queries more than plain Django for each relation that it reads."""
    relations = {"lost_update": 1, "publish": 1, "grow_the_set": 1, "write_elsewhere": 1}.get(loop.__name__, 2)
    plain, cold, warm, again = runs(loop)
    for run in (cold, warm, again):
        assert run.outcome == plain.outcome, run.log
        assert run.queries <= plain.queries + 2 * relations, run.log


def test_a_write_to_another_table_expires_nothing(database: str) -> None:
    plain, cold, warm, _ = runs(write_elsewhere)
    assert plain.queries - cold.queries == 7, cold.log
    assert plain.queries - warm.queries == 7, warm.log


def test_a_to_one_value_that_was_used_stays(database: str) -> None:
    """As in plain Django, what one instance has loaded once it keeps; its peers see what was written."""

    def view() -> Any:
        books = list(auto(Book.objects.all()))
        before = [books[0].author.name, books[6].author.name]
        Author.objects.update(name="renamed")
        return before, [book.author.name for book in books]

    plain, cold, warm, _ = runs(view)
    assert cold.outcome == plain.outcome
    assert warm.outcome == plain.outcome
