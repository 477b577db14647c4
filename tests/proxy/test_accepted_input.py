"""What `auto()` accepts, and what it says about the rest."""

import pytest
from django.db import models

from autoprefetch import auto
from tests.databases import count_queries
from tests.library.models import Author, Book, Classic, Film, Tag
from tests.proxy.comparing import assert_same

pytestmark = pytest.mark.usefixtures("library")


class Nameless(models.Model):
    class Meta:
        abstract = True
        app_label = "library"


@pytest.mark.parametrize(
    "source",
    [
        lambda: Book.objects.all(),
        lambda: Book.objects,
        lambda: Book._base_manager,
        lambda: Book,
        lambda: Classic,
        lambda: Book.objects.filter(pages__gt=0),
    ],
    ids=["queryset", "manager", "base manager", "model", "proxy model", "filtered"],
)
def test_a_queryset_a_manager_and_a_model_give_an_automatic_queryset(source):
    """Each stands for its rows, and warm they join what they load."""
    assert_same(lambda wrap: [str(book) for book in (wrap(source()) if wrap is auto else plain(source()))], warm=1)


def plain(source):
    if isinstance(source, type):
        source = source._default_manager
    return source if isinstance(source, models.QuerySet) else source.all()


@pytest.mark.parametrize(
    "source",
    [
        lambda author: author.books,
        lambda author: author.books.all(),
        lambda author: author.books.filter(pages__gt=0),
        lambda author: author.contributed_to.order_by("pk"),
    ],
    ids=["reverse", "all", "filter", "many-to-many"],
)
def test_a_related_manager_gives_the_rows_of_its_instance(source):
    """The rows are those of the instance, which they know without a query."""
    author = Author.objects.get(name="Ada")

    def view(wrap):
        books = source(author)
        books = wrap(books) if wrap is auto else plain(books)
        return [(book.title, book.author.name, book.publisher and book.publisher.name) for book in books]

    assert_same(view, warm=1)


def test_a_raw_queryset_is_prefetched():
    """Raw SQL takes no join: its rows are the same, and their relations take one query each."""

    def view(wrap):
        books = wrap(Book.objects.raw("SELECT * FROM library_book WHERE pages > %s ORDER BY id", [100]))
        return [(str(book), sorted(tag.name for tag in book.tags.all())) for book in books]

    assert_same(view, warm=3)


@pytest.mark.parametrize(
    "use",
    [
        len,
        bool,
        list,
        lambda books: books[2],
        lambda books: books[1:3],
        lambda books: list(books.iterator()),
        lambda books: list(books.prefetch_related("tags")),
        lambda books: books.columns,
        lambda books: books.model,
        lambda books: repr(books),
        lambda books: books.filter(pages=1),
    ],
)
def test_a_raw_queryset_behaves_as_one(use):
    """All that a raw queryset can do, and cannot, is kept."""
    assert_same(lambda wrap: use(wrap(Book.objects.raw("SELECT * FROM library_book ORDER BY id"))), may_raise=True)


def test_what_is_automatic_already_is_returned_as_it_is():
    """Wrapping twice is wrapping once."""
    books = auto(Book.objects.all())
    assert auto(books) is books


def test_what_is_chained_from_it_may_be_wrapped_again():
    """A helper may wrap what another one wrapped and filtered."""
    assert_same(lambda wrap: [str(book) for book in wrap(wrap(Book.objects.all()).filter(pages__gt=100))], warm=1)


def test_multi_table_children_are_models_like_others():
    """The rows of a child load their own relations and their parent's."""

    def view(wrap):
        films = wrap(Film if wrap is auto else plain(Film))
        return sorted((film.title, film.director.name, film.publisher and film.publisher.name) for film in films)

    assert_same(view, warm=3)


class NotAModel:
    pass


@pytest.mark.parametrize(
    ("given", "named"),
    [
        (lambda: None, "None"),
        (lambda: [Book(title="x")], "list"),
        (lambda: (), "tuple"),
        (dict, "dict"),
        (lambda: "library.Book", "str"),
        (lambda: 7, "int"),
        (lambda: Book.objects.first(), "Book"),
        (lambda: NotAModel, "NotAModel"),
        (lambda: NotAModel(), "NotAModel"),
        (lambda: Nameless, "Nameless"),
        (lambda: models.Model, "Model"),
        (lambda: Book.objects.all, "method"),
        (lambda: Book.objects.all().query, "Query"),
        (lambda: models.F("title"), "F"),
        (lambda: iter(Book.objects.all()), "iterator"),
        (lambda: Book.objects.all().values_list, "method"),
        (lambda: models.Q(), "Q"),
        (lambda: models.QuerySet, "QuerySet"),
        (lambda: Tag.objects.__class__, "Manager"),
    ],
)
@pytest.mark.parametrize("mode", ["auto", "learn", "off"])
def test_anything_else_is_a_type_error_that_says_what_was_given_and_what_is_accepted(given, named, mode, settings):
    """The message names the type that was given, and the four that are accepted; no query is run for it."""
    settings.AUTOPREFETCH = {"MODE": mode}
    source = given()
    with count_queries() as log, pytest.raises(TypeError) as raised:
        auto(source)
    message = str(raised.value)
    assert message.startswith("auto() ")
    assert named in message
    if named != "Nameless":
        assert all(accepted in message for accepted in ("QuerySet", "RawQuerySet", "manager", "model"))
    assert len(log) == 0


def test_an_abstract_model_is_told_so():
    """The message says that the model is abstract, not that it is no model."""
    with pytest.raises(TypeError, match="abstract"):
        auto(Nameless)


def test_only_the_first_argument_is_positional():
    """`name` and `ignore` are keywords."""
    with pytest.raises(TypeError):
        auto(Book, "name")
