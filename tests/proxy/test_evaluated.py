"""A queryset that was evaluated before `auto()` saw it, and one that is evaluated twice."""

import pytest

from autoprefetch import auto
from tests.databases import count_queries
from tests.library.models import Book
from tests.proxy.comparing import assert_same, assert_same_or_less

pytestmark = pytest.mark.usefixtures("library")


@pytest.mark.parametrize(
    "use",
    [
        list,
        len,
        bool,
        lambda books: books[3].title,
        lambda books: [book.title for book in books[2:4]],
        lambda books: books.count(),
        lambda books: books.exists(),
        lambda books: books.contains(books[3]),
        lambda books: [book.author.name for book in books],
        lambda books: [book.author.name for book in books.all()],
        lambda books: books.first().title,
        lambda books: books.get(title="Book 03").title,
        lambda books: [book.title for book in books.iterator()],
        lambda books: list(books.values_list("title", flat=True)),
    ],
)
def test_loaded_rows_are_used_as_in_django(use):
    """What Django answers from the loaded rows is answered from them; what it asks for again is asked for again."""

    def view(wrap):
        books = Book.objects.all()
        list(books)
        return use(wrap(books))

    assert_same_or_less(view)


def test_wrapping_loaded_rows_runs_no_query_and_keeps_the_objects():
    """`auto()` of an evaluated queryset has its very objects."""
    books = Book.objects.all()
    rows = list(books)
    with count_queries() as log:
        again = list(auto(books))
        assert all(one is other for one, other in zip(rows, again, strict=True))
        assert len(auto(books)) == 16
        assert auto(books)[3] is rows[3]
        assert auto(books).count() == 16
        assert rows[2] in auto(books)
    assert len(log) == 0, log


def test_the_relations_of_loaded_rows_load_lazily():
    """Rows that were loaded before cannot be loaded better: they cost what they cost."""

    def view(wrap):
        books = Book.objects.all()
        list(books)
        return [book.author.name for book in wrap(books)]

    assert_same(view)


def test_prefetched_sets_of_loaded_rows_are_kept():
    """What was prefetched is used."""

    def view(wrap):
        books = Book.objects.prefetch_related("tags")
        list(books)
        return [sorted(tag.name for tag in book.tags.all()) for book in wrap(books)]

    plain = assert_same(view)
    assert plain.queries == 2


def test_an_evaluated_proxy_asks_nothing_more():
    """Everything that a second look at an evaluated queryset costs in Django, it costs here."""

    def view(wrap):
        books = wrap(Book.objects.all())
        rows = list(books)
        return (
            len(books),
            bool(books),
            books.count(),
            books.exists(),
            books[3] is rows[3],
            rows[0] in books,
            str(books[1]),
        )

    assert_same(view, warm=1)


def test_evaluating_it_changes_nothing_for_the_queryset_that_was_wrapped():
    """The queryset that was handed in stays plain and unevaluated, or evaluated, as it was."""
    books = Book.objects.all()
    list(auto(books))
    assert books._result_cache is None
    for _ in range(3):
        with count_queries() as log:
            assert [book.author.name for book in books.all()][:2] == ["Ada", "Bo"]
        assert len(log) == 17
