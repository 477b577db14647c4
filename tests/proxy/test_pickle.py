"""Pickles: of the queryset, of its query, of its instances, and through the cache framework."""

import pickle
import subprocess
import sys
from pathlib import Path

import pytest
from django.core.cache import caches
from django.test import override_settings

from autoprefetch import auto
from tests.databases import count_queries
from tests.library.models import Book
from tests.proxy.comparing import assert_same, runs
from tests.proxy.conftest import sqlite_only

pytestmark = [pytest.mark.usefixtures("library"), sqlite_only]

ROOT = Path(__file__).resolve().parents[2]
PROTOCOLS = range(2, pickle.HIGHEST_PROTOCOL + 1)

#: Loads a pickle from standard input in a process that has Django and the models, and no autoprefetch.
ELSEWHERE = """
import pickle, sys
sys.path.insert(0, {root!r})
sys.modules["autoprefetch"] = None
import django
from django.conf import settings
settings.configure(
    INSTALLED_APPS=["django.contrib.contenttypes", "tests.library"],
    DATABASES={{"default": {{"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}}}},
    DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
)
django.setup()
loaded = pickle.load(sys.stdin.buffer)
{then}
assert not any(name.startswith("autoprefetch.") for name in sys.modules)
"""


def load_elsewhere(pickled, then):
    code = ELSEWHERE.format(root=str(ROOT), then=then)
    done = subprocess.run([sys.executable, "-c", code], input=pickled, capture_output=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout.decode().strip()


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize(
    "chain",
    [
        lambda books: books,
        lambda books: books.filter(pages__gt=200)[:5],
        lambda books: books.values("title"),
        lambda books: books.values_list("title", flat=True),
        lambda books: books.prefetch_related("tags"),
        lambda books: books.none(),
    ],
)
def test_a_pickled_queryset_has_the_same_rows(protocol, chain):
    """Pickling evaluates the queryset, as in Django, and the copy brings its rows."""

    def view(wrap):
        books = chain(wrap(Book.objects.all()))
        loaded = pickle.loads(pickle.dumps(books, protocol))
        return type(loaded), list(loaded), loaded.count()

    assert_same(view)


def test_what_is_unpickled_is_a_queryset_and_can_be_chained():
    """The pickle is that of the wrapped queryset: what is loaded is of its class, and as good as new."""
    loaded = pickle.loads(pickle.dumps(auto(Book.objects.all())))
    assert type(loaded) is type(Book.objects.all())
    assert [str(book) for book in loaded.long()] == [str(book) for book in Book.objects.long()]
    loaded.query.add_q  # noqa: B018  (the query came along)


def test_the_query_alone_can_be_pickled():
    """Django documents `queryset.query = pickle.loads(pickle.dumps(queryset.query))`."""

    def view(wrap):
        books = Book.objects.all()
        books.query = pickle.loads(pickle.dumps(wrap(Book.objects.filter(pages__gt=300)).query))
        return [book.title for book in books]

    assert_same(view)


def test_a_warm_queryset_brings_what_was_loaded_ahead():
    """The pickle of a warm evaluation holds its related rows, like one of `select_related`, and no peers."""

    def view(wrap):
        books = wrap(Book.objects.all())
        before = [book.author.name for book in books]
        loaded = pickle.loads(pickle.dumps(books))
        return before, [book.author.name for book in loaded]

    assert_same(view, warm=1)


def test_pickles_do_not_grow():
    """Instances of an automatic queryset take the room that those of a plain one take, but for a word in all."""
    runs(lambda wrap: [book.title for book in wrap(Book.objects.all())])
    books = list(auto(Book.objects.all()))
    plain = list(Book.objects.all())
    assert len(pickle.dumps(books)) < len(pickle.dumps(plain)) + 100
    assert len(pickle.dumps(auto(Book.objects.all()))) < len(pickle.dumps(Book.objects.all())) + 500


@pytest.mark.parametrize("backend", ["locmem.LocMemCache", "filebased.FileBasedCache", "dummy.DummyCache"])
def test_the_cache_framework_keeps_it(backend, tmp_path):
    """A queryset in the cache is loaded from there without a query."""
    with override_settings(
        CACHES={"default": {"BACKEND": f"django.core.cache.backends.{backend}", "LOCATION": str(tmp_path)}}
    ):

        def view(wrap):
            cache = caches["default"]
            cache.set("books", wrap(Book.objects.all()))
            kept = cache.get("books")
            return kept if kept is None else [(type(kept), [str(book) for book in kept])]

        assert_same(view)


def test_the_pickle_of_a_queryset_loads_where_autoprefetch_is_not_installed():
    """Another process, without the package, gets a plain queryset with its rows."""
    then = "print(type(loaded).__name__, [book.title for book in loaded], loaded.filter(pages=1).query is not None)"
    titles = [book.title for book in Book.objects.all()]
    for books in (auto(Book.objects.all()), auto(Book.objects.all()).filter(pages__gt=0)):
        [book.author for book in books]
        assert load_elsewhere(pickle.dumps(books), then) == f"BookQuerySet {titles} True"


def test_the_pickle_of_an_instance_loads_where_autoprefetch_is_not_installed():
    """So do instances, cold and warm, with their related rows and prefetched sets."""
    then = "print(sorted(tag.name for tag in loaded.tags.all()), loaded.author.name, loaded.title)"

    def view(wrap):
        books = list(wrap(Book.objects.all()))
        for book in books:
            list(book.tags.all())
            book.author.name  # noqa: B018
        return pickle.dumps(books[5])

    *_, warm = [view(auto) for _ in range(3)]
    tags = sorted(tag.name for tag in Book.objects.get(title="Book 05").tags.all())
    assert load_elsewhere(warm, then) == f"{tags} Finn Book 05"


def test_what_was_unpickled_can_be_pickled_again():
    """Sessions and caches pickle what they have unpickled, cold and warm: instances, related rows and querysets."""

    def view(wrap):
        books = wrap(Book.objects.all())
        for book in books:
            list(book.tags.all())
            book.author.name  # noqa: B018
        again = pickle.loads(pickle.dumps(pickle.loads(pickle.dumps(books))))
        rows = pickle.loads(pickle.dumps(pickle.loads(pickle.dumps(list(books)))))
        return list(again), [(book.title, book.author.name) for book in rows]

    assert_same(view, warm=2)


def test_an_unpickled_queryset_still_loads_plainly():
    """Rows that came out of a pickle load their relations lazily, as they do in Django."""
    loaded = pickle.loads(pickle.dumps(auto(Book.objects.all())))
    with count_queries() as log:
        assert [book.author.name for book in loaded][:2] == ["Ada", "Bo"]
    assert len(log) == 16
