"""The write barrier: after a write, every kind of loaded value answers as in plain Django, whoever wrote and how.

`tests/batching/test_writes.py` goes through the writes of the ORM and what is batched; here are what a plan has loaded
ahead, locks, transactions, threads and tasks, blocks that are off, views, and what a loop that writes may cost.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from contextlib import contextmanager
from io import BytesIO
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from django.core.handlers.wsgi import WSGIHandler
from django.db import connection, connections, models, router, transaction
from django.db.models import F, Manager
from django.db.models.signals import post_save

import autoprefetch
from autoprefetch import auto, override
from tests.databases import count_queries
from tests.equivalence.comparing import know_content_types, raised, runs, undoing
from tests.library.models import Author, Book, Branch, Comment, Copy, Publisher, Reader, Shelf, Tag

pytestmark = pytest.mark.usefixtures("library")


def alias() -> str:
    return router.db_for_write(Book)


def sql(statement: Any, *params: Any) -> None:
    with connections[alias()].cursor() as cursor:
        cursor.execute(statement, params or None)


# Kinds of writes, and kinds of what was loaded before ---------------------------------------------------------------


def each(rows: Any, change: Callable[[Any], None]) -> None:
    for row in rows:
        change(row)
        row.save()


def first_author() -> Author:
    return Author.objects.all()[0]


def rename(row: Any) -> None:
    row.name += "+"


@contextmanager
def receiving(receiver: Any, sender: Any) -> Any:
    post_save.connect(receiver, sender=sender, weak=False)
    try:
        yield
    finally:
        post_save.disconnect(receiver, sender=sender)


def by_a_signal() -> None:
    """Saving a tag writes books and authors."""

    def write(**kwargs: Any) -> None:
        Author.objects.update(name="by a signal")
        Book.objects.update(pages=F("pages") + 1)

    with receiving(write, Tag):
        Tag.objects.create(name="sender")


def undone(write: Callable[[], Any]) -> None:
    write()
    with transaction.atomic(using=alias()):
        Author.objects.update(name="never seen")
        Book.objects.all().delete()
        transaction.set_rollback(True, using=alias())


def composed() -> None:
    if connections[alias()].vendor != "postgresql":
        sql(b"UPDATE library_author SET name = 'x'" if connections[alias()].vendor == "mysql" else
            "UPDATE library_author SET name = 'x'")  # fmt: skip
        return
    from psycopg import sql as psycopg

    sql(psycopg.SQL("UPDATE {} SET name = 'x'").format(psycopg.Identifier("library_author")))


def executemany() -> None:
    with connections[alias()].cursor() as cursor:
        cursor.executemany(
            "UPDATE library_author SET name = %s WHERE id = %s", [("one", first_author().pk), ("two", 0)]
        )


def raw_queryset() -> None:
    if connections[alias()].vendor == "postgresql":
        list(Author.objects.raw("UPDATE library_author SET name = 'x' RETURNING *"))
    else:
        sql('UPDATE library_author SET name = "x"' if connections[alias()].vendor == "mysql" else
            "UPDATE [library_author] SET name = 'x'")  # fmt: skip


def while_off() -> None:
    with override(MODE="off"):
        Author.objects.update(name="while off")
        Book.objects.update(pages=1)


def through_table() -> None:
    through: Any = Author.follows.through
    through.objects.all().delete()


def get_or_create() -> None:
    Book.objects.get_or_create(title="g", defaults={"pages": 1, "published": "2020-01-01", "author": first_author()})


def update_or_create() -> None:
    Author.objects.update_or_create(pk=first_author().pk, defaults={"name": "u"})


def bulk() -> None:
    authors = list(Author.objects.all())
    for author in authors:
        author.name = "bulk"
    Author.objects.bulk_update(authors, ["name"])
    Book.objects.bulk_create([Book(title="b", pages=3, published="2020-01-01", author=first_author())])


def related_managers() -> None:
    author, other = Author.objects.all()[:2]
    author.books.add(*other.books.all())
    author.books.create(title="c", pages=2, published="2020-01-01")
    author.follows.set([other])
    other.follows.clear()
    Book.objects.all()[0].tags.set([Tag.objects.create(name="set")])


WRITES: dict[str, Callable[[], Any]] = {
    "save": lambda: each(Author.objects.all(), rename),
    "update": lambda: (Author.objects.update(name="u"), Book.objects.update(pages=7)),
    "delete with cascades": lambda: Author.objects.all()[0].delete(),
    "delete of what is set to null": lambda: Publisher.objects.all()[0].delete(),
    "bulk": bulk,
    "get_or_create": get_or_create,
    "update_or_create": update_or_create,
    "related managers": related_managers,
    "through table": through_table,
    "signal": by_a_signal,
    "rollback": lambda: undone(lambda: None),
    "write and rollback": lambda: undone(lambda: Author.objects.update(name="stays")),
    "while off": while_off,
    "other letter case": lambda: sql("UPDATE LIBRARY_AUTHOR SET name = 'x'" if connections[alias()].vendor != "mysql"
                                     else "UPDATE library_author SET name = 'x'"),
    "schema": lambda: sql({
        "sqlite": "UPDATE main.library_author SET name = 'x'",
        "postgresql": 'UPDATE "public"."library_author" SET name = \'x\'',
        "mysql": "UPDATE `library_author` AS a SET a.name = 'x'",
    }[connections[alias()].vendor]),
    "or ignore, only": lambda: sql({
        "sqlite": "UPDATE OR IGNORE library_author SET name = 'x'",
        "postgresql": "UPDATE ONLY library_author SET name = 'x'",
        "mysql": "UPDATE IGNORE library_author SET name = 'x'",
    }[connections[alias()].vendor]),
    "comment before": lambda: sql("-- SELECT\n/* SELECT */ UPDATE library_author SET name = 'x'"),
    "composed": composed,
    "executemany": executemany,
    "raw queryset": raw_queryset,
}  # fmt: skip


def look(authors: list[Any], books: list[Any], since: int = 0) -> Any:
    """Read in each way: to-one, two steps, to-many, a derived slice, a count."""
    return [
        [raised(lambda b=book: (b.author.name, b.publisher and b.publisher.name)) for book in books[since:]],
        [raised(lambda b=book: b.author.mentor and b.author.mentor.name) for book in books[since:]],
        [raised(lambda a=author: sorted((b.title, b.pages) for b in a.books.all())) for author in authors],
        [raised(lambda a=author: [b.pages for b in a.books.order_by("-pages", "pk")[:2]]) for author in authors],
        [raised(lambda a=author: (a.books.count(), sorted(f.name for f in a.follows.all()))) for author in authors],
    ]


@pytest.mark.parametrize("used", [0, 2, 99], ids=["nothing used", "two used", "all used"])
@pytest.mark.parametrize("write", WRITES)
def test_what_was_loaded_ahead_is_read_anew_after_a_write(write: str, used: int, database: str) -> None:
    """Joined and prefetched ahead by a call site that never wrote; then it writes, with none, some or all in use."""
    does_write: list[bool] = []

    def view() -> Any:
        books = list(auto(Book.objects.all()))
        authors = list(auto(Author.objects.all()))
        before = [] if does_write and not used else look(authors[:used], books[:used])
        if does_write:
            WRITES[write]()
        return before, look(authors, books, since=used if used < 99 else 0)

    results = []
    for writes, mode in [(True, "off"), (False, "auto"), (False, "auto"), (True, "auto"), (True, "auto")]:
        does_write[:] = [True] if writes else []
        with undoing(True), override(MODE=mode):
            results.append(view())
    assert results[3] == results[0]
    assert results[4] == results[0]


# What a joined or prefetched value is worth -------------------------------------------------------------------------


def run_warm(view: Callable[[], Any], times: int = 2, **settings: Any) -> Any:
    for _ in range(times):
        with undoing(True), override(**settings):
            view()


@pytest.mark.parametrize("unordered", [True, False], ids=["joined", "prefetched"])
def test_an_unused_value_is_loaded_afresh_and_a_used_one_stays(unordered: bool, database: str) -> None:
    """As in plain Django, where the used one was loaded before the write."""
    writes: list[int] = []

    def view() -> Any:
        books = list(auto(Book.objects.order_by("title", "pk") if unordered else Book.objects.order_by("title")))
        used = [book.author.name for book in books[:3]]
        if writes:
            Author.objects.update(name="renamed")
        return used, sorted(book.author.name for book in books[3:]), [book.author.name for book in books[:3]][:1]

    know_content_types()
    run_warm(view)
    writes.append(1)
    with undoing(True), count_queries() as log:
        used, unused, again = view()
    assert set(unused) == {"renamed"}
    assert again == used[:1] != ["renamed"]
    assert len(log) <= 2 + 2 + 1, log


def test_a_value_that_is_joined_below_another_one_is_loaded_afresh(database: str) -> None:
    """The upper one still holds, and is not asked for again."""
    writes: list[int] = []

    def view() -> Any:
        copies = list(auto(Copy.objects.order_by("pk")))
        if writes:
            Author.objects.update(name="renamed")
        return [(copy.book.title, copy.book.author.name) for copy in copies]

    know_content_types()
    run_warm(view)
    writes.append(1)
    with undoing(True), override(MODE="off"):
        plain = view()
    with undoing(True), count_queries() as log:
        assert view() == plain
    _, *later = [statement for statement in log.statements if "library_book" in statement]
    assert later == [], log


def test_a_second_all_of_a_prefetched_set_sees_writes_below_it(database: str) -> None:
    """Plain Django gives new rows each time, which have not loaded their publisher yet."""
    writes: list[int] = []

    def view() -> Any:
        authors = list(auto(Author.objects.all()))
        found = [[[b.publisher and b.publisher.name for b in author.books.all()] for author in authors]]
        if writes:
            Publisher.objects.update(name="renamed")
        return [*found, [[b.publisher and b.publisher.name for b in author.books.all()] for author in authors]]

    know_content_types()
    with undoing(True), override(MODE="off"):
        writes.append(1)
        plain = view()
    for writing in (False, False, True, True):
        writes[:] = [1] if writing else []
        with undoing(True), override(MODE="auto"):
            found = view()
    assert found == plain


def test_a_foreign_key_that_is_set_anew_is_not_answered_by_what_waits(database: str) -> None:
    """A11: neither the object nor the key."""

    def view() -> Any:
        books = list(auto(Book.objects.order_by("pk")))
        seen = [books[0].author.name]
        books[1].author_id = first_author().pk
        books[2].author = Author(name="unsaved")
        books[3].refresh_from_db()
        Book.objects.filter(pk=books[4].pk).update(author=books[0].author_id)
        books[4].refresh_from_db(fields=["author"])
        return seen, [book.author.name for book in books]

    plain, cold, warm, again = runs(view)
    assert cold.outcome == warm.outcome == again.outcome == plain.outcome


def test_a_copy_and_a_pickle_have_what_was_used(database: str) -> None:
    """A copy loads the rest lazily, from the database as it is then."""
    import copy
    import pickle

    writes: list[int] = []

    def view() -> Any:
        books = list(auto(Book.objects.order_by("pk")))
        used = [book.author.name for book in (books[:1] if writes else books)]
        copies = [copy.copy(books[0]), copy.copy(books[1]), *pickle.loads(pickle.dumps(books[:2]))]
        Author.objects.update(name="renamed")
        return used[:1], [book.author.name for book in copies]

    run_warm(view)
    writes.append(1)
    results = []
    for mode in ("off", "auto"):
        with undoing(True), override(MODE=mode):
            results.append(view())
    assert results[0] == results[1]


# Streams ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("chunk_size", [None, 3])
def test_rows_of_a_stream_that_were_read_before_a_write(chunk_size: int | None, database: str) -> None:
    """What was joined to them is as old as their statement, however late they are handed out."""
    writes: list[int] = []

    def view() -> Any:
        found = []
        for at, book in enumerate(auto(Book.objects.order_by("pk")).iterator(chunk_size=chunk_size)):
            if at == 2 and writes:
                Author.objects.update(name="renamed")
            found.append((book.author.name, sorted(tag.name for tag in book.tags.all())))
        return found

    writes.append(1)
    with undoing(True), override(MODE="off"):
        plain = view()
    for writing in (False, False, False, True, True):
        writes[:] = [1] if writing else []
        with undoing(True):
            found = view()
    assert found == plain


# Loops that write to what they read ---------------------------------------------------------------------------------


def to_one() -> Any:
    for book in auto(Book.objects.all()):
        book.author.name += "+"
        book.author.save()
    return sorted(Author.objects.values_list("name", flat=True))


def to_many() -> Any:
    found = []
    for author in auto(Author.objects.all()):
        found.append([book.pages for book in author.books.all()])
        Book.objects.update(pages=F("pages") + 1)
    return found


def derived() -> Any:
    found = []
    for author in auto(Author.objects.all()):
        found.append([book.pages for book in author.books.order_by("-pages", "pk")[:2]])
        Book.objects.update(pages=F("pages") + 1)
    return found


def count() -> Any:
    found = []
    for author in auto(Author.objects.all()):
        found.append(author.books.count())
        author.books.create(title="n", pages=1, published="2020-01-01")
        Book.objects.filter(author_id=author.pk % 6 + 1).update(pages=2)
    return found


def transactions() -> Any:
    found = []
    for author in auto(Author.objects.all()):
        with transaction.atomic(using=alias()):
            list(Author.objects.select_for_update().filter(pk=author.pk))
            found.append((author.books.count(), [book.title for book in author.books.all()]))
    return found


@pytest.mark.parametrize("loop", [to_one, to_many, derived, count, transactions], ids=lambda loop: loop.__name__)
def test_a_loop_that_writes_costs_two_batches_more_at_the_most(loop: Callable[[], Any], database: str) -> None:
    """Then it is as lazy as plain Django; once it is known to write, nothing is loaded ahead for it either."""
    relations = 2 if loop is transactions else 1
    plain, *automatic = runs(loop, 5)
    for run in automatic:
        assert run.outcome == plain.outcome, run.log
        assert run.queries <= plain.queries + 2 * relations, run.log


# Locks --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("lock", ["orm", "skip locked", "raw", "subquery"])
def test_a_lock_is_followed_by_reads(lock: str, database: str) -> None:
    """A13: what was loaded before the lock is asked for again after it."""
    if connections[alias()].vendor == "sqlite" and lock == "raw":
        pytest.skip("SQLite has no such lock")

    def locked() -> None:
        rows = Author.objects.filter(pk=first_author().pk)
        if lock == "orm":
            list(rows.select_for_update())
        elif lock == "skip locked":
            features = connections[alias()].features
            list(rows.select_for_update(skip_locked=features.has_select_for_update_skip_locked))
        elif lock == "subquery":
            rows = rows.select_for_update()
            list(Author.objects.filter(pk__in=rows)) if connections[alias()].vendor == "postgresql" else list(rows)
        else:
            sql("SELECT * FROM library_author WHERE id = %s FOR UPDATE", first_author().pk)

    def view() -> Any:
        authors, books = list(auto(Author.objects.all())), list(auto(Book.objects.all()))
        before = [author.books.count() for author in authors], books[0].author.name
        with transaction.atomic(using=alias()):
            locked()
            return before, [author.books.count() for author in authors], [book.author.name for book in books]

    plain, cold, warm, _ = runs(view)
    assert cold.outcome == warm.outcome == plain.outcome
    counts = [sql for sql in cold.log.statements if "COUNT(" in sql]
    assert len(counts) == 2, cold.log


# Views, and models that are read from other tables ------------------------------------------------------------------


class PageCount(models.Model):
    """A database view over books."""

    author = models.OneToOneField(Author, models.DO_NOTHING, primary_key=True, related_name="page_count")
    pages = models.IntegerField()

    class Meta:
        app_label = "library"
        managed = False
        db_table = "library_pagecount"


@pytest.fixture
def view_of_pages(database: str) -> Any:
    sql("CREATE VIEW library_pagecount AS SELECT author_id, SUM(pages) AS pages FROM library_book GROUP BY author_id")
    yield
    sql("DROP VIEW library_pagecount")


@pytest.mark.parametrize("database", ["sqlite", "postgresql"], indirect=True)
def test_what_was_read_from_a_view_expires_with_any_write(database: str, view_of_pages: Any) -> None:
    """Nobody writes to a view by its name. MariaDB would commit the test's transaction when it makes one."""
    writes: list[int] = []

    def view() -> Any:
        authors = list(auto(Author.objects.filter(books__isnull=False).order_by("pk").distinct()))
        few = [author.page_count.pages for author in (authors[:2] if writes else authors)]
        counted = [PageCount.objects.filter(author=authors[0]).count()]
        if writes:
            Book.objects.update(pages=F("pages") + 5)
        return few, counted, [author.page_count.pages for author in authors[2:]]

    writes.append(1)
    with undoing(True), override(MODE="off"):
        plain = view()
    for writing in (False, False, True):
        writes[:] = [1] if writing else []
        with undoing(True):
            found = view()
    assert found == plain
    autoprefetch.reset()
    with undoing(True):
        assert view() == plain


class OfLongBooks(Manager):
    def get_queryset(self) -> Any:
        return super().get_queryset().filter(pk__in=Book.objects.filter(pages__gt=200).values("author"))


def test_a_base_manager_that_reads_other_tables(database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Copies lead to shelves that their manager hides: a write to whatever it reads may change the answer."""

    def hiding(self: Any) -> Any:
        return super(type(Shelf.objects), self).get_queryset().filter(branch__in=Branch.objects.filter(name="open"))

    monkeypatch.setattr(type(Shelf.objects), "get_queryset", hiding)

    def view() -> Any:
        Branch.objects.update(name="open")
        copies = list(auto(Copy.objects.order_by("pk")))
        before = [raised(lambda c=copy: c.shelf and c.shelf.name) for copy in copies[:2]]
        Branch.objects.update(name="shut")
        return before, [raised(lambda c=copy: c.shelf and c.shelf.name) for copy in copies[2:]]

    plain, cold, warm, _ = runs(view)
    assert cold.outcome == warm.outcome == plain.outcome


# Tasks and threads --------------------------------------------------------------------------------------------------


def renamed() -> None:
    Author.objects.update(name="renamed")
    Book.objects.update(pages=1)


async def rename_in_gather() -> None:
    async def child() -> None:
        await sync_to_async(renamed)()

    await asyncio.gather(child(), asyncio.sleep(0))


async def rename_in_a_task() -> None:
    await asyncio.create_task(sync_to_async(renamed)())


async def rename_by_the_async_methods() -> None:
    await asyncio.gather(Author.objects.aupdate(name="renamed"), Book.objects.aupdate(pages=1))


ASYNC = [rename_in_gather, rename_in_a_task, rename_by_the_async_methods, sync_to_async(renamed)]


@pytest.mark.parametrize("write", ASYNC, ids=lambda w: getattr(w, "__name__", "sync_to_async"))
@pytest.mark.parametrize("loaded_in", ["here", "a child"])
async def test_a_write_in_a_child_task_is_seen(write: Any, loaded_in: str, database: str) -> None:
    """A15: whoever of parent and children evaluates first."""

    def load() -> tuple[list[Any], list[Any], Any]:
        authors, books = list(auto(Author.objects.all())), list(auto(Book.objects.all()))
        return authors, books, (authors[0].books.count(), books[0].author.name)

    for _ in range(2):
        if loaded_in == "here":
            authors, books, _seen = await sync_to_async(load)()
        else:
            [(authors, books, _seen)] = await asyncio.gather(sync_to_async(load)())
        await write()
        names = await sync_to_async(lambda books=books: {book.author.name for book in books[1:]})()
        pages = await sync_to_async(lambda a=authors: {p for x in a for p in x.books.values_list("pages", flat=True)})()
        assert names == {"renamed"}
        assert pages == {1}
        await sync_to_async(lambda: (Author.objects.update(name="old"), Book.objects.update(pages=2)))()


@pytest.mark.django_db(transaction=True, databases=["default", "postgresql"])
@pytest.mark.parametrize("database", ["postgresql"], indirect=True)
@pytest.mark.parametrize("start", ["thread", "to_thread"])
@pytest.mark.parametrize("ends", ["autocommit", "transaction"])
def test_a_write_by_another_thread_is_seen_once_it_is_there(start: str, ends: str, database: str) -> None:
    """It has a connection of its own, and what it writes is seen here when it commits."""
    from tests.routers import on_database

    authors = list(auto(Author.objects.all()))
    assert authors[0].books.count() > 0
    written, go_on = threading.Event(), threading.Event()

    def write() -> None:
        with on_database("postgresql"):
            try:
                if ends == "autocommit":
                    Book.objects.all().delete()
                    return
                with transaction.atomic(using="postgresql"):
                    Book.objects.all().delete()
                    written.set()
                    go_on.wait(10)
            finally:
                written.set()
                connections["postgresql"].close()

    async def in_thread() -> None:
        await asyncio.to_thread(write)

    thread = threading.Thread(target=write if start == "thread" else lambda: asyncio.run(in_thread()))
    thread.start()
    written.wait(10)
    seen_before = authors[1].books.count()
    go_on.set()
    thread.join()
    assert (seen_before > 0) is (ends == "transaction")
    assert [author.books.count() for author in authors] == [0] * len(authors)


def test_each_request_has_epochs_of_its_own(database: str) -> None:
    """A write in one request of a server does not make another one ask again; a test's own rows see it."""
    from autoprefetch.observe import epochs

    handler = WSGIHandler.__call__
    assert handler.__wrapped__ is not None, "the hook is in place"
    authors = list(auto(Author.objects.all()))
    assert authors[0].books.count() > 0
    outside = epochs.here()
    seen = []

    class Handler(WSGIHandler):
        def get_response(self, request: Any) -> Any:
            seen.append(epochs.here())
            msg = "far enough"
            raise LookupError(msg)

    def serve() -> None:
        environ = {"REQUEST_METHOD": "GET", "PATH_INFO": "/", "wsgi.input": BytesIO()}
        with pytest.raises(LookupError):
            Handler()(environ, lambda *args: None)

    serve()
    threads = [threading.Thread(target=serve) for _ in range(2)]
    for thread in threads:
        thread.start()
        thread.join()
    assert seen[0] is outside, "served within a test that has rows in use"
    assert len({id(found) for found in [outside, *seen[1:]]}) == 3


def test_the_orm_reads_without_reading_sql(database: str) -> None:
    """A SELECT that a compiler made is known to read only."""
    from autoprefetch.orm import effects

    effects._read.cache_clear()
    list(auto(Book.objects.filter(pages__gt=1).select_related("author")))
    assert Book.objects.filter(pages__gt=1).count() > 0
    Author.objects.filter(pk=1).update(name="x")
    Comment.objects.filter(pk=0).delete()
    Reader.objects.bulk_create([Reader(name="x")])
    assert effects._read.cache_info().currsize == 0, connection.vendor
