"""Reading: columns that nobody reads are told for the advice, and a model that is inspected works as it always does."""

from __future__ import annotations

import copy
import gc
import pickle
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.core.signals import request_finished

from autoprefetch import auto, override, report, reset, suggestions
from autoprefetch.observe import reading
from autoprefetch.orm import columns
from tests.databases import count_queries
from tests.library.models import Author, Book, Film

pytestmark = [
    pytest.mark.usefixtures("library"),
    pytest.mark.parametrize("database", ["sqlite"], indirect=True),
]

ALL = {field.name for field in Book._meta.concrete_fields if not field.primary_key}


@pytest.fixture(autouse=True)
def nothing_is_inspected() -> Iterator[None]:
    """Before and after each test."""
    before = {model: dict(vars(model)) for model in (Book, Author, Film)}
    yield
    reading.forget()
    assert reading._current is None
    assert {model: dict(vars(model)) for model in before} == before


def inspected(read: Callable[[Any], object], source: Any = None, times: int = 2) -> None:
    """Evaluate a call site so often; the second evaluation is inspected, and then each whose number doubles."""
    for _ in range(times):
        rows = list(auto(Book.objects.order_by("pk") if source is None else source.all(), name="rows"))
        for row in rows:
            read(row)
        del row, rows
        gc.collect()  # a row and its prefetched sets refer to each other


def unread(lookup: str = "") -> set[str]:
    [site] = report().call_sites
    assert site.totals.inspected
    return set(site.unread_columns.get(lookup, ()))


@pytest.mark.parametrize(("number", "expected"), [(1, False), (2, True), (3, False), (4, True), (6, False), (64, True)])
def test_an_evaluation_is_inspected_now_and_then(number: int, expected: bool) -> None:
    """Often while little is known, and rarely later."""
    assert reading.is_due(number) is expected


def test_what_is_read_is_no_advice() -> None:
    """The other columns are, save the key; no query differs."""
    with count_queries() as log:
        inspected(lambda book: (book.title, book.pages))
    assert len(log) == 2
    assert all('"summary"' in query for query in log.statements)
    assert unread() == ALL - {"title", "pages"}


def test_what_any_row_and_any_evaluation_reads_counts() -> None:
    """However seldom."""
    inspected(lambda book: book.title if book.pk % 7 else book.summary)
    assert unread() == ALL - {"title", "summary"}
    inspected(lambda book: book.pages)
    assert unread() == ALL - {"title", "summary", "pages"}
    assert report().call_sites[0].totals.inspected == 2


def test_related_rows_are_inspected_too() -> None:
    """By their path; a key that is followed is needed."""
    inspected(lambda book: (book.title, book.author.name, [tag.name for tag in book.tags.all()]))
    assert unread() == ALL - {"title", "author"}
    assert unread("author") == {"archive", "mentor"}
    assert unread("tags") == set()


def test_a_parent_of_inherited_rows_is_inspected_by_its_child() -> None:
    """Whose attributes it has."""
    inspected(lambda film: film.title, Film.objects.order_by("pk"))
    [site] = report().call_sites
    assert "title" not in site.unread_columns[""]
    assert site.unread_columns[""]


@pytest.mark.parametrize("read", [pickle.dumps, copy.copy, copy.deepcopy, lambda book: book.save()])
def test_whoever_copies_a_row_reads_all_of_it(read: Callable[[Any], object]) -> None:
    """What becomes of the copy is not known."""
    inspected(read)
    assert unread() == set()


def test_what_the_caller_does_not_load_is_no_advice() -> None:
    """And what it loads without need is."""
    inspected(lambda book: book.title, Book.objects.only("title", "pages").order_by("pk"))
    assert unread() == {"pages"}


def test_an_inspected_row_works_as_any_other() -> None:
    """It is set, deleted, deferred, compared and asked for its attributes as always."""
    plain = list(Book.objects.only("title", "author").order_by("pk")[:2])
    seen: list[Any] = []

    def use(book: Any, *, is_first: bool) -> None:
        seen.append((book.title, book.author_id, book.get_deferred_fields(), sorted(vars(book))))
        book.title = "set"
        seen.append((book.title, vars(book)["title"]))
        del book.title
        seen.append("title" in vars(book))
        with pytest.raises(AttributeError) as raised:
            del book.title
        seen.append((str(raised.value), raised.value.name))
        seen.append(book.title)  # asks for it
        with pytest.raises(AttributeError) as raised:
            del book.author_id
        seen.append(str(raised.value))
        author = book.author
        book.author_id = author.pk
        seen.append(book._state.fields_cache.get("author") is author)
        book.author_id = 2 if author.pk == 1 else 1
        seen.append((book._state.fields_cache.get("author"), book.author.pk))
        seen.append((Book.title.field.name, book == plain[0], hash(book), "is_first" if is_first else ""))

    for number, book in enumerate(plain):
        use(book, is_first=not number)
    expected, seen = seen, []
    for _ in range(2):
        rows = list(auto(Book.objects.only("title", "author").order_by("pk")[:2], name="rows"))
        seen.clear()
        for number, book in enumerate(rows):
            use(book, is_first=not number)
    is_inspected = reading._current is not None
    assert is_inspected
    assert seen == expected
    del rows, book
    gc.collect()  # the errors refer to what raised them
    assert unread() == set()


def test_rows_that_are_kept_are_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody knows what will be read of them; the model is inspected no longer."""
    monkeypatch.setattr(reading, "LONGEST", 0.0)
    kept = [list(auto(Book.objects.order_by("pk"), name="rows")) for _ in range(2)]
    assert reading._current is not None
    request_finished.send(None)
    assert reading._current is None
    assert kept[1][0].title
    assert report().call_sites[0].totals.inspected == 0


def test_related_rows_that_outlive_the_others_are_waited_for() -> None:
    """What is read of them counts as well."""
    for _ in range(2):
        authors = [book.author for book in auto(Book.objects.order_by("pk"), name="rows")]
    request_finished.send(None)
    assert [author.mentor_id for author in authors]
    del authors
    request_finished.send(None)
    assert "mentor" not in unread("author")
    assert "archive" in unread("author")


def test_one_evaluation_is_inspected_at_a_time() -> None:
    """The others go on as they are."""
    for _ in range(2):
        for book in auto(Book.objects.order_by("pk"), name="outer"):
            for author in auto(Author.objects.order_by("pk"), name="inner"):
                assert author.name
            assert book.title
    del book, author
    found = {site.key.partition(" ")[0]: site.totals.inspected for site in report().call_sites}
    assert found == {"outer": 0, "inner": 5}  # of two and of thirty-two evaluations


@pytest.mark.parametrize("mode", ["apply", "strict"])
def test_where_nothing_is_learned_nothing_is_inspected(mode: str) -> None:
    """Every evaluation costs the same."""
    with override(MODE=mode):
        rows = [list(auto(Book.objects.order_by("pk"), name="rows")) for _ in range(3)]
        assert reading._current is None
    assert rows


def test_a_model_is_inspected_a_number_of_times_only(monkeypatch: pytest.MonkeyPatch) -> None:
    """Python caches the attributes of no class that changes all the time."""
    monkeypatch.setattr(columns, "TIMES", 2)
    inspected(lambda book: book.title, times=64)
    assert columns._inspected == {Book: 2}
    assert report().call_sites[0].totals.inspected == 2


# What is advised ------------------------------------------------------------------------------------------------------


def notes() -> tuple[str, ...]:
    [suggestion] = suggestions()
    return suggestion.notes


def test_columns_that_nobody_reads_are_advised_once_enough_evaluations_tell() -> None:
    """With the code that loads the others."""
    inspected(lambda book: (book.title, str(book.author)), times=7)
    assert notes() == ()  # the second and the fourth were inspected
    reset()
    inspected(lambda book: (book.title, str(book.author)), times=8)
    [note] = notes()
    columns, _, code = note.partition(" in 3 evaluations that were inspected; ")
    assert columns == "nobody read category, imprint, pages, published, publisher, summary, translator"
    assert code == '.only("id", "title", "author") loads the others.'
    plain = [(book.title, str(book.author)) for book in Book.objects.order_by("pk")]
    only = Book.objects.order_by("pk").only("id", "title", "author").select_related("author")
    with count_queries() as log:
        assert [(book.title, str(book.author)) for book in only] == plain
    assert len(log) == 1


def test_a_relation_of_which_only_the_key_is_read_need_not_be_loaded() -> None:
    """The row has it."""
    inspected(lambda book: (book.pages, book.author.pk, str(book.publisher)), times=8)
    [_, key] = notes()
    seen = "was read in 3 evaluations that were inspected"
    assert key == f"only the key of author {seen}; author_id has it, and loads nothing."
    reset()
    inspected(lambda book: (book.author.pk, book.author.archive), times=8)
    assert not [note for note in notes() if "only the key of author " in note]
