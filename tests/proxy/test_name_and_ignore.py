"""The options of `auto()`: `name` and `ignore`."""

import pytest

import autoprefetch
from autoprefetch import auto
from tests.library.models import Author, Book
from tests.proxy.comparing import plainly, run

pytestmark = pytest.mark.usefixtures("library")


def by_name(name):
    return lambda queryset: auto(queryset, name=name)


def ignoring(*lookups):
    return lambda queryset: auto(queryset, ignore=lookups)


def here(wrap):
    return [str(book) for book in wrap(Book.objects.all())]


def there(wrap):
    return [str(book) for book in wrap(Book.objects.filter(pages__gt=0))]


def test_a_name_is_shared():
    """Two places of one name share what they learn."""
    assert run(here, by_name("books")).queries == 2
    assert run(there, by_name("books")).queries == 1


def test_other_names_and_no_name_learn_apart():
    """A name of its own is a call site of its own, on the same line too."""
    assert run(here, by_name("books")).queries == 2
    assert [run(here, wrap).queries for wrap in (by_name("others"), auto, by_name("books"))] == [2, 2, 1]


def test_a_name_is_shared_within_a_model_only():
    """The same name for another model is another call site."""

    def mentors(wrap):
        return [author.mentor and author.mentor.name for author in wrap(Author.objects.all())]

    run(here, by_name("shared"))
    assert run(mentors, by_name("shared")).queries == 2 < run(mentors, plainly).queries
    assert len(autoprefetch.report().call_sites) == 2


def lines(wrap):
    return [(book.author.name, book.publisher_city) for book in wrap(Book.objects.all())]


@pytest.mark.parametrize(
    ("ignored", "first", "spared"),
    [
        (("author",), 1 + 16 + 1 + 1, 16),
        (("publisher",), 1 + 1 + 12 + 9, 12),
        (("publisher__city",), 1 + 1 + 1 + 3, 3),  # rows of one publisher share it, and its city
        (("author", "publisher"), 1 + 16 + 12 + 9, 28),
        ((), 1 + 1 + 1 + 1, 0),
    ],
)
def test_an_ignored_relation_stays_lazy(ignored, first, spared):
    """What is ignored is loaded as Django loads it, and the rest is batched, then loaded ahead."""
    plain = run(lines, plainly)
    cold, warm, again = (run(lines, ignoring(*ignored)) for _ in range(3))
    assert cold.answer == warm.answer == again.answer == plain.answer
    assert cold.queries == first <= plain.queries
    assert warm.queries == again.queries
    below = sum("library_city" in sql for sql in plain.log.statements)
    if "publisher" in ignored:
        spared += below
    assert warm.queries == 1 + spared


@pytest.mark.parametrize("ignore", [("nonsense",), ("title",), ("author__nonsense",), ("author", "nonsense")], ids=str)
def test_a_relation_that_is_not_there_is_named(ignore):
    """A typing error in `ignore` is an error that names it."""
    with pytest.raises(ValueError, match=ignore[-1].rpartition("__")[2]):
        auto(Book.objects.all(), ignore=ignore)


@pytest.mark.parametrize("options", [{"ignore": "author"}, {"ignore": (1,)}, {"ignore": None}, {"ignore": 7}], ids=str)
def test_ignore_takes_lookups(options):
    """A single string would be read letter by letter, so it is refused, like all that is not a list of lookups."""
    with pytest.raises(TypeError, match="ignore"):
        auto(Book.objects.all(), **options)


@pytest.mark.parametrize("name", ["", 7, b"books", ["books"]], ids=repr)
def test_a_name_is_a_string(name):
    """A name that cannot be one is refused with what was given."""
    with pytest.raises((TypeError, ValueError), match="name"):
        auto(Book.objects.all(), name=name)


def test_options_of_what_is_wrapped_already():
    """Wrapping again with a name gives the queryset that name."""
    books = auto(auto(Book.objects.all()), name="books")
    assert [str(book) for book in books][:2] == ["Book 00 by Ada", "Book 01 by Bo"]
    assert run(there, by_name("books")).queries == 1


def test_lists_are_lookups_too():
    """Any sequence of strings is accepted."""
    assert [run(here, lambda books: auto(books, ignore=["author"])).queries for _ in range(3)] == [17] * 3
