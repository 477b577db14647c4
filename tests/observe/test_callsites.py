"""Call sites: which uses of a queryset learn together, and what a person calls them."""

from __future__ import annotations

import asyncio
import importlib.util
import linecache
import subprocess
import sys
import sysconfig
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import wraps
from pathlib import Path
from types import CodeType, FrameType, ModuleType
from typing import Any

import django
import pytest
from asgiref.sync import sync_to_async
from django.core.management import call_command
from django.core.management.base import BaseCommand
from django.http import HttpRequest, HttpResponse
from django.template import Context, Template
from django.test import AsyncClient, Client, override_settings
from django.urls import path
from django.utils.decorators import method_decorator, sync_and_async_middleware
from django.views.generic import DetailView, ListView
from rest_framework.generics import ListAPIView
from rest_framework.renderers import JSONRenderer
from rest_framework.serializers import ModelSerializer, StringRelatedField
from rest_framework.viewsets import ReadOnlyModelViewSet

from autoprefetch import auto, override, report, reset
from autoprefetch.observe.callsites import evaluating_frames, location_of
from tests.databases import count_queries
from tests.library.models import Author, Book, Branch

ROOT = Path(__file__).resolve().parents[2]

pytestmark = [
    pytest.mark.usefixtures("library"),
    pytest.mark.parametrize("database", ["sqlite"], indirect=True),
    pytest.mark.urls(__name__),
]


def learned() -> dict[str, set[str]]:
    """Return what each call site has learned: the first steps of its paths, by its key."""
    return {site.key: {path[0] for path in site.profile.usages} for site in report().call_sites}


def paths_learned() -> list[set[str]]:
    return sorted(learned().values(), key=sorted)


def names() -> list[str]:
    return sorted(site.call_site for site in report().call_sites)


# Shared helpers -----------------------------------------------------------------------------------------------------


def all_books() -> Any:
    return auto(Book.objects.all())


def authors_of_books() -> list[str]:
    return [book.author.name for book in all_books()]


def categories_of_books() -> list[Any]:
    return [book.category for book in all_books()]


def test_two_callers_of_one_helper_are_two_call_sites():
    """What one caller of a shared helper uses is not loaded for the other one."""
    authors_of_books()
    categories_of_books()
    assert paths_learned() == [{"author"}, {"category"}]


def test_a_caller_stays_the_same_call_site_each_time():
    """Cold and warm runs, and runs from a loop, meet in one call site."""
    for _ in range(3):
        authors_of_books()
    [site] = report().call_sites
    assert site.profile.evaluations == 3
    assert site.profile.warm == 2


def test_callers_beyond_the_depth_are_not_told_apart():
    """CALL_SITE_DEPTH counts the application frames, from the evaluating one out."""
    with override(CALL_SITE_DEPTH=1):
        authors_of_books()
        run_as_a_task()
        assert len(learned()) == 1
    reset()
    with override(CALL_SITE_DEPTH=2):
        authors_of_books()
        run_as_a_task()
        assert len(learned()) == 2


def test_a_helper_for_two_models_is_two_call_sites():
    """The label of the model belongs to the key, so that profiles of two models never mix."""

    def rows(model: Any) -> list[str]:
        return [str(row) for row in auto(model.objects.all())]

    for model in (Book, Author):
        rows(model)
    assert {key.rpartition(" < ")[2] for key in learned()} == {"library.Book", "library.Author"}


# Loops and consumers of one function --------------------------------------------------------------------------------


def test_two_loops_in_one_function_are_two_call_sites():
    """Each loop has its own place, though function and helper are the same."""
    for book in all_books():
        assert book.author.name
    for book in all_books():
        assert book.category is None or book.category.name
    assert paths_learned() == [{"author"}, {"category"}]


def test_two_loops_over_clones_of_one_queryset_are_two_call_sites():
    """The evaluating frame counts, not only the line where auto() was called."""
    books = all_books()
    for book in books.all():
        assert book.author.name
    for book in books.all():
        assert book.category is None or book.category.name
    assert paths_learned() == [{"author"}, {"category"}]


def test_two_evaluations_on_one_line_are_two_call_sites():
    """A line number would not tell them apart; the ordinal of the call does."""
    first, second = list(all_books()), list(all_books())
    assert [first[0].author, second[0].category]
    assert paths_learned() == [{"author"}, {"category"}]


def test_two_calls_of_auto_in_one_function_are_two_call_sites():
    """Querysets made at two places learn apart, also when one loop runs both."""
    for name, books in (("author", auto(Book.objects.all())), ("category", auto(Book.objects.all()))):
        for book in books:
            getattr(book, name)
    assert paths_learned() == [{"author"}, {"category"}]


def test_a_call_of_auto_in_a_generator_expression_is_a_call_site_of_its_own():
    """A generator expression counts as its function, and is not mixed up with that function's other calls."""
    querysets = [auto(Book.objects.all()), next(auto(Book.objects.all()) for _ in "a")]
    for name, books in zip(("author", "category"), querysets, strict=True):
        for book in books:
            getattr(book, name)
    assert paths_learned() == [{"author"}, {"category"}]


def test_a_call_of_auto_in_a_comprehension_is_a_call_site_of_its_own():
    """The same on Python 3.11, where a comprehension runs in a frame of its own."""
    querysets = [auto(Book.objects.all()), *[auto(Book.objects.all()) for _ in "a"]]
    for name, books in zip(("author", "category"), querysets, strict=True):
        for book in books:
            getattr(book, name)
    assert paths_learned() == [{"author"}, {"category"}]


def test_two_lambdas_of_one_function_are_two_call_sites():
    """Lambdas share their qualified name, and are told apart by what they do."""
    makers = [lambda: auto(Book.objects.all()), lambda: auto(Book.objects.filter())]
    for name, make in zip(("author", "category"), makers, strict=True):
        for book in make():
            getattr(book, name)
    assert paths_learned() == [{"author"}, {"category"}]


CONSUMERS: dict[str, Callable[[Any], Any]] = {
    "for": lambda books: [book.author for book in books],
    "list": lambda books: [book.author for book in list(books)],
    "len, then for": lambda books: len(books) and [book.author for book in books],
    "bool, then for": lambda books: bool(books) and [book.author for book in books],
    "in": lambda books: Book.objects.first() in books and [book.author for book in books],
    "index": lambda books: books[0].author,
    "slice": lambda books: [book.author for book in books[:5]],
    "get": lambda books: books.get(title="Book 03").author,
    "first": lambda books: books.first().author,
    "last": lambda books: books.last().author,
    "earliest": lambda books: books.earliest("pk").author,
    "latest": lambda books: books.latest("pk").author,
    "in_bulk": lambda books: [book.author for book in books.in_bulk().values()],
    "iterator": lambda books: [book.author for book in books.iterator()],
    "iterator with chunks": lambda books: [book.author for book in books.iterator(chunk_size=5)],
    "raw": lambda books: [book.author for book in auto(Book.objects.raw("SELECT * FROM library_book"))],
}


@pytest.mark.parametrize("consume", CONSUMERS.values(), ids=CONSUMERS)
def test_cold_and_warm_runs_of_a_consumer_meet_in_one_call_site(consume):
    """The rewriting of a warm run puts no frame into the key."""

    def run() -> None:
        consume(all_books())

    for _ in range(3):
        run()
    [site] = report().call_sites
    assert site.profile.evaluations == 3


# Views --------------------------------------------------------------------------------------------------------------


class BookSerializer(ModelSerializer[Book]):
    author = StringRelatedField()

    class Meta:
        model = Book
        fields = ["id", "title", "author"]


class OpenToAll:
    authentication_classes = ()
    permission_classes = ()
    renderer_classes = (JSONRenderer,)
    serializer_class = BookSerializer


class BookViewSet(OpenToAll, ReadOnlyModelViewSet):
    queryset = auto(Book.objects.all())


class ShelfOfBooks(OpenToAll):
    def get_queryset(self) -> Any:
        return auto(Book.objects.all())


class FirstBooks(ShelfOfBooks, ListAPIView):
    pass


class SecondBooks(ShelfOfBooks, ListAPIView):
    pass


class BookList(ListView):
    queryset = auto(Book.objects.all())

    def render_to_response(self, context: dict[str, Any], **kwargs: Any) -> HttpResponse:
        return HttpResponse(", ".join(book.author.name for book in context["object_list"]))


class BookDetail(DetailView):
    queryset = auto(Book.objects.all())

    def render_to_response(self, context: dict[str, Any], **kwargs: Any) -> HttpResponse:
        return HttpResponse(context["object"].author.name)


def rendered(request: HttpRequest) -> HttpResponse:
    return HttpResponse(Template("{% for book in books %}{{ book.author }}{% endfor %}").render(Context(context())))


def context() -> dict[str, Any]:
    return {"books": auto(Book.objects.all())}


async def async_authors(request: HttpRequest) -> HttpResponse:
    return HttpResponse(", ".join([book.title async for book in all_books()]))


async def async_categories(request: HttpRequest) -> HttpResponse:
    return HttpResponse(", ".join([book.title async for book in all_books()]))


async def async_first(request: HttpRequest) -> HttpResponse:
    book = await all_books().afirst()
    return HttpResponse(book.title)


class AsyncList(ListView):
    queryset = auto(Book.objects.all())

    async def get(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        return HttpResponse(", ".join([book.title async for book in self.get_queryset()]))


urlpatterns = [
    path("viewset/", BookViewSet.as_view({"get": "list"})),
    path("viewset/<int:pk>/", BookViewSet.as_view({"get": "retrieve"})),
    path("first/", FirstBooks.as_view()),
    path("second/", SecondBooks.as_view()),
    path("list/", BookList.as_view()),
    path("detail/<int:pk>/", BookDetail.as_view()),
    path("rendered/", rendered),
    path("rendered/again/", rendered),
    path("async/authors/", async_authors),
    path("async/categories/", async_categories),
    path("async/first/", async_first),
    path("async/list/", AsyncList.as_view()),
]


def queries_of(url: str) -> int:
    with count_queries() as log:
        response = Client().get(url)
        assert response.status_code == 200, response.content
        assert response.content
    return len(log)


def test_list_and_retrieve_of_a_viewset_are_two_call_sites():
    """Neither has an application frame of its own, and still they learn apart."""
    pk = Book.objects.first().pk
    queries_of("/viewset/")
    queries_of(f"/viewset/{pk}/")
    routes = sorted(key.split(" < ")[-2] for key in learned())
    assert routes == ["GET viewset/", "GET viewset/<int:pk>/"]


def test_a_class_level_queryset_of_a_viewset_learns_for_list_and_retrieve():
    """`queryset = auto(Model.objects.all())` in a class body works: one query each, once warm."""
    pk = Book.objects.first().pk
    assert [queries_of("/viewset/"), queries_of("/viewset/"), queries_of("/viewset/")] == [2, 1, 1]
    assert [queries_of(f"/viewset/{pk}/"), queries_of(f"/viewset/{pk}/")] == [2, 1]


def test_a_class_level_queryset_of_djangos_generic_views_learns():
    """ListView and DetailView evaluate in Django's own frames; the route tells who asks."""
    pk = Book.objects.first().pk
    assert [queries_of("/list/"), queries_of("/list/")] == [2, 1]
    assert [queries_of(f"/detail/{pk}/"), queries_of(f"/detail/{pk}/")] == [2, 1]
    assert len(learned()) == 2


def test_two_views_that_share_get_queryset_are_two_call_sites():
    """The base class makes the queryset, the library evaluates it: what differs is the route."""
    queries_of("/first/")
    queries_of("/second/")
    assert sorted(key.split(" < ")[-2] for key in learned()) == ["GET first/", "GET second/"]


def test_one_view_at_two_routes_is_two_call_sites():
    """A template or a serializer may depend on the route."""
    queries_of("/rendered/")
    queries_of("/rendered/again/")
    assert len(learned()) == 2


def test_head_counts_as_get():
    """A HEAD request runs what GET runs, and learns with it."""
    Client().get("/list/")
    Client().head("/list/")
    assert len(learned()) == 1


def test_the_arguments_of_a_url_do_not_part_call_sites():
    """The route is the pattern, not the path: `/detail/1/` teaches for `/detail/2/`."""
    first, second = Book.objects.all()[:2]
    queries_of(f"/detail/{first.pk}/")
    assert queries_of(f"/detail/{second.pk}/") == 1
    assert len(learned()) == 1


def test_a_view_called_without_a_request_has_a_call_site_without_a_route():
    """As in a unit test of a view, or a shell."""
    rendered(HttpRequest())
    [key] = learned()
    assert "GET" not in key


def counting_books(get_response: Callable[[HttpRequest], HttpResponse]) -> Callable[[HttpRequest], HttpResponse]:
    """A middleware that has a queryset of its own."""

    def middleware(request: HttpRequest) -> HttpResponse:
        list(auto(Book.objects.all()))
        return get_response(request)

    return middleware


@sync_and_async_middleware
def async_counting_books(get_response: Any) -> Any:
    async def middleware(request: HttpRequest) -> HttpResponse:
        _ = [book async for book in auto(Book.objects.all())]
        return await get_response(request)

    return middleware


def test_who_sends_a_request_is_no_part_of_the_call_sites_of_its_middleware():
    """What tests have learned has to be found where a server sends the requests."""

    def one() -> None:
        Client().get("/list/")

    def other() -> None:
        Client().get("/list/")

    with override_settings(MIDDLEWARE=[f"{__name__}.counting_books"]):
        one()
        other()
    assert len(learned()) == 2
    assert not any(key.count("test_who_sends") for key in learned())


# Async --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("middleware", [[], [f"{__name__}.async_counting_books"]])
async def test_who_awaits_a_request_is_no_part_of_its_call_sites(middleware):
    """The test client awaits the view in the task of the test; a server has no such frames."""

    async def one() -> None:
        await AsyncClient().get("/async/list/")

    async def other() -> None:
        await AsyncClient().get("/async/list/")

    with override_settings(MIDDLEWARE=middleware):
        await one()
        await other()
    assert len(learned()) == 1 + len(middleware)
    assert not any(key.count("test_who_awaits") for key in learned())


async def test_two_async_views_that_share_a_helper_are_two_call_sites():
    """The frames are taken before the work moves to an executor thread."""
    for url in ("/async/authors/", "/async/categories/", "/async/authors/"):
        assert (await AsyncClient().get(url)).status_code == 200
    assert sorted(site.profile.evaluations for site in report().call_sites) == [1, 2]
    assert all("tests.observe.test_callsites:async_" in key for key in learned())


@pytest.mark.parametrize("url", ["/async/authors/", "/async/first/", "/async/list/"])
async def test_an_async_view_names_its_frames_and_its_route(url):
    """`async for` and `await queryset.afirst()` name the view, and nothing of the event loop or of asgiref."""
    await AsyncClient().get(url)
    [key] = learned()
    assert f"GET {url[1:]}" in key
    assert "asgiref" not in key
    assert "asyncio" not in key


ASYNC_CONSUMERS: dict[str, Callable[[Any], Any]] = {
    "aget": lambda books: books.aget(title="Book 03"),
    "afirst": lambda books: books.afirst(),
    "alast": lambda books: books.alast(),
    "aearliest": lambda books: books.aearliest("pk"),
    "alatest": lambda books: books.alatest("pk"),
    "ain_bulk": lambda books: books.ain_bulk(),
}


@pytest.mark.parametrize("consume", ASYNC_CONSUMERS.values(), ids=ASYNC_CONSUMERS)
async def test_two_coroutines_that_await_one_helper_are_two_call_sites(consume):
    """Every `a...` method takes the frames of the code that awaits it."""

    async def one() -> Any:
        return await consume(all_books())

    async def other() -> Any:
        return await consume(all_books())

    for _ in range(2):
        await one()
    await other()
    assert sorted(site.profile.evaluations for site in report().call_sites) == [1, 2]


async def test_two_coroutines_that_stream_one_helper_are_two_call_sites():
    """`aiterator()` as well."""

    async def one() -> list[Any]:
        return [book async for book in all_books().aiterator(chunk_size=5)]

    async def other() -> list[Any]:
        return [book async for book in all_books().aiterator(chunk_size=5)]

    for _ in range(2):
        await one()
    await other()
    assert sorted(site.profile.evaluations for site in report().call_sites) == [1, 2]


async def test_gathered_tasks_keep_their_call_sites_apart():
    """Frames taken in one task are not seen by another."""

    async def one() -> list[Any]:
        return [book async for book in all_books()]

    async def other() -> list[Any]:
        return [book async for book in all_books()]

    await asyncio.gather(one(), other(), one(), other())
    assert [site.profile.evaluations for site in report().call_sites] == [2, 2]


async def test_a_sync_function_run_from_async_code_is_a_call_site_of_its_own():
    """Code that `sync_to_async` runs has its own frames."""
    await sync_to_async(authors_of_books)()
    [key] = learned()
    assert "authors_of_books" in key


# Commands and tasks -------------------------------------------------------------------------------------------------


class ExportBooks(BaseCommand):
    def handle(self, *args: Any, **options: Any) -> None:
        authors_of_books()


def command_in(module: str) -> BaseCommand:
    return type("Command", (ExportBooks,), {"__module__": module})()


def test_a_management_command_is_the_route_of_what_it_runs():
    """Two commands that share code are two call sites, beside the same code called from elsewhere."""
    with override(CALL_SITE_DEPTH=1):
        call_command(command_in("shop.management.commands.export_books"))
        call_command(command_in("shop.management.commands.index_books"))
        authors_of_books()
    routes = sorted(key.split(" < ")[-2] for key in learned())
    assert routes == ["", "command export_books", "command index_books"]


@pytest.mark.skipif(django.VERSION < (6, 0), reason="Django's tasks came with 6.0")
def test_a_task_is_the_route_of_what_it_runs():
    """Django's own tasks, run by any backend."""
    from django.tasks import task

    with override(CALL_SITE_DEPTH=1):
        task(run_as_a_task).enqueue()
    [key] = learned()
    assert "task tests.observe.test_callsites.run_as_a_task" in key


def run_as_a_task() -> None:
    authors_of_books()


# Stable keys --------------------------------------------------------------------------------------------------------

ORIGINAL = """\
from autoprefetch import auto
from tests.library.models import Book


def books():
    return auto(Book.objects.all())


def run():
    for book in books():
        book.author


class Shop:
    def window(self):
        return [book.author for book in auto(Book.objects.filter(pages__gt=1))]
"""

EDITS = {
    "lines above": ("from autoprefetch", "# A comment.\n\nLIMIT = 5\n\nfrom autoprefetch"),
    "a function above": ("def books", "def unrelated():\n    return [1, 2]\n\n\ndef books"),
    "a docstring": ("def books():\n", 'def books():\n    """Return all."""\n'),
    "an assignment": ("    return auto", "    limit = 5\n    return auto"),
    "a call of something else": ("    return auto", "    len('x')\n    return auto"),
    "a method call": ("    return auto", "    'x'.upper().lower()\n    return auto"),
    "a condition": ("    for book", "    if len('x') > 2:\n        raise ValueError\n    for book"),
    "a with block": (
        "    for book in books():\n",
        "    from contextlib import nullcontext\n    for book in books():\n",
    ),
    "many statements": (
        "    return auto",
        "".join(f"    x{n} = {n}.5, 'y{n}'\n" for n in range(400)) + "    return auto",
    ),
    "the call over several lines": ("auto(Book.objects.all())", "auto(\n        Book.objects\n        .all()\n    )"),
    "comments and spaces in the call": (
        "auto(Book.objects.all())",
        "auto(  # all\n        Book . objects.all( ))",
    ),
    "statements in the loop": ("        book.author\n", "        print_it = str(book)\n        book.author\n"),
    "statements after it": ("        book.author\n", "        book.author\n    return [n for n in range(3)]\n"),
    "annotations": ("def books():", "def books() -> 'list[Book]':"),
    "a method above": ("    def window", "    def door(self):\n        return 1\n\n    def window"),
}


def imported(path: Path, source: str) -> ModuleType:
    path.write_text(source)
    linecache.checkcache(str(path))
    spec = importlib.util.spec_from_file_location("shop_of_the_test", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def keys_of(module: ModuleType) -> set[str]:
    reset()
    run_module(module)
    return set(learned())


def run_module(module: ModuleType) -> None:
    module.run()
    module.Shop().window()


@pytest.mark.parametrize(("old", "new"), EDITS.values(), ids=EDITS)
def test_the_key_survives_edits_around_the_call(old, new, tmp_path):
    """What was learned is still found after lines moved and other statements came in."""
    assert ORIGINAL.count(old) >= 1
    sys.dont_write_bytecode, before = True, sys.dont_write_bytecode
    try:
        original = keys_of(imported(tmp_path / "before.py", ORIGINAL))
        edited = keys_of(imported(tmp_path / "after.py", ORIGINAL.replace(old, new, 1)))
    finally:
        sys.dont_write_bytecode = before
    assert len(original) == 2
    assert edited == original


CHANGES = {
    "another filter": ("auto(Book.objects.all())", "auto(Book.objects.filter(pages__gt=0))"),
    "another value": ("auto(Book.objects.all())", "auto(Book.objects.exclude(pk=0))"),
    "another argument": ("auto(Book.objects.all())", "auto(Book.objects.all(), ignore=('author',))"),
}


@pytest.mark.parametrize(("old", "new"), CHANGES.values(), ids=CHANGES)
def test_another_expression_is_another_call_site(old, new, tmp_path):
    """What was learned of one queryset says nothing of another; the call sites beside it keep what they know."""
    sys.dont_write_bytecode, before = True, sys.dont_write_bytecode
    try:
        original = keys_of(imported(tmp_path / "before.py", ORIGINAL))
        changed = keys_of(imported(tmp_path / "after.py", ORIGINAL.replace(old, new, 1)))
    finally:
        sys.dont_write_bytecode = before
    assert len(original - changed) == len(changed - original) == 1


def test_the_key_holds_no_line_and_no_file(tmp_path):
    """A key that named lines or folders would be lost with each release."""
    keys = keys_of(imported(tmp_path / "shop.py", ORIGINAL))
    assert not any(str(tmp_path) in key or ".py" in key for key in keys)


# Names --------------------------------------------------------------------------------------------------------------


def passing_on(function: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(function)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        return function(*args, **kwargs)

    return wrapper


def in_a_comprehension() -> Any:
    return [list(auto(Book.objects.all())) for _ in "a"]


def in_a_set_comprehension() -> Any:
    return {len(auto(Book.objects.all())) for _ in "a"}


def in_a_dict_comprehension() -> Any:
    return {letter: list(auto(Book.objects.all())) for letter in "a"}


def in_a_generator_expression() -> Any:
    return sum(len(auto(Book.objects.all())) for _ in "a")


def in_a_lambda() -> Any:
    make = lambda: list(auto(Book.objects.all()))  # noqa: E731  (its name is the point)
    return make()


def in_a_generator() -> Any:
    def rows() -> Iterator[Any]:
        yield from auto(Book.objects.all())

    return list(rows())


def in_a_nested_function() -> Any:
    def inner() -> Any:
        return list(auto(Book.objects.all()))

    return inner()


@passing_on
def in_a_decorated_function() -> Any:
    return list(auto(Book.objects.all()))


class Shop:
    def in_a_method(self) -> Any:
        return list(auto(Book.objects.all()))

    @classmethod
    def in_a_class_method(cls) -> Any:
        return list(auto(Book.objects.all()))

    @property
    def in_a_property(self) -> Any:
        return list(auto(Book.objects.all()))

    @method_decorator(passing_on)
    def in_a_decorated_method(self) -> Any:
        return list(auto(Book.objects.all()))


def in_a_class_body() -> Any:
    class Window:
        books = list(auto(Book.objects.all()))

    return Window.books


NAMED: dict[str, tuple[Callable[[], Any], str]] = {
    "a list comprehension": (in_a_comprehension, "in_a_comprehension"),
    "a set comprehension": (in_a_set_comprehension, "in_a_set_comprehension"),
    "a dict comprehension": (in_a_dict_comprehension, "in_a_dict_comprehension"),
    "a generator expression": (in_a_generator_expression, "in_a_generator_expression"),
    "a lambda": (in_a_lambda, "in_a_lambda.<lambda>"),
    "a generator": (in_a_generator, "in_a_generator.rows"),
    "a nested function": (in_a_nested_function, "in_a_nested_function.inner"),
    "a decorated function": (in_a_decorated_function, "in_a_decorated_function"),
    "a method": (Shop().in_a_method, "Shop.in_a_method"),
    "a class method": (Shop.in_a_class_method, "Shop.in_a_class_method"),
    "a property": (lambda: Shop().in_a_property, "Shop.in_a_property"),
    "a decorated method": (Shop().in_a_decorated_method, "Shop.in_a_decorated_method"),
    "a class body": (in_a_class_body, "in_a_class_body.Window"),
}


@pytest.mark.parametrize(("run", "name"), NAMED.values(), ids=NAMED)
def test_a_call_site_is_named_by_the_function_that_a_person_sees(run, name):
    """`function (file:line)`, without `<locals>` and without the frames of comprehensions."""
    run()
    [found] = names()
    function, _, place = found.partition(" (")
    assert function == name
    assert place.startswith("tests/observe/test_callsites.py:")


def test_comprehension_frames_are_not_in_the_key():
    """Python 3.11 has frames for comprehensions and later ones have not; the key is the same in both."""
    in_a_comprehension()
    [key] = learned()
    assert "comp>" not in key
    assert "<locals>" not in key


def test_the_line_of_a_name_is_the_line_of_the_call():
    """The place that the name gives is where auto() is called."""
    frame = sys._getframe()
    list(auto(Book.objects.all()))
    [name] = names()
    assert name.endswith(f"(tests/observe/test_callsites.py:{frame.f_lineno - 2})")


def test_a_call_at_module_level_is_named_by_its_module(tmp_path):
    """As in a script."""
    source = (
        "from autoprefetch import auto\nfrom tests.library.models import Book\nbooks = list(auto(Book.objects.all()))\n"
    )
    imported(tmp_path / "shop_of_the_test.py", source)
    assert names() == ["<module> (shop_of_the_test.py:3)"]


@pytest.mark.parametrize("filename", ["<string>", "<console>", "<stdin>"])
def test_executed_code_is_a_call_site(filename):
    """In a shell or under exec() there is no source, and still a name."""
    source = "for book in auto(Book.objects.all()):\n    book.author\n"
    for _ in range(2):
        exec(compile(source, filename, "exec"), {"auto": auto, "Book": Book, "__name__": "__console__"})
    [site] = report().call_sites
    assert site.call_site == f"<module> ({filename}:1)"
    assert site.profile.evaluations == 2


def test_code_without_a_module_name_is_a_call_site():
    """exec() with bare globals, as template engines and sandboxes do."""
    exec("list(auto(Book.objects.all()))", {"auto": auto, "Book": Book})
    assert len(learned()) == 1


WITHOUT_COLUMNS = """
import django
from django.conf import settings
settings.configure(
    INSTALLED_APPS=["django.contrib.contenttypes"],
    DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}},
)
django.setup()
from django.contrib.contenttypes.models import ContentType
from django.core.management import call_command
from autoprefetch import auto, report
call_command("migrate", verbosity=0)
def rows():
    return [list(auto(ContentType.objects.all())), list(auto(ContentType.objects.all()))]
for _ in range(2):
    rows()
print([(site.call_site, site.profile.evaluations) for site in report().call_sites])
"""


def test_code_without_columns_has_call_sites():
    """Python run with `-X no_debug_ranges` knows lines only; two calls are still two call sites."""
    command = [sys.executable, "-X", "no_debug_ranges", "-c", WITHOUT_COLUMNS]
    finished = subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT)
    assert finished.stdout.strip() == str([("rows (<string>:14)", 2)] * 2)


# A stable name ------------------------------------------------------------------------------------------------------


def test_a_name_makes_one_call_site_of_all_uses():
    """With `name=`, neither the frames nor the route tell uses apart."""

    def books() -> Any:
        return auto(Book.objects.all(), name="shop window")

    for book in books():
        assert book.author
    assert books()[0].title
    [key] = learned()
    assert key == "shop window < library.Book"


def test_a_name_stays_apart_by_model():
    """Two models under one name are two call sites."""
    list(auto(Book.objects.all(), name="rows"))
    list(auto(Author.objects.all(), name="rows"))
    assert set(learned()) == {"rows < library.Book", "rows < library.Author"}


def test_a_name_survives_chaining():
    """The name rides on the queryset."""
    [list(auto(Book.objects.all(), name="rows").filter(pages__gt=0)[:3])]
    assert set(learned()) == {"rows < library.Book"}


def test_what_is_chained_keeps_the_place_of_auto():
    """Filters and slices added elsewhere do not move the call site."""

    def made() -> Any:
        return auto(Book.objects.all())

    [book.author for book in made().filter(pages__gt=0).order_by("-pk")[:5]]
    assert names()[0].startswith("test_what_is_chained_keeps_the_place_of_auto.made (")


# Which frames are the application's ---------------------------------------------------------------------------------


@dataclass
class FakeFrame:
    """What the walk reads of a frame; the only fake here, and it goes in through the seam."""

    f_code: CodeType
    f_globals: dict[str, Any]
    f_back: Any = None
    f_lasti: int = 0
    f_lineno: int = 1

    @property
    def f_locals(self) -> dict[str, Any]:
        return {}


def fake(filename: str, name: str, module: str = "shop.views", back: FakeFrame | None = None) -> FakeFrame:
    code = compile("pass", filename, "exec").replace(co_name=name, co_qualname=name)
    return FakeFrame(code, {"__name__": module}, back)


def seen(frame: FakeFrame, depth: int = 3) -> list[str]:
    found = evaluating_frames(depth, _getframe=lambda level: frame)  # type: ignore[arg-type,return-value]
    return [location.function for location in found.locations]


LIBRARY = sysconfig.get_path("purelib")
STANDARD = sysconfig.get_path("stdlib")


@pytest.mark.parametrize(
    ("filename", "is_application"),
    [
        ("/srv/shop/views.py", True),
        ("/srv/site-packages/shop/views.py", True),
        ("/srv/my-site-packages/shop/views.py", True),
        ("/usr/lib/dist-packages-of-mine/views.py", True),
        ("<string>", True),
        (f"{LIBRARY}/shop_library/views.py", False),
        (f"{STANDARD}/contextlib.py", False),
        (f"{Path(django.__file__).parent}/views/generic/list.py", False),
        ("<frozen importlib._bootstrap>", False),
    ],
)
def test_library_frames_are_known_by_where_the_interpreter_keeps_them(filename, is_application):
    """A folder that only sounds like site-packages holds application code."""
    assert seen(fake(filename, "view", "somebody.views")) == (["view"] if is_application else [])


@pytest.mark.parametrize("setting", [{"ROOT_URLCONF": "installed_shop.urls"}])
def test_a_project_that_is_installed_as_a_package_is_the_application(setting, settings):
    """A wheel of the project lies in site-packages too; its settings or URLs tell whose it is."""
    settings.ROOT_URLCONF = setting["ROOT_URLCONF"]
    frame = fake(f"{LIBRARY}/installed_shop/views.py", "view", "installed_shop.views")
    assert seen(frame) == ["view"]


def test_library_frames_in_between_do_not_count():
    """A decorator, a serializer or a template engine between two application frames leaves no trace."""
    outer = fake("/srv/shop/views.py", "outer")
    between = fake(f"{LIBRARY}/rest_framework/views.py", "dispatch", "rest_framework.views", outer)
    assert seen(fake("/srv/shop/views.py", "inner", back=between)) == ["inner", "outer"]


def test_the_depth_limits_the_frames():
    """The innermost ones are kept."""
    frame = None
    for number in range(6):
        frame = fake("/srv/shop/views.py", f"f{number}", back=frame)
    assert seen(frame, depth=2) == ["f5", "f4"]
    assert seen(frame, depth=9) == ["f5", "f4", "f3", "f2", "f1", "f0"]


def test_a_place_is_the_same_object_each_time():
    """Places are interned, so that a call site is found by identity, without comparing texts."""
    frames: list[FrameType] = []

    def here() -> None:
        frames.append(sys._getframe())

    for _ in range(2):
        here()
    assert location_of(frames[0]) is location_of(frames[1])


def test_recursion_fills_the_depth_and_no_more():
    """A recursive function is a call site, however deep it is."""

    def down(levels: int) -> int:
        return down(levels - 1) if levels else len([book.author for book in all_books()])

    down(5)
    down(50)
    assert len(learned()) == 1


def test_frames_named_alike_in_two_modules_are_two_places():
    """The module belongs to the key."""
    one, other = (fake(f"/srv/{name}/views.py", "view", f"{name}.views") for name in ("shop", "bank"))
    keys = {location_of(frame).key for frame in (one, other)}  # type: ignore[arg-type]
    assert len(keys) == 2


def test_the_objects_of_the_user_are_not_looked_at():
    """Finding the call site calls no __eq__, __hash__, __bool__ or __repr__ of the values in the frames."""

    class Touchy:
        def _refuse(self, *args: Any) -> Any:
            msg = "a value of the application was looked at"
            raise AssertionError(msg)

        __eq__ = __hash__ = __bool__ = __repr__ = __str__ = __len__ = _refuse

    def run(request: Any, self: Any, node: Any) -> None:
        local = Touchy()
        for book in all_books():
            assert book.author
        del local

    for _ in range(2):
        run(Touchy(), Touchy(), Touchy())
    assert len(learned()) == 1


def test_branches_of_a_condition_are_two_call_sites():
    """As two loops are."""

    def rows(first: bool) -> list[Any]:
        if first:
            return [branch.street for branch in auto(Branch.objects.all())]
        return [branch.name for branch in auto(Branch.objects.all())]

    rows(True)
    rows(False)
    assert paths_learned() == [set(), {"street"}]
