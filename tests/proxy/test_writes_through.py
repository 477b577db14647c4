"""Writes through an automatic queryset: what they return, what they leave, what they cost."""

import datetime

import pytest
from django.db.models import F

from autoprefetch import auto, report, reset
from tests.databases import count_queries
from tests.library.models import Author, Book, Loan, Tag
from tests.proxy.comparing import assert_same, assert_same_or_less, plainly, run, runs

pytestmark = pytest.mark.usefixtures("library")


def state():
    return sorted(Book.objects.values_list("title", "pages", "author__name"))


def new(**values):
    author = Author.objects.get(name="Ada")
    return Book(**{"title": "New", "pages": 1, "published": datetime.date(2020, 1, 1), "author": author} | values)


def fields():
    return {"pages": 1, "published": datetime.date(2020, 1, 1), "author": Author.objects.get(name="Ada")}


def changed(books):
    rows = list(books.filter(title__lt="Book 03"))
    for row in rows:
        row.pages += 1000
    return books.bulk_update(rows, ["pages"])


WRITES = [
    lambda books: books.update(pages=F("pages") + 1),
    lambda books: books.filter(author__name="Ada").update(title="Ada's"),
    lambda books: books.order_by("-pk").update(pages=5),
    lambda books: books.filter(title="Book 03").delete(),
    lambda books: books.filter(pages__gt=100).exclude(title="Book 03").delete(),
    lambda books: books.delete(),
    lambda books: books.create(title="New", **fields()).title,
    lambda books: [book.title for book in books.bulk_create([new(), new(title="Newer")])],
    lambda books: len(books.bulk_create([new() for _ in range(5)], batch_size=2)),
    changed,
    lambda books: [(b.title, made) for b, made in [books.get_or_create(title="Book 03", defaults=fields())]],
    lambda books: [(b.title, made) for b, made in [books.get_or_create(title="New", defaults=fields())]],
    lambda books: [(b.title, made) for b, made in [books.update_or_create(title="Book 03", defaults=fields())]],
    lambda books: [(b.title, made) for b, made in [books.update_or_create(title="New", defaults=fields())]],
    lambda books: books.get_or_create(pages__gt=0, defaults=fields()),
    lambda books: books.update(nonsense=1),
    lambda books: books.create(nonsense=1),
    lambda books: books[:3].update(pages=1),
    lambda books: books[:3].delete(),
    lambda books: books.distinct().delete(),
    lambda books: books.values("title").delete(),
    lambda books: books.filter(title="no such book").delete(),
    lambda books: books.update(),
    lambda books: books.bulk_create([]),
    lambda books: books.bulk_update([new()], ["pages"]),
    lambda books: books.none().update(pages=1),
]


@pytest.mark.parametrize("write", WRITES)
def test_a_write_returns_leaves_and_costs_the_same(write):
    """Counts, instances, errors, rows and queries are those of the plain queryset."""
    assert_same(lambda wrap: (write(wrap(Book.objects.all())), state()), may_raise=True)


@pytest.mark.parametrize("write", ["update", "delete"])
def test_a_write_after_a_loop_over_the_same_queryset(write):
    """A queryset that is read and then written: Django reads nothing again, and neither do we."""

    def view(wrap):
        books = wrap(Book.objects.filter(pages__gte=300))
        titles = [book.author.name for book in books]
        count = books.update(pages=1) if write == "update" else books.delete()
        return titles, count, state(), [book.pages for book in wrap(Book.objects.filter(pages=1))]

    assert_same_or_less(view)


@pytest.mark.parametrize("title", ["Book 06", "New"])
@pytest.mark.parametrize("method", ["get_or_create", "update_or_create"])
def test_what_is_got_or_created_learns_and_is_locked_as_in_django(method, title):
    """Warm, nullable relations do not break the `FOR UPDATE` of `update_or_create`, and cost no more."""

    def view(wrap):
        book, created = getattr(wrap(Book.objects.all()), method)(title=title, defaults=fields())
        return book.author.name, book.publisher and book.publisher.name, created, book.pages

    assert_same_or_less(view)


def test_a_set_is_written_through_a_related_manager():
    """`auto(book.tags)` writes like the related manager's own queryset."""

    def view(wrap):
        book = Book.objects.get(title="Book 05")
        tags = wrap(book.tags.all())
        return tags.update(name="changed"), sorted(Tag.objects.values_list("name", flat=True))

    assert_same(view)


@pytest.mark.parametrize("source", [lambda: Loan.objects.all(), lambda: Author.objects.all()])
def test_a_deletion_that_cascades(source):
    """Cascades collect what they collect in Django, though the rows were made automatic."""
    assert_same(lambda wrap: wrap(source()).delete())


def test_rows_saved_in_the_loop_keep_what_was_saved():
    """A loop that saves its rows' related objects ends with the same rows (no lost update)."""

    def view(wrap):
        for book in wrap(Book.objects.all()):
            book.author.name += "!"
            book.author.save()
        return list(Author.objects.values_list("name", flat=True))

    plain = run(view, plainly)
    for attempt in runs(view, times=4):
        assert attempt.answer == plain.answer
        assert attempt.queries <= plain.queries


def test_deleting_rows_one_by_one():
    """A loop that deletes leaves the same rows."""

    def view(wrap):
        deleted = [(str(book), book.delete()) for book in wrap(Book.objects.filter(pages__gte=300))]
        return deleted, state()

    assert_same_or_less(view)


def test_a_reset_forgets_the_rows_that_are_in_use():
    """What is written while rows from before `reset()` live does not count against their call site any more."""

    def view(wrap):
        books = list(wrap(Book.objects.all()))
        return books, [sorted(tag.name for tag in book.tags.all()) for book in books]

    def queries(keep):
        with count_queries() as log:
            keep.append(view(auto))
        return len(log)

    kept, counts = [], []
    for name in ("first", "second"):
        counts.append([queries(kept) for _ in range(2)])
        [site] = report().call_sites
        assert site.profile.written == {}
        reset()
        Tag.objects.update(name=name)
        assert report().call_sites == ()
    assert counts == [[2, 2], [2, 2]]


def test_a_plain_model_instance_is_not_automatic():
    """`create()` returns an instance that loads as ever."""

    def view(wrap):
        book = wrap(Book.objects.all()).create(title="New", **fields() | {"author": None, "author_id": author})
        return book.author.name

    author = Author.objects.get(name="Bo").pk
    assert_same(view)
    assert auto(Book).model is Book
