"""Async: `async for`, the `a...` methods, and relations that are ready when async code touches them."""

import asyncio

import pytest
from asgiref.sync import async_to_sync, sync_to_async
from django.core.exceptions import SynchronousOnlyOperation

from autoprefetch import auto
from tests.databases import count_queries
from tests.library.models import Author, Book, Branch
from tests.proxy.comparing import assert_same, plainly, run, runs

pytestmark = pytest.mark.usefixtures("library")


async def by_async_for(books):
    return [book.title async for book in books]


async def by_iterator(books):
    return [book.title async for book in books.aiterator()]


async def by_chunks(books):
    return [book.title async for book in books.aiterator(chunk_size=3)]


@pytest.mark.parametrize(
    "consume",
    [
        by_async_for,
        by_iterator,
        by_chunks,
        lambda books: books.aget(title="Book 03"),
        lambda books: books.aget(title="no such book"),
        lambda books: books.aget(pages__gt=0),
        lambda books: books.afirst(),
        lambda books: books.alast(),
        lambda books: books.aearliest("pk"),
        lambda books: books.alatest("published", "pk"),
        lambda books: books.ain_bulk(),
        lambda books: books.acount(),
        lambda books: books.aexists(),
        lambda books: books.acontains(Book(pk=-1)),
        lambda books: books.aaggregate(pages=books.model.objects.count()),
        lambda books: books.aupdate(pages=7),
        lambda books: books.filter(pages__lt=0).adelete(),
        lambda books: books.aiterator(chunk_size=0).__anext__(),
    ],
)
def test_every_async_method_answers_as_django_does(consume):
    """Values, errors and queries are those of the plain queryset."""

    async def view(wrap):
        return await consume(wrap(Book.objects.all()))

    assert_same(lambda wrap: async_to_sync(view)(wrap), may_raise=True)


@pytest.mark.parametrize("method", ["aget_or_create", "aupdate_or_create", "acreate"])
def test_async_writes_go_through(method):
    """What creates rows returns what Django returns."""

    async def view(wrap):
        made = await getattr(wrap(Branch.objects.all()), method)(name="New", street_id=street)
        branch, created = made if isinstance(made, tuple) else (made, True)
        return branch.name, created

    street = Branch.objects.first().street_id
    assert_same(lambda wrap: async_to_sync(view)(wrap))


async def lines(books):
    return [(book.title, book.author.name) async for book in books]


async def lines_of_iterator(books):
    return [(book.title, book.author.name) async for book in books.aiterator(chunk_size=4)]


async def line_of_get(books):
    return str(await books.aget(title="Book 03"))


async def line_of_first(books):
    return str(await books.afirst())


async def line_of_last(books):
    return str(await books.alast())


async def lines_in_bulk(books):
    return [str(book) for book in (await books.ain_bulk()).values()]


@pytest.mark.parametrize("view", [lines, lines_of_iterator, line_of_get, line_of_first, line_of_last, lines_in_bulk])
def test_a_relation_that_async_code_may_not_load_is_there_the_second_time(view):
    """Django refuses a lazy load in async code; from the second run on the relation is loaded ahead."""

    def synchronous(wrap):
        return async_to_sync(view)(wrap(Book.objects.all()))

    plain = run(synchronous, plainly)
    cold, warm, again = runs(synchronous)
    assert plain.answer[0] is SynchronousOnlyOperation
    assert cold.answer == plain.answer
    titles = [book.author.name for book in Book.objects.select_related("author")]
    assert warm.answer == again.answer
    assert warm.answer[0] in (list, str)
    assert titles[3 if view is line_of_get else -1 if view is line_of_last else 0] in str(warm.answer)
    assert (cold.queries, warm.queries, again.queries) == (1, 1, 1)


def test_a_set_that_async_code_may_not_load_is_there_the_second_time():
    """A to-many relation is prefetched for async code, even for a single row."""

    async def view(wrap):
        book = await wrap(Book.objects.all()).aget(title="Book 05")
        return sorted(tag.name for tag in book.tags.all())

    cold, warm, again = runs(lambda wrap: async_to_sync(view)(wrap))
    assert cold.answer[0] is SynchronousOnlyOperation
    assert warm.answer == again.answer
    assert warm.answer[0] is list
    assert warm.queries == again.queries == 2


def test_a_chain_of_relations_becomes_ready_link_by_link():
    """Each run reaches one relation further, until the view works."""

    async def view(wrap):
        branch = await wrap(Branch.objects.all()).aget(name="Lyon")
        return branch.street.city.country.name

    *earlier, last = runs(lambda wrap: async_to_sync(view)(wrap), times=4)
    assert all(attempt.answer[0] is SynchronousOnlyOperation for attempt in earlier)
    assert (last.answer, last.queries) == ((str, "France"), 1)


def test_an_async_loop_with_relations_of_its_own_prefetch_is_kept():
    """The caller's own `select_related` and `prefetch_related` do in async code what they did."""

    async def view(wrap):
        books = wrap(Book.objects.select_related("author").prefetch_related("tags"))
        return [(book.author.name, sorted(tag.name for tag in book.tags.all())) async for book in books]

    assert_same(lambda wrap: async_to_sync(view)(wrap))


def test_two_tasks_are_two_call_sites_and_do_not_mix():
    """Coroutines that run at the same time each get their own rows and relations."""

    async def titles(wrap):
        return [str(book) async for book in wrap(Book.objects.all())]

    async def mentors(wrap):
        return [(author.name, author.mentor and author.mentor.name) async for author in wrap(Author.objects.all())]

    async def view(wrap):
        return await asyncio.gather(titles(wrap), mentors(wrap), titles(wrap), return_exceptions=False)

    expected = [
        [str(book) for book in Book.objects.all()],
        [(author.name, author.mentor and author.mentor.name) for author in Author.objects.all()],
    ]
    runs(lambda wrap: async_to_sync(view)(wrap), times=3)
    with count_queries() as log:
        found = async_to_sync(view)(auto)
    assert found == [*expected, expected[0]]
    assert len(log) == 3, log


def test_sync_code_in_a_thread_is_its_own_call_site():
    """Code that runs through `sync_to_async` loads lazily as sync code does, and is learned like it."""

    async def view(wrap):
        return await sync_to_async(lambda: [str(book) for book in wrap(Book.objects.all())])()

    assert_same(lambda wrap: async_to_sync(view)(wrap), warm=1)
