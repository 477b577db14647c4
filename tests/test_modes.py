"""The modes: what learns, what rewrites, what refuses, and what does nothing at all."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from django.contrib.contenttypes.prefetch import GenericPrefetch
from django.core.exceptions import ObjectDoesNotExist
from django.db.models import Count, Prefetch, QuerySet
from django.template import Context, Engine

from autoprefetch import LazyLoadError, auto, override, report, suggestions
from tests.databases import count_queries
from tests.library.models import Author, Book, Comment, Copy, Medium, Portrait, Profile, Reader, Tag

pytestmark = [
    pytest.mark.usefixtures("library"),
    pytest.mark.parametrize("database", ["sqlite"], indirect=True),
]

ROOT = Path(__file__).resolve().parent.parent
HERE = "tests/test_modes.py"


def authors_of_books() -> list[str]:
    return [book.author.name for book in auto(Book.objects.all())]


def publishers_too() -> list[Any]:
    return [(book.author.name, book.publisher) for book in auto(Book.objects.all())]


def queries_of(run: Callable[[], Any]) -> int:
    with count_queries() as log:
        run()
    return len(log)


def thrice(run: Callable[[], Any]) -> list[int]:
    return [queries_of(run) for _ in range(3)]


# auto ---------------------------------------------------------------------------------------------------------------


def test_auto_learns_and_applies():
    """The default: two queries in place of seventeen, then one."""
    assert thrice(authors_of_books) == [2, 1, 1]


# learn --------------------------------------------------------------------------------------------------------------


def test_learn_rewrites_nothing_and_advises():
    """For a project that wants the advice and keeps its queries."""
    with override(MODE="learn"):
        assert thrice(authors_of_books) == [17, 17, 17]
        [found] = suggestions()
    assert found.code == 'Book.objects.all().select_related("author")'
    assert (found.queries_before, found.queries_after, found.measured) == (17, 1, False)


def test_learn_sends_the_very_statements_of_plain_django():
    """Not one statement differs."""

    def statements(source: Any) -> list[str]:
        with count_queries() as log:
            [(book.author.name, list(book.tags.all())) for book in source]
        return log.statements

    plain = statements(Book.objects.all())
    with override(MODE="learn"):
        for _ in range(3):
            assert statements(auto(Book.objects.all())) == plain


def test_what_learn_learned_is_applied_by_auto():
    """Watch first, switch on later."""

    def run(mode: str) -> int:
        with override(MODE=mode):
            return queries_of(authors_of_books)

    assert [run(mode) for mode in ("learn", "auto")] == [17, 1]


# apply --------------------------------------------------------------------------------------------------------------


def test_apply_applies_what_is_known():
    """A profile made before is put to use."""

    def run(mode: str) -> int:
        with override(MODE=mode):
            return queries_of(authors_of_books)

    assert [run(mode) for mode in ("auto", "apply", "apply")] == [2, 1, 1]


def test_apply_learns_nothing():
    """What is new stays lazy, and the counts stay as they are."""
    seen = []

    def run(mode: str, use: Callable[[Book], Any]) -> int:
        with override(MODE=mode):
            with count_queries() as log:
                for book in auto(Book.objects.all()):
                    use(book)
            seen.append([(site.key, site.profile) for site in report().call_sites])
            return len(log)

    counts = [
        run(mode, use)
        for mode, use in [
            ("auto", lambda book: book.author),
            ("apply", lambda book: (book.author, list(book.tags.all()))),
            ("apply", lambda book: (book.author, list(book.tags.all()))),
        ]
    ]
    assert counts == [2, 17, 17]
    assert seen[0] == seen[1] == seen[2]


def test_apply_leaves_an_unknown_call_site_plain():
    """Nothing is known, so nothing is done, and nothing is remembered."""
    with override(MODE="apply"):
        assert thrice(authors_of_books) == [17, 17, 17]
        assert report().call_sites == ()
        assert suggestions() == []


def test_apply_counts_no_writes():
    """Nor does it learn what the call site writes."""
    with override(MODE="apply"):
        for book in auto(Book.objects.all()):
            book.author.save()
    assert report().call_sites == ()


# strict -------------------------------------------------------------------------------------------------------------


LAZY: dict[str, tuple[Callable[[], QuerySet[Any]], Callable[[Any], Any]]] = {
    "foreign key": (lambda: Book.objects.all(), lambda book: book.author),
    "foreign key to another field": (lambda: Book.objects.all(), lambda book: book.imprint),
    "foreign key to a hidden row": (lambda: Copy.objects.order_by("pk"), lambda copy: copy.shelf),
    "one-to-one": (lambda: Profile.objects.order_by("pk"), lambda profile: profile.author),
    "one-to-one as primary key": (lambda: Portrait.objects.order_by("pk"), lambda portrait: portrait.author),
    "reverse one-to-one": (lambda: Author.objects.all(), lambda author: author.profile),
    "down to the child of a parent model": (lambda: Medium.objects.order_by("pk"), lambda medium: medium.film),
    "reverse foreign key": (lambda: Author.objects.all(), lambda author: list(author.books.all())),
    "many-to-many": (lambda: Book.objects.all(), lambda book: list(book.tags.all())),
    "many-to-many from behind": (lambda: Tag.objects.order_by("pk"), lambda tag: list(tag.books.all())),
    "many-to-many without a name behind": (lambda: Book.objects.all(), lambda book: list(book.series_set.all())),
    "generic foreign key": (lambda: Comment.objects.order_by("pk"), lambda comment: comment.subject),
    "generic relation": (lambda: Book.objects.all(), lambda book: list(book.comments.all())),
}

DEEPER: dict[str, tuple[Callable[[], QuerySet[Any]], Callable[[Any], Any]]] = {
    "below a foreign key": (
        lambda: Book.objects.select_related("author"),
        lambda book: book.author.archive,
    ),
    "a set below a foreign key": (
        lambda: Book.objects.select_related("author"),
        lambda book: list(book.author.friends.all()),
    ),
    "below a set": (
        lambda: Author.objects.prefetch_related("books"),
        lambda author: [book.publisher for book in author.books.all()],
    ),
    "a set below a set": (
        lambda: Author.objects.prefetch_related("books"),
        lambda author: [list(book.tags.all()) for book in author.books.all()],
    ),
    "a set below a many-to-many": (
        lambda: Reader.objects.order_by("pk").prefetch_related("wishes"),
        lambda reader: [book.author for book in reader.wishes.all()],
    ),
    "below a reverse one-to-one": (
        lambda: Author.objects.filter(profile__isnull=False).select_related("profile"),
        lambda author: author.profile.city,
    ),
}

DERIVED: dict[str, Callable[[Any], Any]] = {
    "filter": lambda author: list(author.books.filter(pages__gt=1)),
    "exclude": lambda author: list(author.books.exclude(pages=1)),
    "order_by": lambda author: list(author.books.order_by("-published")),
    "the last five": lambda author: list(author.books.order_by("-published")[:5]),
    "annotate": lambda author: list(author.books.annotate(n=Count("tags"))),
    "select_related": lambda author: list(author.books.select_related("publisher")),
    "a custom method": lambda author: list(author.books.long()),
    "first": lambda author: author.books.order_by("pages").first(),
    "last": lambda author: author.books.last(),
    "latest": lambda author: author.books.latest("published"),
    "earliest": lambda author: author.books.earliest("published"),
    "get": lambda author: author.books.filter(pages__lt=0).get(),
    "values": lambda author: list(author.books.values("title")),
    "values_list": lambda author: list(author.books.values_list("title", flat=True)),
    "iterator": lambda author: list(author.books.iterator()),
    "in_bulk": lambda author: author.books.in_bulk(),
    "count": lambda author: author.books.count(),
    "exists": lambda author: author.books.exists(),
    "contains": lambda author: author.books.contains(Book(pk=1)),
    "aggregate": lambda author: author.books.aggregate(n=Count("pk")),
    "dates": lambda author: list(author.books.dates("published", "year")),
    "len": lambda author: len(author.books.all()),
    "bool": lambda author: bool(author.books.all()),
    "index": lambda author: author.books.all()[0],
    "in": lambda author: Book(pk=1) in author.books.all(),
}

COLUMNS: dict[str, tuple[Callable[[], QuerySet[Any]], Callable[[Any], Any]]] = {
    "defer": (lambda: Book.objects.defer("summary"), lambda book: book.summary),
    "only": (lambda: Book.objects.only("title"), lambda book: book.summary),
    "only, below a join": (
        lambda: Book.objects.select_related("author").only("title", "author__mentor"),
        lambda book: book.author.name,
    ),
}


def refused(source: Callable[[], Any], use: Callable[[Any], Any]) -> LazyLoadError:
    with override(MODE="strict"):
        rows = list(auto(source()))
        assert rows
        with pytest.raises(LazyLoadError) as raised:
            use_all(rows, use)
    return raised.value


def use_all(rows: Iterable[Any], use: Callable[[Any], Any]) -> None:
    for row in rows:
        use(row)


def derived_from_authors() -> dict[str, tuple[Callable[[], Any], Callable[[Any], Any]]]:
    return {name: (lambda: Author.objects.all(), use) for name, use in DERIVED.items()}


ALL_LAZY = {**LAZY, **DEEPER, **derived_from_authors(), **COLUMNS}


@pytest.mark.parametrize(("source", "use"), ALL_LAZY.values(), ids=ALL_LAZY)
def test_strict_refuses_every_kind_of_lazy_load(source, use):
    """No relation, column or derived query is loaded on demand."""
    refused(source, use)


@pytest.mark.parametrize(("source", "use"), ALL_LAZY.values(), ids=ALL_LAZY)
def test_strict_sends_no_query_for_what_it_refuses(source, use):
    """The error comes before the query, not after it."""
    with override(MODE="strict"):
        rows = list(auto(source()))
        with count_queries() as log, pytest.raises(LazyLoadError):
            use_all(rows, use)
    assert len(log) == 0, log


@pytest.mark.parametrize(("source", "use"), {**LAZY, **DEEPER}.values(), ids={**LAZY, **DEEPER})
def test_the_remedy_of_strict_is_code_that_helps(source, use):
    """Added to the query, as the message says, it takes this refusal away."""
    message = str(refused(source, use))
    remedy = message.partition("Add to your query: ")[2]
    assert remedy
    queryset = eval(f"source(){remedy}", {"source": source, "Prefetch": Prefetch, "GenericPrefetch": GenericPrefetch})
    with override(MODE="strict"):
        for row in auto(queryset):
            with suppress(ObjectDoesNotExist):
                use(row)


@pytest.mark.parametrize("use", [DERIVED["the last five"], DERIVED["count"], DERIVED["filter"]])
def test_the_remedy_for_a_derived_query_is_not_a_plain_prefetch(use):
    """`prefetch_related("books")` would run, and the derived query would ask the database all the same."""
    message = str(refused(lambda: Author.objects.all(), use))
    assert "books" in message
    assert not message.endswith('.prefetch_related("books")')


def test_the_message_of_strict_names_fact_place_and_remedy():
    """The one grammar of all messages."""
    with override(MODE="strict"):
        [book, *_] = auto(Book.objects.all())
        line = sys._getframe().f_lineno + 2
        with pytest.raises(LazyLoadError) as raised:
            assert book.author
    place, _, rest = str(raised.value).partition(": ")
    assert place == f"{HERE}:{line} test_the_message_of_strict_names_fact_place_and_remedy"
    assert "Book.author was loaded lazily" in rest
    assert rest.endswith('Add to your query: .select_related("author")')


def test_the_message_of_strict_names_a_deferred_column():
    """A column has another remedy than a relation."""
    message = str(refused(*COLUMNS["defer"]))
    assert re.search(r"Book\.summary\b", message)
    assert "select_related" not in message


def test_strict_in_a_template_names_the_template():
    """The place is the one that a person can edit."""
    engine = Engine(
        loaders=[
            (
                "django.template.loaders.locmem.Loader",
                {"books.html": "\n{% for b in books %}{{ b.author }}{% endfor %}"},
            )
        ]
    )
    with override(MODE="strict"), pytest.raises(LazyLoadError, match=re.escape("books.html:2: ")):
        engine.get_template("books.html").render(Context({"books": auto(Book.objects.all())}))


TEMPLATES = {
    "a variable": "{% for book in books %}{{ book.author }}{% endfor %}",
    "a chain": "{% for book in books %}{{ book.author.name }}{% endfor %}",
    "a default": "{% for book in books %}{{ book.author.name|default:'nobody' }}{% endfor %}",
    "with": "{% for book in books %}{% with book.author as author %}{{ author }}{% endwith %}{% endfor %}",
    "a condition": "{% for book in books %}{% if book.author %}x{% endif %}{% endfor %}",
    "a loop": "{% for book in books %}{% for tag in book.tags.all %}{{ tag }}{% endfor %}{% endfor %}",
    "a method": "{% for book in books %}{{ book }}{% endfor %}",
    "a missing relation": "{% for author in authors %}{{ author.profile.biography }}{% endfor %}",
}


@pytest.mark.parametrize("template", TEMPLATES.values(), ids=TEMPLATES)
def test_templates_do_not_swallow_the_refusal(template):
    """Django's templates hide an AttributeError and what says `silent_variable_failure`; this is neither."""
    context = {"books": auto(Book.objects.all()), "authors": auto(Author.objects.all())}
    with override(MODE="strict"), pytest.raises(LazyLoadError):
        Engine(string_if_invalid="").from_string(template).render(Context(context))


@pytest.mark.parametrize("name", ["author", "publisher"])
def test_hasattr_and_getattr_do_not_swallow_the_refusal(name):
    """They hide an AttributeError only."""
    with override(MODE="strict"):
        [book, *_] = auto(Book.objects.filter(publisher__isnull=False))
        with pytest.raises(LazyLoadError):
            hasattr(book, name)
        with pytest.raises(LazyLoadError):
            getattr(book, name, None)


def test_hasattr_on_a_reverse_one_to_one_does_not_swallow_the_refusal():
    """This is how people ask whether there is one."""
    with override(MODE="strict"):
        [author, *_] = auto(Author.objects.all())
        with pytest.raises(LazyLoadError):
            hasattr(author, "profile")


def test_strict_allows_what_needs_no_query():
    """Columns, empty keys, what the caller loads, and what was assigned."""
    tagged = Book.objects.select_related("author").prefetch_related("tags")
    with override(MODE="strict"):
        for book in auto(tagged):
            assert book.title
            assert book.author.name
            assert book.author_id
            assert len(book.tags.all()) == book.tags.count()
            book.publisher = None
            assert book.publisher is None
        for book in auto(Book.objects.filter(category=None)):
            assert book.category is None


def test_strict_applies_first_and_raises_only_for_what_is_left():
    """A call site that has learned all it needs runs in strict mode."""

    def run(mode: str, use: Callable[[Book], Any]) -> int:
        with override(MODE=mode), count_queries() as log:
            for book in auto(Book.objects.all()):
                use(book)
        return len(log)

    def known(book: Book) -> Any:
        return book.author.name, list(book.tags.all())

    def more(book: Book) -> Any:
        return known(book), book.publisher

    seen: list[Any] = []
    for mode, use in [("auto", known), ("strict", known), ("strict", more)]:
        try:
            seen.append(run(mode, use))
        except LazyLoadError as refusal:
            seen.append(str(refusal))
    assert seen[:2] == [3, 2]
    assert "Book.publisher" in seen[2]


def test_strict_learns_nothing():
    """Its evaluations load nothing lazily, and would make every relation look unused."""
    seen = []
    for mode in ("auto", "strict", "strict", "strict"):
        with override(MODE=mode):
            for book in auto(Book.objects.all()):
                if mode == "auto":
                    assert book.author
        seen.append([(site.key, site.profile) for site in report().call_sites])
    assert all(found == seen[0] for found in seen)


def test_strict_leaves_other_querysets_alone():
    """Only what auto() wraps is guarded."""
    with override(MODE="strict"):
        assert [book.author.name for book in Book.objects.all()]
        auto(Book.objects.all())
        assert [list(author.books.all()) for author in Author.objects.all()]


def test_strict_leaves_values_alone():
    """Rows that are not instances load nothing."""
    with override(MODE="strict"):
        assert len(auto(Book.objects.all()).values("author__name")) == 16
        assert auto(Book.objects.all()).count() == 16


def test_strict_guards_rows_from_an_iterator():
    """Streamed rows are guarded like all others."""
    for options in ({}, {"chunk_size": 5}):
        with override(MODE="strict"), pytest.raises(LazyLoadError):
            [book.author for book in auto(Book.objects.all()).iterator(**options)]


async def test_strict_guards_rows_of_async_code():
    """In place of Django's SynchronousOnlyOperation, which names no remedy."""
    with override(MODE="strict"):
        books = [book async for book in auto(Book.objects.all())]
        with pytest.raises(LazyLoadError):
            assert books[0].author


def test_strict_ends_with_its_block():
    """Rows that were loaded in strict mode load lazily once it is over."""
    with override(MODE="strict"):
        books = list(auto(Book.objects.all()))
    assert books[0].author.name


def test_strict_lets_the_orm_load_what_it_needs_itself():
    """Deleting, saving and refreshing read relations and columns of their own accord."""
    with override(MODE="strict"):
        for book in auto(Book.objects.filter(title="Book 03")):
            book.save()
            book.refresh_from_db()
            book.tags.add(Tag.objects.first())
            book.tags.clear()
            book.delete()
    assert not Book.objects.filter(title="Book 03")


# off ----------------------------------------------------------------------------------------------------------------


def test_off_returns_the_queryset_itself():
    """Not a copy, not a proxy; of a manager or a model `.all()`."""
    with override(MODE="off"):
        books = Book.objects.filter(pages__gt=1)
        raw = Book.objects.raw("SELECT * FROM library_book")
        assert auto(books) is books
        assert auto(raw) is raw
        assert type(auto(Book.objects)) is type(Book.objects.all())
        assert type(auto(Book)) is type(Book.objects.all())


def test_what_was_made_while_off_stays_plain():
    """For good: it carries no mark."""
    with override(MODE="off"):
        books = auto(Book.objects.all())
    assert thrice(lambda: [book.author for book in books.all()]) == [17, 17, 17]
    assert report().call_sites == ()


def test_off_still_refuses_what_is_no_queryset():
    """A mistake is not to wait for production to show."""
    with override(MODE="off"):
        for wrong in (None, [], 1):
            with pytest.raises(TypeError):
                auto(wrong)


def test_marks_are_inert_once_switched_off():
    """A queryset that was made before is plain as long as the mode is off, and nothing is learned."""
    books = auto(Book.objects.all())

    def run(mode: str) -> int:
        with override(MODE=mode):
            return queries_of(lambda: [book.author for book in books.all()])

    assert [run(mode) for mode in ("auto", "off", "off", "auto")] == [2, 17, 17, 1]
    [site] = report().call_sites
    assert site.profile.evaluations == 2


def test_rows_are_inert_once_switched_off():
    """Rows that were loaded before load as in plain Django, and nobody counts."""
    books = list(auto(Book.objects.all()))
    with override(MODE="off"):
        assert queries_of(lambda: [book.author for book in books]) == 16
        assert queries_of(lambda: [list(book.tags.all()) for book in books]) == 16
        Author.objects.update(name="anybody")
    [site] = report().call_sites
    assert (site.profile.usages, site.profile.written) == ({}, {})


OFF = """
import json, sys
from django.conf import settings
import django
settings.configure(
    INSTALLED_APPS=["django.contrib.contenttypes", "autoprefetch"],
    DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}},
    AUTOPREFETCH={"MODE": "off"},
)
from django.db.models import QuerySet
from django.db.models.base import ModelState
from django.db.models.query import RawQuerySet
from django.db.models.fields import related_descriptors
from django.db.models.query_utils import DeferredAttribute
from django.db.models.sql import compiler
watched = [
    QuerySet, RawQuerySet, ModelState, DeferredAttribute, related_descriptors.ForwardManyToOneDescriptor,
    related_descriptors.ReverseOneToOneDescriptor, related_descriptors.ReverseManyToOneDescriptor,
    compiler.SQLCompiler, compiler.SQLInsertCompiler, compiler.SQLUpdateCompiler, compiler.SQLDeleteCompiler,
]
before = [dict(vars(cls)) for cls in watched]
django.setup()
from django.contrib.contenttypes.models import ContentType
from django.core.management import call_command
from autoprefetch import auto, report, suggestions
call_command("migrate", verbosity=0)
for _ in range(2):
    rows = auto(ContentType.objects.all())
    assert type(rows) is QuerySet or type(rows).__module__.startswith("django"), type(rows)
    [row.name for row in rows]
changed = [cls.__name__ for cls, was in zip(watched, before) if dict(vars(cls)) != was]
print(json.dumps([changed, len(report().call_sites), len(suggestions())]))
"""


def test_off_hooks_nothing():
    """In a process whose mode is off from the start, no class of Django is touched."""
    command = [sys.executable, "-W", "error", "-c", OFF]
    finished = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)
    assert finished.returncode == 0, finished.stderr
    assert json.loads(finished.stdout) == [[], 0, 0]


# IGNORE and ignore= ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("pattern", ["library.Book.author", "library.Book.*", "*.author"])
def test_an_ignored_relation_stays_lazy(pattern):
    """IGNORE names relations as model.relation, with wildcards."""
    with override(IGNORE=[pattern]):
        assert thrice(authors_of_books) == [17, 17, 17]


@pytest.mark.parametrize("pattern", ["tests.test_modes:*", "tests.test_modes:authors_of_books*", "*authors_of_books*"])
def test_an_ignored_call_site_is_plain(pattern):
    """IGNORE names call sites, with wildcards."""
    with override(IGNORE=[pattern]):
        assert thrice(authors_of_books) == [17, 17, 17]
    assert report().call_sites == ()


def test_what_is_not_ignored_is_loaded_ahead():
    """A pattern concerns what it names."""
    with override(IGNORE=["library.Book.publisher", "shop.views:*"]):
        publishers = Book.objects.exclude(publisher=None).count()
        assert thrice(publishers_too) == [2 + publishers, 1 + publishers, 1 + publishers]


def test_ignore_of_auto_leaves_a_relation_lazy():
    """`ignore=` does the same for one queryset."""

    def run() -> Any:
        return [(book.author.name, book.publisher) for book in auto(Book.objects.all(), ignore=["author"])]

    publishers = Book.objects.exclude(publisher=None).count()
    assert publishers > 1
    assert thrice(run) == [18, 17, 17]
