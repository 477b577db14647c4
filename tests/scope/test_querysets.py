"""`SCOPE` "all": every queryset is automatic without `auto()`, however it is evaluated, with plain Django's results."""

from __future__ import annotations

import copy
import pickle
import re

import pytest
from django.contrib.contenttypes.models import ContentType
from django.db.models import prefetch_related_objects
from django.db.utils import ConnectionDoesNotExist

import autoprefetch
from autoprefetch import auto, override, report
from tests.databases import count_queries
from tests.equivalence.comparing import plain_cold_warm, runs
from tests.library.models import Author, Book, Branch, Classic, Comment, Copy, Film, Loan, Publisher, Reader, Tag

pytestmark = pytest.mark.usefixtures("library")


def described(book):
    return book.title, book.author.name, book.publisher and str(book.publisher.city), book.imprint and book.imprint.name


# How querysets are evaluated ----------------------------------------------------------------------------------------


def iterated():
    return [described(book) for book in Book.objects.all()]


def listed():
    return [described(book) for book in list(Book.objects.order_by("pk"))]


def filtered_and_sliced():
    return [described(book) for book in Book.objects.filter(pages__gt=100).order_by("title", "pk")[2:9]]


def streamed():
    return [described(book) for book in Book.objects.iterator()]


def streamed_in_chunks():
    return [described(book) for book in Book.objects.iterator(chunk_size=5)]


def in_bulk():
    return [described(book) for book in Book.objects.in_bulk().values()]


def of_a_proxy():
    return [described(book) for book in Classic.objects.all()]


def of_a_custom_manager():
    return [(str(loan.due), loan.reader.name, loan.copy.book.title) for loan in Loan.objects.order_by("pk")]


def of_a_child():
    return [(film.title, film.director.name, film.publisher and film.publisher.name) for film in Film.objects.all()]


def combined():
    books = Book.objects.filter(pages__lt=200) | Book.objects.filter(pages__gt=400)
    return [described(book) for book in books]


def copied():
    return [described(book) for book in copy.deepcopy(Book.objects.all())]


def of_a_pickled_query():
    books = Book.objects.all()
    books.query = pickle.loads(pickle.dumps(Book.objects.filter(pages__gt=100).query))
    return [described(book) for book in books]


@pytest.mark.parametrize(
    "view",
    [
        iterated,
        listed,
        filtered_and_sliced,
        streamed,
        streamed_in_chunks,
        in_bulk,
        of_a_proxy,
        of_a_custom_manager,
        of_a_child,
        combined,
        copied,
        of_a_pickled_query,
    ],
)
def test_every_way_to_evaluate_is_automatic(database, view):
    """The same values, in the same order; cold the relations come in batches, warm along with the rows."""
    plain, cold, warm = plain_cold_warm(view, SCOPE="all")
    assert plain.error is None
    assert cold.queries <= (12 if view is streamed_in_chunks else 5) < plain.queries, cold.log
    assert warm.queries <= 3, warm.log


def test_a_warm_evaluation_joins_what_the_cold_one_batched(database):
    """The counts of the simplest loop."""
    plain, cold, warm = plain_cold_warm(iterated, SCOPE="all")
    assert (cold.queries, warm.queries) == (5, 1), cold.log
    assert plain.queries == 50


def test_raw_querysets_are_automatic(database):
    """Their rows are peers as well; a raw query takes no join, so what it uses is prefetched."""

    def view():
        return [described(book) for book in Book.objects.raw("SELECT * FROM library_book ORDER BY id")]

    plain, cold, warm = plain_cold_warm(view, SCOPE="all")
    assert cold.queries == 5 < plain.queries, cold.log
    assert warm.queries <= cold.queries, warm.log


@pytest.mark.parametrize("ask", ["get", "first", "last", "earliest", "latest"])
def test_single_rows_join_what_they_used(database, ask):
    """A chain of relations of one row is one query from the second time on."""
    ways = {
        "get": lambda: Branch.objects.get(name="Lyon"),
        "first": lambda: Branch.objects.first(),
        "last": lambda: Branch.objects.last(),
        "earliest": lambda: Branch.objects.earliest("pk"),
        "latest": lambda: Branch.objects.latest("pk"),
    }

    def view():
        branch = ways[ask]()
        return branch.street.city.country.continent.name

    plain, cold, warm = plain_cold_warm(view, SCOPE="all")
    assert (plain.queries, cold.queries, warm.queries) == (5, 5, 1)


def test_values_counts_and_writes_are_what_they_were(database):
    """What gives no instances is left to Django."""

    def view():
        books = Book.objects.all()
        return (
            list(books.values("title", "author__name")),
            list(books.values_list("pk", flat=True)),
            list(books.dates("published", "year")),
            books.count(),
            books.exists(),
            books.filter(pages__gt=300).update(summary="long"),
            Tag.objects.filter(name="unused").delete(),
        )

    plain, cold, warm = plain_cold_warm(view, SCOPE="all")
    assert plain.queries == cold.queries == warm.queries


def test_a_model_form_field_is_automatic(database):
    """A choice for each row calls `__str__`, which follows a relation."""
    from django import forms

    class Choice(forms.Form):
        book = forms.ModelChoiceField(Book.objects.all())

    plain, cold, warm = plain_cold_warm(lambda: str(Choice()["book"]), SCOPE="all")
    assert (plain.queries, cold.queries, warm.queries) == (17, 2, 1), cold.log


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
async def test_async_evaluations_are_automatic(database):
    """A relation touched in async code fails once, as in plain Django; from then on it is loaded along."""

    async def look():
        return [book.author.name async for book in Book.objects.order_by("pk")]

    async def look_at_one():
        book = await Book.objects.aget(title="Book 03")
        return book.author.name

    with override(SCOPE="all"):
        for view in (look, look_at_one):
            answers = []
            for _ in range(3):
                try:
                    answers.append(await view())
                except Exception as error:
                    answers.append(type(error).__name__)
            assert answers[0] == "SynchronousOnlyOperation"
            assert answers[1] == answers[2] != answers[0]


# Related managers ---------------------------------------------------------------------------------------------------


def test_a_related_manager_of_a_tracked_instance_belongs_to_its_evaluation(database):
    """It is a derived query of the row's peers, and no call site of its own."""

    def view():
        return [[copy.supplier_id for copy in book.copies.all()] for book in Book.objects.all()]

    with override(SCOPE="all"):
        view()
    assert {site.model for site in report().call_sites} == {"library.Book"}


def test_a_related_manager_of_a_row_that_nobody_tracks_is_a_root_of_its_own(database):
    """The parent was made or loaded outside; its children are peers."""
    with override(MODE="off"):
        author = Author.objects.get(name="Ada")

    def view():
        return [(book.title, book.publisher and book.publisher.name) for book in author.books.all()]

    plain, cold, warm = plain_cold_warm(view, SCOPE="all")
    assert plain.queries > cold.queries == 2
    assert warm.queries == 1
    assert [site.model for site in report().call_sites] == ["library.Book"]


@pytest.mark.parametrize("accessor", ["tags", "comments", "contributors"])
def test_each_kind_of_related_manager_is_a_root_where_the_parent_is_not_tracked(database, accessor):
    """Many-to-many and generic relations too."""
    with override(MODE="off"):
        book = Book.objects.get(title="Book 03")
    with override(SCOPE="all"):
        rows = list(getattr(book, accessor).all())
        assert rows
        [site] = report().call_sites
    assert site.model == rows[0]._meta.label


def test_a_pickled_child_queryset_holds_nothing_of_autoprefetch(database):
    """What was noted on it is left out."""
    with override(MODE="off"):
        author = Author.objects.get(name="Ada")
    with override(SCOPE="all"):
        assert b"autoprefetch" not in pickle.dumps(author.books.order_by("pk"))


# What is not a root -------------------------------------------------------------------------------------------------


def test_lazy_loads_and_prefetches_are_no_call_sites(database):
    """Neither a relation that is loaded for one row, nor the queries of a prefetch, nor a refreshed row."""
    with override(MODE="off"):
        book = Book.objects.get(title="Book 03")
        books = list(Book.objects.all())
    with override(SCOPE="all"):
        assert book.author.name
        assert book.publisher.name
        book.refresh_from_db()
        prefetch_related_objects(books, "author", "copies", "tags")
        assert report().call_sites == ()


def test_a_prefetch_of_the_caller_is_part_of_the_evaluation(database):
    """Its queries are Django's own, its rows belong to the root."""

    def view():
        return [
            (book.title, [(copy.pk, copy.shelf and copy.shelf.name) for copy in book.copies.all()])
            for book in Book.objects.prefetch_related("copies").order_by("pk")
        ]

    _plain, _cold, warm = plain_cold_warm(view, SCOPE="all")
    assert warm.queries <= 4, warm.log
    assert {site.model for site in report().call_sites} == {"library.Book"}


def test_what_auto_was_given_keeps_its_own_call_site(database):
    """`auto()` says where the queryset is made; it is also in scope, and counted once."""
    with override(SCOPE="all"):
        for _ in range(2):
            assert [book.author.name for book in auto(Book.objects.all())]
        [site] = report().call_sites
    assert re.search(r"/auto#0@[0-9a-f]{8} < ", site.key)


# Modes and scopes ---------------------------------------------------------------------------------------------------


def test_a_list_of_labels_makes_the_querysets_of_those_models_automatic(database):
    """And no others; related rows are loaded along whatever their model is."""

    def view():
        authors = [author.mentor and author.mentor.name for author in Author.objects.all()]
        return [book.author.name for book in Book.objects.all()], authors

    plain, cold, warm = plain_cold_warm(view, SCOPE=["library.book", "library.Copy"])
    # Authors: 1 query and 4 mentors. Books: 1 query and 16 authors plainly, 2 cold, 1 warm.
    assert (plain.queries, cold.queries, warm.queries) == (22, 7, 6), cold.log
    assert {site.model for site in report().call_sites} == {"library.Book"}


def test_a_proxy_has_a_label_of_its_own(database):
    """The label of the model that is queried decides."""
    with override(SCOPE=["library.Book"]):
        list(Classic.objects.all())
        assert report().call_sites == ()
    with override(SCOPE=["library.Classic"]):
        list(Classic.objects.all())
        list(Book.objects.all())
        assert {site.model for site in report().call_sites} == {"library.Classic"}


def test_scope_explicit_leaves_other_querysets_alone(database):
    """Also after another scope was in force."""
    with override(SCOPE="all"):
        list(Book.objects.all())
    autoprefetch.reset()
    with count_queries() as log:
        assert [book.author.name for book in Book.objects.all()]
    assert len(log) == 17
    assert report().call_sites == ()


def test_mode_off_is_off_in_every_scope(database):
    """Nothing is tracked and nothing is learned."""
    with override(SCOPE="all", MODE="off"), count_queries() as log:
        books = list(Book.objects.all())
        assert [book.author.name for book in books]
        assert not any(hasattr(book._state, "autoprefetch_peers") for book in books)
    assert len(log) == 17
    assert report().call_sites == ()


def test_mode_learn_observes_every_queryset_and_changes_none(database):
    """The queries are those of plain Django, and the advice is there."""
    found = runs(iterated, 2, SCOPE="all", MODE="learn")
    assert len({run.queries for run in found}) == 1
    assert [suggestion.model for suggestion in autoprefetch.suggestions()] == ["library.Book"]


def test_mode_strict_refuses_lazy_loads_of_every_queryset(database):
    """A row of any queryset names what it lacks."""
    with (
        override(SCOPE="all", MODE="strict"),
        pytest.raises(autoprefetch.LazyLoadError, match=r"library\.Book\.author"),
    ):
        assert Book.objects.first().author


def test_relations_on_the_list_of_ignored_patterns_stay_lazy(database):
    """`IGNORE` holds here as well: for relations, and for the places that evaluate."""

    def view():
        return [(book.author.name, book.publisher_id) for book in Book.objects.all()]

    [_, cold, warm] = runs(view, 2, SCOPE="all", IGNORE=["library.Book.author"])
    assert cold.queries == warm.queries == 17
    with override(SCOPE="all", IGNORE=["tests.scope.test_querysets:*"]):
        autoprefetch.reset()
        view()
        assert report().call_sites == ()


def test_a_failed_query_raises_what_django_raises(database):
    """`DoesNotExist`, `MultipleObjectsReturned` and a missing relation are the caller's."""

    def view():
        found = []
        for ask in (
            lambda: Book.objects.get(pk=0),
            lambda: Book.objects.get(pages__gt=0),
            lambda: Author.objects.get(name="Hal").profile,
            lambda: Copy.objects.order_by("nothing").first(),
        ):
            try:
                found.append(ask())
            except Exception as error:
                found.append((type(error).__qualname__, str(error)))
        return found

    plain_cold_warm(view, SCOPE="all")


def test_a_database_that_does_not_exist_is_the_callers_error(database, caplog):
    """For a queryset of its own and for a derived one; nothing is logged, and the call site is not given up."""

    def view():
        author = Author.objects.get(name="Ada")
        found = [book.title for book in author.books.all()]
        for books in (Book.objects.using("nowhere"), author.books.using("nowhere")):
            with pytest.raises(ConnectionDoesNotExist):
                list(books)
        return found

    plain_cold_warm(view, SCOPE="all")
    assert not [record for record in caplog.records if record.levelname == "ERROR"]
    assert not any(site.quarantined for site in report().call_sites)


def test_writes_in_the_loop_are_seen(database):
    """What was loaded for the peers before a write is not used after it."""

    def view():
        seen = []
        for book in Book.objects.order_by("pk"):
            seen.append((book.author.name, book.author.books.count()))
            Author.objects.filter(pk=book.author_id).update(name=f"{book.author.name}!")
        return seen, list(Author.objects.values_list("name", flat=True))

    plain, cold, _warm = plain_cold_warm(view, SCOPE="all")
    assert cold.queries <= plain.queries + 4


def test_unrelated_models_of_the_project_share_nothing(database):
    """Readers and publishers from one line of a helper are two call sites, told apart by the model."""

    def names(model):
        return [str(row) for row in model.objects.all()]

    with override(SCOPE="all"):
        for _ in range(2):
            names(Reader), names(Publisher)
        assert {site.model for site in report().call_sites} == {"library.Reader", "library.Publisher"}


def test_what_autoprefetch_loads_itself_is_no_call_site(database):
    """The batches of each kind of relation, generic foreign keys among them, and what is loaded ahead."""

    def view():
        return (
            [str(comment.subject) for comment in Comment.objects.order_by("pk")],
            [(str(author.archive), getattr(author, "profile", None)) for author in Author.objects.all()],
            [[str(tag) for tag in book.tags.order_by("pk")] for book in Book.objects.defer("summary")],
            [(copy.shelf and copy.shelf.name, copy.supplier.name) for copy in Copy.objects.order_by("pk")],
        )

    plain, cold, warm = plain_cold_warm(view, SCOPE="all")
    assert warm.queries <= cold.queries < plain.queries
    expected = {"library.Comment", "library.Author", "library.Book", "library.Copy"}
    assert {site.model for site in report().call_sites} == expected


def test_a_process_wide_cache_of_content_types_is_filled_once(database):
    """Django looks content types up for generic relations: one-row queries of Django's, and no one's peers."""
    ContentType.objects.clear_cache()
    with override(SCOPE="all"):
        for _ in range(2):
            [str(comment.subject) for comment in Comment.objects.order_by("pk")]
    assert {site.model for site in report().call_sites} <= {"library.Comment", "contenttypes.ContentType"}
