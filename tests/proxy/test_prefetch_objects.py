"""Django's `prefetch_related_objects` and caches, on instances of an automatic queryset."""

import pytest
from asgiref.sync import async_to_sync
from django.db.models import Prefetch, prefetch_related_objects
from django.db.models.query import aprefetch_related_objects

from tests.library.models import Author, Book, Tag
from tests.proxy.comparing import assert_same

pytestmark = pytest.mark.usefixtures("library")


def lines(books):
    return [(book.author.name, sorted(tag.name for tag in book.tags.all())) for book in books]


@pytest.mark.parametrize(
    "lookups",
    [("tags", "author"), (Prefetch("tags", Tag.objects.order_by("name")), "author"), ("author__books", "tags")],
)
def test_what_the_caller_prefetches_by_hand_is_loaded_once(lookups):
    """Prefetching the instances by hand costs what it costs in Django, and nothing is loaded beside it."""

    def view(wrap):
        books = list(wrap(Book.objects.all()))
        prefetch_related_objects(books, *lookups)
        return lines(books)

    assert_same(view)


def test_the_rest_is_learned():
    """What the caller does not prefetch by hand is learned as ever."""

    def view(wrap):
        books = list(wrap(Book.objects.all()))
        prefetch_related_objects(books, "tags")
        return lines(books)

    assert_same(view, warm=2)


def test_what_is_loaded_ahead_already_is_not_loaded_again():
    """A prefetch by hand after the loads finds them, cold and warm."""

    def view(wrap):
        books = list(wrap(Book.objects.all()))
        first = lines(books)
        prefetch_related_objects(books, "author")
        return first, lines(books)

    # Cold and plain the sets are asked for twice; warm the prefetch has them.
    assert_same(view, warm=2)


def test_an_automatic_queryset_may_be_prefetched_as_it_is():
    """`prefetch_related_objects` takes the queryset in place of a list."""

    def view(wrap):
        books = wrap(Book.objects.all())
        prefetch_related_objects(books, "tags", "author")
        return lines(books)

    assert_same(view)


def test_the_async_form():
    """`aprefetch_related_objects` works on the instances too."""

    async def view(wrap):
        books = [book async for book in wrap(Book.objects.all())]
        await aprefetch_related_objects(books, "tags", "author")
        return lines(books)

    assert_same(lambda wrap: async_to_sync(view)(wrap))


def test_a_set_used_by_its_manager_keeps_djangos_cache_rules():
    """`count`, `exists`, `add` and `remove` after a loop see what they see in Django."""

    def view(wrap):
        answers = []
        for author in wrap(Author.objects.all()):
            names = sorted(book.title for book in author.books.all())
            answers.append((names, author.books.count(), author.books.exists()))
        return answers

    plain = assert_same(view, warm=2)
    assert plain.queries == 25
