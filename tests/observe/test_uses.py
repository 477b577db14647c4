"""Uses: what of the caller's own joins, prefetches and annotations is used; and that looking changes nothing."""

from __future__ import annotations

import copy
import gc
import pickle
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.db.models import Count, Exists, F, OuterRef, Prefetch, QuerySet, Value, prefetch_related_objects
from django.db.models.functions import Upper
from django.forms.models import model_to_dict

from autoprefetch import auto, report, reset
from autoprefetch.learn.given import Given
from autoprefetch.observe import reading
from tests.databases import count_queries
from tests.library.models import Author, Book, Comment, Profile, Tag

pytestmark = [
    pytest.mark.usefixtures("library"),
    pytest.mark.parametrize("database", ["sqlite"], indirect=True),
]

MODELS = (Book, Author, Tag, Profile, Comment)


@pytest.fixture(autouse=True)
def nothing_is_left_on_the_models() -> Iterator[None]:
    """Before and after each test."""
    before = {model: dict(vars(model)) for model in MODELS}
    yield
    gc.collect()
    reading.forget()
    assert {model: dict(vars(model)) for model in before} == before


Read = Callable[[Any], object]


def anew(source: Any) -> Any:
    """Return the same queryset; Django has a `Prefetch` that is used again keep the first row of before."""
    return copy.deepcopy(source)


def evaluated(source: Any, read: Read, times: int = 2) -> dict[str, Given]:
    """Evaluate a call site so often, and return what is known of what its query loads; the second is inspected."""
    for _ in range(times):
        rows = list(auto(anew(source), name="rows"))
        for row in rows:
            read(row)
        del row, rows
        gc.collect()
    [site] = report().call_sites
    return dict(site.totals.given)


def used(source: Any, read: Read) -> dict[str, bool]:
    """Return whether each thing was used that a query loads, in the one evaluation that was inspected."""
    found = evaluated(source, read)
    assert all(given.evaluations == 1 for given in found.values())
    return {text: bool(given.used) for text, given in found.items()}


def nothing(_: Any) -> None: ...


BOOKS = Book.objects.order_by("pk")
AUTHORS = Author.objects.order_by("pk")

KINDS: dict[str, tuple[QuerySet[Any], str, Read]] = {
    "foreign key, joined": (BOOKS.select_related("author"), "select_related author", lambda b: b.author),
    "one-to-one, joined": (
        Profile.objects.order_by("pk").select_related("author"),
        "select_related author",
        lambda p: p.author.name,
    ),
    "reverse one-to-one, joined": (
        AUTHORS.select_related("profile"),
        "select_related profile",
        lambda a: hasattr(a, "profile"),
    ),
    "foreign key, prefetched": (BOOKS.prefetch_related("author"), "prefetch_related author", lambda b: b.author),
    "reverse one-to-one, prefetched": (
        AUTHORS.prefetch_related("profile"),
        "prefetch_related profile",
        lambda a: hasattr(a, "profile"),
    ),
    "reverse foreign key": (
        AUTHORS.prefetch_related("books"),
        "prefetch_related books",
        lambda a: [book.title for book in a.books.all()],
    ),
    "many-to-many": (BOOKS.prefetch_related("tags"), "prefetch_related tags", lambda b: b.tags.count()),
    "many-to-many from behind": (
        Tag.objects.order_by("pk").prefetch_related("books"),
        "prefetch_related books",
        lambda t: t.books.exists(),
    ),
    "generic relation": (
        AUTHORS.prefetch_related("comments"),
        "prefetch_related comments",
        lambda a: bool(a.comments.all()),
    ),
    "generic foreign key": (
        Comment.objects.order_by("pk").prefetch_related("subject"),
        "prefetch_related subject",
        lambda c: c.subject,
    ),
    "chosen rows": (
        AUTHORS.prefetch_related(Prefetch("books", queryset=Book.objects.filter(pages__gt=100))),
        "prefetch_related books",
        lambda a: len(a.books.all()),
    ),
    "an attribute": (
        AUTHORS.prefetch_related(Prefetch("books", to_attr="works")),
        "prefetch_related works",
        lambda a: a.works,
    ),
    "annotation": (AUTHORS.annotate(loud=Upper("name")), "annotate loud", lambda a: a.loud),
    "aggregate": (AUTHORS.annotate(number=Count("books")), "annotate number", lambda a: a.number),
    "subquery": (
        AUTHORS.annotate(has_books=Exists(Book.objects.filter(author=OuterRef("pk")))),
        "annotate has_books",
        lambda a: a.has_books,
    ),
}


@pytest.mark.parametrize("kind", KINDS)
def test_what_nobody_uses_is_seen(kind: str) -> None:
    """It was there, and not used."""
    source, text, _ = KINDS[kind]
    assert used(source, nothing) == {text: False}


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_used_by_one_row_is_used(kind: str) -> None:
    """However many others do not."""
    source, text, read = KINDS[kind]
    second = anew(source)[1].pk
    assert used(source, lambda row: row.pk == second and read(row)) == {text: True}


def plainly(row: Any) -> Any:
    """Return what a program can see of a row, whatever class holds it."""
    values = dict(vars(row))
    state = vars(values.pop("_state")).copy()
    for name in ("fetch_mode", "peers", "autoprefetch_peers", "autoprefetch_claims"):
        state.pop(name, None)
    sets = {name: [r.pk for r in rows] for name, rows in values.pop("_prefetched_objects_cache", {}).items()}
    state["fields_cache"] = sorted((name, found and found.pk) for name, found in state.get("fields_cache", {}).items())
    return values, state, sets


LOOKS: dict[str, Callable[[Any], Any]] = {
    "vars": plainly,
    "pickle": lambda row: plainly(pickle.loads(pickle.dumps(row))),
    "copy": lambda row: plainly(copy.copy(row)),
    "deepcopy": lambda row: plainly(copy.deepcopy(row)),
    "refresh_from_db": lambda row: (row.refresh_from_db(), plainly(row)),
    "refresh some": lambda row: (row.refresh_from_db(fields=[row._meta.concrete_fields[1].name]), plainly(row)),
    "dir": lambda row: sorted(dir(row)),
    "deferred": lambda row: row.get_deferred_fields(),
    "form": lambda row: sorted(map(str, model_to_dict(row).items())),
    "missing": lambda row: getattr(row, "missing", "no"),
}


@pytest.mark.parametrize("kind", KINDS)
def test_an_inspected_row_is_the_row_of_plain_django(kind: str) -> None:
    """Also after its parts were used, and with no more queries."""
    source, _, read = KINDS[kind]
    for name, look in LOOKS.items():
        reset()
        rows = list(anew(source))
        with count_queries() as plain:
            expected = [(look(row), bool(read(row)), look(row)) for row in rows]
        for _ in range(2):
            rows = list(auto(anew(source), name="rows"))
        assert reading._current is not None
        with count_queries() as log:
            assert [(look(row), bool(read(row)), look(row)) for row in rows] == expected, name
        assert len(log) <= len(plain)


def test_a_fields_cache_pickles_as_a_plain_dict() -> None:
    """With all that the caller loaded."""
    for _ in range(2):
        rows = list(auto(BOOKS.select_related("author"), name="rows"))
    assert reading._current is not None
    loaded = pickle.loads(pickle.dumps(rows[0]))
    assert type(loaded._state.fields_cache) is dict
    with count_queries() as log:
        assert loaded.author.pk == loaded.author_id
    assert len(log) == 0


# In ways that are easily missed -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "read",
    [pickle.dumps, copy.copy, copy.deepcopy, vars, dir, lambda row: row.__dict__, lambda row: {**vars(row)}],
    ids=["pickle", "copy", "deepcopy", "vars", "dir", "__dict__", "spread"],
)
@pytest.mark.parametrize("kind", ["an attribute", "annotation", "aggregate", "subquery"])
def test_whoever_looks_at_a_whole_row_uses_its_attributes(kind: str, read: Read) -> None:
    """A serializer may do so."""
    source, text, _ = KINDS[kind]
    assert used(source, read) == {text: True}


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind not in ("annotation", "aggregate", "subquery")])
@pytest.mark.parametrize("read", [pickle.dumps, lambda row: plainly(row)], ids=["pickle", "caches"])
def test_whoever_looks_into_the_caches_uses_what_is_there(kind: str, read: Read) -> None:
    """All of it."""
    source, text, _ = KINDS[kind]
    assert used(source, read) == {text: True}


def test_what_is_derived_from_a_prefetched_set_does_not_use_it() -> None:
    """Django asks again."""
    source = BOOKS.prefetch_related("tags")
    assert used(source, lambda book: list(book.tags.filter(name="x"))) == {"prefetch_related tags": False}


def test_what_is_derived_from_a_set_of_chosen_rows_uses_it() -> None:
    """Django filters among the chosen ones."""
    source = BOOKS.prefetch_related(Prefetch("tags", queryset=Tag.objects.filter(name__gt="a")))
    assert used(source, lambda book: list(book.tags.filter(name="x"))) == {"prefetch_related tags": True}


def test_a_parent_is_used_when_its_child_is() -> None:
    """And a child need not be."""
    source = BOOKS.select_related("author__mentor", "publisher").prefetch_related("author__books")
    below = {"select_related author__mentor": False, "prefetch_related author__books": False}
    assert used(source, lambda book: book.author.name) == {
        "select_related author": True,
        "select_related publisher": False,
        **below,
    }


def test_a_set_that_outlives_its_rows_is_waited_for() -> None:
    """Also an empty one."""
    source = AUTHORS.prefetch_related("books")
    for _ in range(2):
        sets = [author.books.all() for author in auto(anew(source), name="rows")]
    gc.collect()
    reading.end()
    assert [len(books) for books in sets]
    del sets
    gc.collect()
    [site] = report().call_sites
    assert site.totals.given["prefetch_related books"].used == 1


@pytest.mark.parametrize("kind", ["foreign key, joined", "many-to-many", "an attribute"])
def test_a_prefetch_of_ones_own_uses_what_it_starts_from(kind: str) -> None:
    """And what it finds loaded."""
    source, text, _ = KINDS[kind]
    lookup = {"foreign key, joined": "author__books", "many-to-many": "tags", "an attribute": "works__tags"}[kind]
    for _ in range(2):
        prefetch_related_objects(list(auto(anew(source), name="rows")), lookup)
        gc.collect()
    assert report().call_sites[0].totals.given[text].used == 1


def test_a_stream_is_not_looked_at_and_counts_as_used() -> None:
    """Nobody knows."""
    source = BOOKS.select_related("author").prefetch_related("tags")
    for _ in range(2):
        assert list(auto(anew(source), name="rows").iterator(chunk_size=100))
    given = report().call_sites[0].totals.given
    assert given == {"select_related author": Given(used=1), "prefetch_related tags": Given(used=1)}


@pytest.mark.parametrize(
    "source",
    [
        AUTHORS.annotate(n=Count("books")).filter(n__gt=0),
        Author.objects.annotate(n=Count("books")).order_by("-n", "pk"),
        Author.objects.annotate(n=Count("books")).order_by(F("n").desc(), "pk"),
        AUTHORS.annotate(n=Count("books")).annotate(more=F("n") + 1),
        AUTHORS.annotate(n=Count("books"), m=Count("friends")),
        Author.objects.annotate(n=Count("books")),  # grouped, it forgets the ordering of the model
        AUTHORS.annotate(n=Count("books")).filter(books__pages__gt=1),
        AUTHORS.annotate(n=F("books__pages")),
        AUTHORS.annotate(n=Upper("name")).distinct(),
        AUTHORS.annotate(n=Value(1)).filter(pk__in=Author.objects.filter(pk=OuterRef("n"))),
        AUTHORS.annotate(n=Upper("name")).extra(where=["1 = 1"]),
        Author.objects.order_by().annotate(n=Value(1)).union(Author.objects.order_by().annotate(n=Value(2))),
    ],
    ids=lambda source: None,
)
def test_an_annotation_that_the_query_needs_is_used(source: QuerySet[Any]) -> None:
    """In the first evaluation already."""
    assert evaluated(source, nothing, times=1)["annotate n"].used == 1


def test_an_annotation_that_one_evaluation_orders_by_is_used() -> None:
    """Though that one is not inspected."""
    source = AUTHORS.annotate(n=Count("books"))
    assert evaluated(source, nothing, times=2)["annotate n"].used == 0
    assert evaluated(source.order_by("n"), nothing, times=1)["annotate n"].used == 1


@pytest.mark.parametrize(
    "source",
    [
        Book.objects.order_by("pk").select_related("author").distinct(),
        Book.objects.order_by("pk").select_related("author").only("title", "author__name"),
    ],
)
def test_a_join_that_the_query_needs_is_used(source: QuerySet[Any]) -> None:
    """Without it the query may be another one."""
    assert used(source, nothing) == {"select_related author": True}


def test_a_join_whose_rows_are_locked_is_used(database: str) -> None:
    """`select_for_update(of=...)` names it."""
    from autoprefetch.orm import given

    [load] = given.loads_of(Book.objects.select_related("author").select_for_update(of=("self", "author")))
    assert load.is_needed


def test_rows_that_are_kept_too_long_count_for_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is read of them then is not seen."""
    monkeypatch.setattr(reading, "LONGEST", 0.0)
    kept = [list(auto(BOOKS.select_related("author"), name="rows")) for _ in range(2)]
    reading.end()
    assert kept[1][0].author.name
    assert report().call_sites[0].totals.given == {"select_related author": Given()}


def test_where_there_are_no_rows_there_is_nothing_to_use() -> None:
    """So that counts for nothing either."""
    for _ in range(2):
        assert not list(auto(BOOKS.select_related("author").filter(pk=0), name="rows"))
    assert report().call_sites[0].totals.given["select_related author"] == Given()


def test_it_is_measured_what_a_prefetch_takes() -> None:
    """In queries and time, level by level."""
    given = evaluated(AUTHORS.prefetch_related("books__tags").select_related("archive"), nothing)
    assert given["prefetch_related books"].queries == given["prefetch_related books__tags"].queries == 1
    assert given["prefetch_related books"].microseconds > 0
    assert given["prefetch_related books"].rows == Author.objects.count()
    assert given["select_related archive"].queries == 0


def test_a_site_that_loads_nothing_by_itself_has_nothing_to_keep() -> None:
    """Most have not."""
    assert evaluated(BOOKS, nothing, times=4) == {}
