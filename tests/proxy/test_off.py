"""MODE "off": `auto()` gives back what it was given, and what was made automatic before is plain."""

import pytest

import autoprefetch
from autoprefetch import auto, override
from tests.databases import count_queries
from tests.library.models import Author, Book
from tests.proxy.comparing import plainly, run

pytestmark = pytest.mark.usefixtures("library")


@pytest.mark.parametrize(
    "source",
    [
        Book.objects.all,
        Book.objects.none,
        lambda: Book.objects.values("title"),
        lambda: Book.objects.raw("SELECT * FROM library_book"),
    ],
)
def test_the_queryset_itself_is_returned(source):
    """Off is off: no copy, no proxy, no mark."""
    queryset = source()
    with override(MODE="off"):
        assert auto(queryset) is queryset
        assert auto(queryset, name="books", ignore=["author"]) is queryset


@pytest.mark.parametrize("source", [lambda: Book, lambda: Book.objects, lambda: Author.objects.get(name="Ada").books])
def test_a_manager_or_a_model_gives_its_queryset(source):
    """`.all()` of it, of its own class."""
    with override(MODE="off"):
        books = auto(source())
    assert type(books) is type(Book.objects.all())
    assert books[0].title == "Book 00"


def test_it_stays_plain_for_good():
    """What was made while off stays plain when the mode is back."""
    with override(MODE="off"):
        books = auto(Book.objects.all())
    for _ in range(3):
        with count_queries() as log:
            assert [book.author.name for book in books.all()][:2] == ["Ada", "Bo"]
        assert len(log) == 17
    assert autoprefetch.report().call_sites == ()


def test_what_was_made_before_is_plain_while_off():
    """Marks are inert: a warm call site loads as Django does, and takes it up again afterwards."""
    books = auto(Book.objects.all())

    def view(wrap):
        return [str(book) for book in books.all()]

    def queries(mode):
        with override(MODE=mode):
            return run(view, plainly).queries

    assert [queries(mode) for mode in ["auto", "auto", "off", "off", "auto"]] == [2, 1, 17, 17, 1]


def test_nothing_is_learned_while_off():
    """A marked queryset that runs while off leaves no trace."""
    books = auto(Book.objects.all())
    with override(MODE="off"):
        assert [book.author.name for book in books]
    assert all(not site.profile.usages for site in autoprefetch.report().call_sites)


def test_instances_loaded_before_are_plain_while_off():
    """Rows of an earlier evaluation load lazily, and say nothing."""
    books = list(auto(Book.objects.all()))
    with override(MODE="off"), count_queries() as log:
        assert [book.author.name for book in books][:2] == ["Ada", "Bo"]
    assert len(log) == 16


@pytest.mark.parametrize("was", ["auto", "off"])
def test_an_evaluated_proxy_keeps_its_rows_when_the_mode_changes(was):
    """The result cache is the queryset's own, whatever the mode."""
    with override(MODE=was):
        books = auto(Book.objects.all())
        rows = list(books)
    with override(MODE="off" if was == "auto" else "auto"), count_queries() as log:
        assert list(books) == rows
    assert len(log) == 0
