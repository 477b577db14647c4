"""D. Instrumentation: each test is named after its id in the list of known traps."""

import contextvars
import pickle
import sysconfig
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.core.exceptions import SynchronousOnlyOperation
from django.db import connections, models
from django.template import Context, Engine
from django.test.utils import isolate_apps

import autoprefetch
from autoprefetch import LazyLoadError, auto, override
from tests.databases import count_queries
from tests.equivalence.comparing import plain_cold_warm, plan_of, raised, runs
from tests.library.models import Author, Book, Publisher
from tests.routers import on_database

pytestmark = pytest.mark.usefixtures("library")


@pytest.mark.parametrize("dunder", ["__eq__", "__hash__", "__bool__", "__repr__", "__str__", "__len__"])
def test_d1_no_special_method_of_the_callers_model_is_called(dunder: str, database: str) -> None:
    """They may query, raise, or be missing: nobody but the caller calls them."""

    def refuse(self: Any, *args: Any) -> Any:
        message = f"{dunder} was called"
        raise AssertionError(message)

    with isolate_apps("tests.library"):

        class Place(models.Model):
            name = models.CharField(max_length=50)

            class Meta:
                app_label, db_table, managed = "library", "library_city", False

        class House(models.Model):
            name = models.CharField(max_length=50)
            city = models.ForeignKey(Place, models.CASCADE, related_name="houses")

            class Meta:
                app_label, db_table, managed = "library", "library_street", False

        for model in (Place, House):
            setattr(model, dunder, refuse)

        def view() -> Any:
            houses = [house.city.name for house in auto(House.objects.order_by("pk"))]
            return houses, [len(place.houses.all()) for place in auto(Place.objects.order_by("pk"))]

        plain, *others = runs(view, 3)
        assert plain.error is None
        assert [run.outcome for run in others] == [plain.outcome] * 3


def test_d2_models_are_told_apart_by_their_label(database: str) -> None:
    """Two models of one class name have nothing to do with each other."""
    with isolate_apps("tests.library"):

        class Author(models.Model):
            name = models.CharField(max_length=50)

            class Meta:
                app_label, db_table, managed = "contenttypes", "library_author", False

        class Book(models.Model):
            title = models.CharField(max_length=50)
            writer = models.ForeignKey(Author, models.CASCADE, db_column="author_id")

            class Meta:
                app_label, db_table, managed = "contenttypes", "library_book", False

        other = Book

    def view() -> Any:
        from tests.library.models import Book

        models_of_the_name = ((Book, "author"), (other, "writer"))
        return [
            getattr(book, attribute).name
            for model, attribute in models_of_the_name
            for book in auto(model.objects.order_by("pk"), name="the same name")
        ]

    plain, _, warm = plain_cold_warm(view)
    assert plain.queries == 34
    assert warm.queries == 2
    assert sorted(site.model for site in autoprefetch.report().call_sites) == ["contenttypes.Book", "library.Book"]


def test_d3_hooks_are_inert_when_off(database: str) -> None:
    """Switched off, `auto()` gives the queryset itself, and what is marked already is plain."""
    marked = auto(Book.objects.all())
    with override(MODE="off"):
        queryset = Book.objects.all()
        assert auto(queryset) is queryset
        for _ in range(3):
            with count_queries() as log:
                assert len([str(book.author) for book in marked.all()]) == 16
            assert len(log) == 17
    assert autoprefetch.report().call_sites == ()


def test_d3_the_cache_of_a_prefetch_stays_in_use(database: str) -> None:
    """What the caller prefetched is answered from its cache by all that answers from it in plain Django."""

    def view() -> Any:
        return [
            (len(b.tags.all()), b.tags.count(), b.tags.exists(), [t.name for t in b.tags.all()][:2], b.tags.all()[:1])
            for b in Book.objects.prefetch_related("tags")
        ] and [
            (len(b.tags.all()), b.tags.count(), b.tags.exists(), sorted(t.name for t in b.tags.all()))
            for b in auto(Book.objects.prefetch_related("tags"))
        ]

    plain, cold, warm = plain_cold_warm(view)
    assert plain.queries == cold.queries == warm.queries == 4


FILES = {
    "a project in a folder that sounds like it": ("/srv/my-site-packages/shop/views.py", True),
    "a project in a folder that is called so": ("/srv/site-packages/shop/views.py", True),
    "a project in a folder of Debian's name": ("/srv/dist-packages/shop/views.py", True),
    "an editable install": ("/srv/src/shop/views.py", True),
    "an installed library": (f"{sysconfig.get_path('purelib')}/shop/views.py", False),
    "the standard library": (f"{sysconfig.get_path('stdlib')}/shop/views.py", False),
}


@pytest.mark.parametrize("file", FILES)
def test_d4_a_folder_is_a_librarys_if_the_interpreter_says_so(file: str, database: str) -> None:
    """Not if its path has "site-packages" in it."""
    path, is_application = FILES[file]
    source = "def titles(books):\n    return [str(book.author) for book in books]\n"
    module: dict[str, Any] = {"__name__": "shop.views"}
    exec(compile(source, path, "exec"), module)

    def view() -> Any:
        return module["titles"](auto(Book.objects.all())), module["titles"](auto(Book.objects.filter(pages__gt=0)))

    _, _, warm = plain_cold_warm(view)
    assert warm.queries == 2
    for site in autoprefetch.report().call_sites:
        assert ("shop.views:titles" in site.key) is is_application
        (access,) = {usage.first_access for usage in site.profile.usages.values()}
        assert access.startswith("shop/views.py:2 titles" if is_application else "tests/") or "__str__" in access


def test_d5_comprehensions_of_all_kinds_have_one_name(database: str) -> None:
    """A frame of its own before Python 3.12, and none after it."""

    def view() -> Any:
        return (
            [str(b.author) for b in auto(Book.objects.all())],
            {b.pk: str(b.author) for b in auto(Book.objects.all())},
            sorted({str(b.author) for b in auto(Book.objects.all())}),
            list(str(b.author) for b in auto(Book.objects.all())),  # noqa: C400
        )

    plain, _, warm = plain_cold_warm(view)
    assert (plain.queries, warm.queries) == (68, 4)
    names = {site.call_site.split(" (")[0].rpartition(".")[2] for site in autoprefetch.report().call_sites}
    assert names == {"view"}


@pytest.mark.parametrize("ending", ["an error before the loop", "an error in the loop", "nothing read"])
def test_d6_a_few_runs_that_read_nothing_take_no_plan_away(ending: str, database: str) -> None:
    """Neither requests that fail nor a few that look elsewhere say that a relation is not used."""
    endings = iter([""] * 5 + [ending] * 2 + [""] * 2)

    def view() -> Any:
        books, how = list(auto(Book.objects.all())), next(endings)
        if how == "an error before the loop":
            raise OSError(how)
        if how == "nothing read":
            return []
        found = []
        for book in books:
            found.append((book.author.name, [tag.pk for tag in sorted(book.tags.all(), key=lambda tag: tag.pk)]))
            if how == "an error in the loop":
                raise OSError(how)
        return found

    plain, *automatic = runs(view, 8)
    assert [run.outcome == plain.outcome for run in automatic] == [True] * 4 + [False] * 2 + [True] * 2
    assert [run.queries for run in automatic[1:4]] == [2] * 3
    assert [run.queries for run in automatic[6:]] == [2] * 2
    plan = plan_of()
    assert (plan["author"][0], plan["tags"][0]) == ("joined", "prefetched")
    (suggestion,) = autoprefetch.suggestions()
    assert "author" in suggestion.code
    assert "tags" in suggestion.code


async def test_d7_an_access_that_async_code_may_not_make_is_there_the_next_time(database: str) -> None:
    """The first run raises as Django does; the attempt is recorded, and the second run has it."""

    async def view() -> Any:
        return [book.author.name async for book in auto(Book.objects.all())]

    outcomes: list[Any] = []
    for _ in range(3):
        try:
            outcomes.append(await view())
        except SynchronousOnlyOperation:
            outcomes.append(SynchronousOnlyOperation)
    assert outcomes[0] is SynchronousOnlyOperation
    assert len(outcomes[1]) == len(outcomes[2]) == 16


def test_d8_what_is_learned_needs_no_context_variable(database: str) -> None:
    """A thread or a task with a context of its own shares what is learned."""
    counts: list[int] = []

    def view() -> None:
        with on_database(database), count_queries() as log:
            assert len([str(book.author) for book in auto(Book.objects.all())]) == 16
        counts.append(len(log))

    for _ in range(3):
        contextvars.Context().run(view)
    assert counts == [2, 1, 1]


TEMPLATE = (
    "{% if books %}{% for book in books %}{{ forloop.counter }}/{{ books|length }} {{ book }} "
    '{% for tag in book.tags.all|dictsort:"name" %}{{ tag }}{% empty %}none{% endfor %}{% endfor %}{% endif %}'
)


def test_d9_a_template_evaluates_once(database: str) -> None:
    """`{% if %}` and `{% for %}` ask for truth and length first, then iterate."""
    template = Engine().from_string(TEMPLATE)
    plain, _, warm = plain_cold_warm(lambda: template.render(Context({"books": auto(Book.objects.all())})))
    assert plain.queries == 33
    assert warm.queries == 2


def test_d10_a_refused_lazy_load_is_never_swallowed(database: str) -> None:
    """`hasattr` and templates swallow `AttributeError` and errors that call themselves silent."""
    assert not issubclass(LazyLoadError, AttributeError)
    assert not getattr(LazyLoadError, "silent_variable_failure", False)
    template = Engine().from_string("{% for book in books %}{{ book.author.name }}{% endfor %}")

    def view() -> Any:
        return (
            raised(lambda: template.render(Context({"books": auto(Book.objects.all())}))),
            raised(lambda: [hasattr(b, "publisher") for b in auto(Book.objects.all())]),
            raised(lambda: [getattr(a, "profile", None) for a in auto(Author.objects.all())]),
        )

    with override(MODE="strict"):
        assert {name for name, _ in view()} == {"LazyLoadError"}


def test_d11_a_pickled_row_needs_nothing_of_ours(database: str) -> None:
    """It names no module of autoprefetch, cold or warm, so that it can be loaded where that is not installed."""
    for _ in range(3):
        books = list(auto(Book.objects.all()))
        assert [(str(book.author), len(book.tags.all())) for book in books]
        for row in (books[0], books[0].author, list(books[0].tags.all())):
            assert b"autoprefetch" not in pickle.dumps(row)
            assert pickle.loads(pickle.dumps(row)) == row


def test_d12_cold_and_warm_runs_are_one_call_site(database: str) -> None:
    """Frames of frameworks and of autoprefetch itself differ from run to run, and make no difference."""
    runs(
        lambda: [(str(p.city), [(str(b.author), len(b.tags.all())) for b in p.books.all()]) for p in auto(Publisher)], 5
    )
    (site,) = autoprefetch.report().call_sites
    assert site.profile.evaluations == 5
    assert plan_of()["books"][0] == "prefetched"


@pytest.mark.django_db(transaction=True)
def test_d13_threads_that_share_a_result_set_get_their_own_rows(database: str) -> None:
    """Eight threads read each row of one evaluation at once, cold and warm, each on a connection of its own."""
    shared: list[Author] = []

    def read(author: Author) -> Any:
        return (
            author.name,
            author.mentor and author.mentor.name,
            raised(lambda: author.profile.biography),
            sorted(book.title for book in author.books.all()),
            author.books.filter(pages__gt=200).count(),
            [book.title for book in author.books.order_by("-pages", "pk")[:2]],
            sorted(tag.name for book in author.books.all() for tag in book.tags.all()),
        )

    def in_a_thread(number: int) -> Any:
        with on_database(database):
            barrier.wait(20)
            try:
                in_turn = shared[number:] + shared[:number]
                return sorted(map(read, in_turn))
            finally:
                connections[database]._close()  # `close()` keeps a database that is in memory open
                connections[database].connection = None

    expected = sorted(map(read, Author.objects.all()))
    barrier = threading.Barrier(8)
    for _ in range(3):
        shared[:] = auto(Author.objects.all())
        with ThreadPoolExecutor(8) as pool:
            assert list(pool.map(in_a_thread, range(8))) == [expected] * 8
    plan_of()  # no quarantine
