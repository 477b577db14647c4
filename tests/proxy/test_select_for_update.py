"""`select_for_update()`: the same rows are locked, and no others."""

import pytest
from django.db import connections, transaction

from autoprefetch import auto
from tests.library.models import Book
from tests.proxy.comparing import assert_same, assert_same_or_less, plainly, run, runs

pytestmark = pytest.mark.usefixtures("library")


def locked(log):
    return [sql for sql in log.statements if "FOR UPDATE" in sql]


@pytest.mark.parametrize(
    "lock",
    [
        lambda books: books.select_for_update(),
        lambda books: books.select_for_update().filter(pages__gt=100).order_by("pk"),
        lambda books: books.filter(pages__gt=100).select_for_update()[:5],
    ],
)
def test_locked_rows_are_prefetched_not_joined(lock, database):
    """A join would lock other tables, or fail on a nullable one: the relations take a query each."""

    def view(wrap):
        with transaction.atomic(using=database):
            books = lock(wrap(Book.objects.all()))
            return [(book.author.name, book.publisher and book.publisher.name) for book in books]

    plain = assert_same(view, warm=2 + 1 + 2)  # a savepoint, the rows, two relations
    *_, last = runs(view)
    has_locks = connections[database].features.has_select_for_update
    assert len(locked(plain.log)) == len(locked(last.log)) == has_locks
    assert all("JOIN" not in sql for sql in locked(last.log))


def test_one_locked_row():
    """`select_for_update().get()` locks the row, and its nullable relations are loaded beside it."""

    def view(wrap):
        book = wrap(Book.objects.select_for_update()).get(title="Book 06")
        return book.author.name, book.publisher and book.publisher.name

    plain = run(view, plainly)
    for attempt in runs(view):
        assert attempt.answer == plain.answer
        assert attempt.queries <= plain.queries
        assert [sql.partition("]")[2] for sql in locked(attempt.log)] == [
            sql.partition("]")[2] for sql in locked(plain.log)
        ]


@pytest.mark.parametrize(
    "options", [{"nowait": True}, {"skip_locked": True}, {"of": ("self",)}, {"no_key": True}], ids=str
)
def test_the_options_reach_the_database(options):
    """Options are passed on, and refused, as in Django."""
    assert_same(
        lambda wrap: [book.title for book in wrap(Book.objects.all()).select_for_update(**options)], may_raise=True
    )


def test_the_callers_own_join_is_locked_as_written(database):
    """`of=("self", "author")` with the caller's own join stays as it is."""
    features = connections[database].features
    of = () if features.has_select_for_update and not features.has_select_for_update_of else ("self", "author")

    def view(wrap):
        books = wrap(Book.objects.select_related("author").select_for_update(of=of))
        return [(book.author.name, book.category and book.category.name) for book in books]

    assert_same_or_less(view)


@pytest.mark.django_db(transaction=True)
def test_outside_a_transaction_django_refuses(database):
    """The error is Django's, where the database locks at all."""
    for _ in range(2):
        books = auto(Book.objects.select_for_update())
        if connections[database].features.has_select_for_update:
            with pytest.raises(transaction.TransactionManagementError, match="select_for_update cannot be used"):
                list(books)
        else:
            assert next(book.author.name for book in books) == "Ada"
