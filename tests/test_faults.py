"""Faults: whatever fails inside autoprefetch, the caller gets what plain Django gives; the caller's own errors pass."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from django.core.exceptions import SynchronousOnlyOperation
from django.core.signals import request_finished
from django.db import DatabaseError, IntegrityError, connection, connections, transaction
from django.db.models import F
from django.db.models.functions import Cast
from django.db.models.query import RawQuerySet

import autoprefetch
from autoprefetch import auto, override, report
from autoprefetch.advise import advising, logs, suggestions
from autoprefetch.apply import planning, rewriting
from autoprefetch.evaluation import engine
from autoprefetch.observe import callsites, epochs, marks, tracking, writes
from autoprefetch.observe.recordings import Recording
from autoprefetch.orm import forms, loaded, states
from tests.databases import count_queries
from tests.library.models import Author, Book, Copy, Supplier

pytestmark = [
    pytest.mark.usefixtures("library"),
    pytest.mark.parametrize("database", ["sqlite"], indirect=True),
]


class Fault(Exception):  # noqa: N818  (the word of the log)
    """Raised where autoprefetch works for itself."""


def fail(*args: Any, **kwargs: Any) -> Any:
    raise Fault


@pytest.fixture
def errors() -> Iterator[Callable[[], list[logging.LogRecord]]]:
    heard: list[logging.LogRecord] = []
    listener = logging.Handler(logging.ERROR)
    listener.emit = heard.append  # type: ignore[method-assign]
    with logging_to(listener):
        yield lambda: heard


@contextmanager
def logging_to(handler: logging.Handler) -> Iterator[None]:
    logger = logging.getLogger("autoprefetch")
    level = logger.level
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    try:
        yield
    finally:
        logger.removeHandler(handler)
        logger.setLevel(level)


def use(book: Book) -> tuple[Any, ...]:
    return book.title, book.author.name, book.author.archive, sorted(tag.name for tag in book.tags.all())


def read() -> list[Any]:
    return [use(book) for book in auto(Book.objects.all())]


def stream() -> list[Any]:
    return [use(book) for book in auto(Book.objects.all()).iterator()]


def stream_in_chunks() -> list[Any]:
    return [use(book) for book in auto(Book.objects.all()).iterator(chunk_size=5)]


def read_raw() -> list[Any]:
    return [use(book) for book in auto(Book.objects.raw("SELECT * FROM library_book ORDER BY id"))]


READERS = {"read": read, "stream": stream, "stream in chunks": stream_in_chunks, "raw": read_raw}


def plainly() -> list[Any]:
    return [use(book) for book in Book.objects.all()]


#: The internal steps, each by where its function is called: what is patched, and whether it runs cold.
STEPS: dict[str, tuple[Any, str]] = {
    "the mark": (marks, "mark_of"),
    "the frames": (callsites, "evaluating_frames"),
    "the call site": (callsites, "call_site"),
    "the standing": (engine.standings, "of"),
    "the merging of news": (engine.collector, "merge"),
    "the loading from the store": (engine.store, "load"),
    "the merging into the store": (engine.store, "merge"),
    "the form": (forms, "form_of"),
    "the planning": (planning, "plan_for"),
    "the choice of the plan": (planning, "plan"),
    "the joins": (rewriting, "with_joins"),
    "the loading ahead": (rewriting, "load_ahead"),
    "the lookups": (rewriting, "_load_level"),
    "what is taken back from the caches": (loaded, "plain_again"),
    "the peers": (tracking, "track_rows"),
    "the peers below": (tracking, "track_branches"),
    "the recording": (Recording, "evaluated"),
    "the touch": (tracking, "touch"),
    "the count of a load": (Recording, "loaded"),
    "the count of rows": (Recording, "brought"),
    "the entering of rows": (states, "enter"),
    "the place": (tracking, "accessed_at"),
    "the suggestion": (suggestions, "suggestion_for"),
    "the advice": (advising, "log_once"),
    "the log": (logs, "suggested"),
}
#: Steps that come before the call site is known: its name cannot stand in the log, nor can its plan be taken away.
NAMELESS = {"the mark", "the frames", "the call site", "the standing"}


def patched_where_imported(monkeypatch: pytest.MonkeyPatch, owner: Any, name: str) -> None:
    """Replace a function in its module and in each module of ours that imported it by name."""
    import sys

    original = getattr(owner, name)
    monkeypatch.setattr(owner, name, fail)
    for module_name, module in list(sys.modules.items()):
        if module_name.startswith("autoprefetch.") and vars(module).get(name) is original:
            monkeypatch.setattr(module, name, fail)


@pytest.mark.parametrize("is_warm", [False, True], ids=["cold", "warm"])
@pytest.mark.parametrize("step", STEPS)
def test_a_fault_in_any_step_leaves_the_plain_result(step, is_warm, monkeypatch, errors):
    """The caller sees what plain Django gives; the log has one error at the most, which names the call site."""
    expected = plainly()
    for number in range(4):
        with monkeypatch.context() as patch:
            if number >= (2 if is_warm else 0):
                patched_where_imported(patch, *STEPS[step])
            found = read()
        assert found == expected
    found = errors()
    assert len(found) <= 1
    for record in found:
        assert step in NAMELESS or "read (tests/test_faults.py:" in record.getMessage()


@pytest.mark.parametrize("reader", READERS.values(), ids=READERS)
@pytest.mark.parametrize("step", ["the joins", "the loading ahead", "the peers", "the planning", "the frames"])
def test_a_fault_leaves_the_plain_result_however_the_rows_are_read(step, reader, monkeypatch, errors):
    """Streams and raw queries are shielded as well."""
    expected = plainly()
    for number in range(4):
        with monkeypatch.context() as patch:
            if number >= 2:
                patched_where_imported(patch, *STEPS[step])
            found = reader()
        assert found == expected
    assert len(errors()) <= 1


@pytest.mark.parametrize(
    "step",
    ["the loading from the store", "the form", "the joins", "the loading ahead", "the peers", "the touch"],
)
def test_a_fault_is_logged_once_and_its_plan_is_taken_away(step, monkeypatch, errors):
    """One ERROR with call site and traceback; the call site stays plain Django, also once the cause is gone."""
    with count_queries() as plain:
        plainly()
    owner, name = STEPS[step]
    counts = []
    for number in range(5):
        with monkeypatch.context() as patch:
            if number in ((0, 1) if step == "the touch" else (2, 3)):
                patched_where_imported(patch, owner, name)
            with count_queries() as log:
                read()
            counts.append(len(log))
    [record] = errors()
    assert (record.levelno, record.event) == (logging.ERROR, "autoprefetch.fault")
    assert "read (tests/test_faults.py:" in record.getMessage()
    assert "Fault" in record.getMessage()
    assert record.exc_info[0] is Fault
    assert counts[3:] == [len(plain)] * 2
    [site] = report().call_sites
    assert "Fault" in site.quarantined
    assert "Fault" in report().as_text()


def test_a_fault_before_anything_was_learned_is_reported(monkeypatch, errors):
    """A call site that runs as plain Django from its first evaluation on does not hide."""
    with monkeypatch.context() as patch:
        patched_where_imported(patch, *STEPS["the form"])
        read()
    assert len(errors()) == 1
    [site] = report().call_sites
    assert "Fault" in site.quarantined
    assert autoprefetch.suggestions() == []


def test_a_fault_at_one_call_site_leaves_the_others_alone(monkeypatch, errors):
    """Only the plan that failed is taken away."""

    def other() -> int:
        with count_queries() as log:
            [book.author for book in auto(Book.objects.all())]
        return len(log)

    counts = []
    for number in range(3):
        counts.append(other())
        with monkeypatch.context() as patch:
            if number == 1:
                patch.setattr(tracking, "track_rows", fail)
            read()
    assert counts == [2, 1, 1]
    assert len(errors()) == 1


def test_a_fault_in_the_news_of_another_call_site_does_not_take_this_plan_away(monkeypatch, errors):
    """News are merged by whoever evaluates next; who has brought them is to blame, if anybody."""

    def innocent() -> int:
        with count_queries() as log:
            [book.author for book in auto(Book.objects.all())]
        return len(log)

    def guilty() -> None:
        [list(book.tags.all()) for book in auto(Book.objects.filter(pages__gt=0))]

    merge = engine.store.merge

    def merge_of_the_innocent(key: str, delta: Any) -> None:
        fail() if "guilty" in key else merge(key, delta)

    counts = []
    for number in range(4):
        if number == 2:
            guilty()
        with monkeypatch.context() as patch:
            if number == 2:
                patch.setattr(engine.store, "merge", merge_of_the_innocent)
            counts.append(innocent())
    assert counts == [2, 1, 1, 1]


def test_a_fault_while_a_request_ends_does_not_reach_the_server(monkeypatch, errors):
    """The handler of Django's signal keeps it to itself."""
    read()
    with monkeypatch.context() as patch:
        patch.setattr(engine.store, "merge", fail)
        request_finished.send(sender=None)
    assert len(errors()) <= 1


def test_a_fault_while_a_write_is_noted_does_not_reach_the_writer(monkeypatch, errors):
    """`save()` saves."""
    books = list(auto(Book.objects.all()))
    monkeypatch.setattr(writes, "wrote", fail)
    books[0].title = "changed"
    books[0].save()
    assert Book.objects.filter(title="changed").update(title="changed again") == 1
    assert Book.objects.filter(title="changed again").exists()


def test_a_write_that_cannot_be_noted_leaves_the_plain_result(monkeypatch, errors):
    """The barrier itself fails: what was loaded before is trusted no more, here and elsewhere."""

    def written() -> list[Any]:
        found = []
        with transaction.atomic():
            for book in auto(Book.objects.order_by("pk")):
                Author.objects.filter(pk=book.author_id).update(name=f"of {book.title}")
                found.append((book.author.name, book.author.books.count(), [b.author.name for b in auto(Book.objects)]))
            transaction.set_rollback(True)
        return found

    with override(MODE="off"):
        expected = written()
    for number in range(4):
        with monkeypatch.context() as patch:
            if number == 2:
                patch.setattr(epochs.Epochs, "move", fail)
            assert written() == expected
    assert errors()


def test_a_fault_in_auto_gives_the_queryset_itself(monkeypatch, errors):
    """Not even making a queryset automatic may fail for a reason of ours."""
    expected = plainly()
    patched_where_imported(monkeypatch, callsites, "location_of")
    assert [use(book) for book in auto(Book.objects.all())] == expected


def test_a_fault_while_async_code_is_refused_leaves_djangos_error(monkeypatch):
    """The caller sees SynchronousOnlyOperation, as without us."""
    monkeypatch.setattr(Recording, "refused", fail)
    monkeypatch.setattr("django.db.models.query.ModelIterable.__iter__", refuse, raising=True)
    with pytest.raises(SynchronousOnlyOperation):
        read()
    monkeypatch.undo()
    books = list(auto(Book.objects.all()))
    monkeypatch.setattr(Recording, "refused", fail)
    monkeypatch.setattr("django.db.models.query.ModelIterable.__iter__", refuse, raising=True)
    with pytest.raises(SynchronousOnlyOperation):
        assert books[0].author


def refuse(self: Any) -> Any:
    raise SynchronousOnlyOperation


@pytest.mark.parametrize("step", ["the frames", "the planning", "the joins", "the loading ahead", "the peers"])
async def test_a_fault_leaves_the_plain_result_of_async_code(step, monkeypatch, errors):
    """`async for`, `aget` and `aiterator` are shielded as well."""

    async def run() -> list[Any]:
        found = [book.title async for book in auto(Book.objects.all())]
        found += [book.title async for book in auto(Book.objects.all()).aiterator(chunk_size=5)]
        book = await auto(Book.objects.all()).afirst()
        return [*found, book.title]

    titles = [book.title async for book in Book.objects.all()]
    for number in range(3):
        with monkeypatch.context() as patch:
            if number >= 1:
                patched_where_imported(patch, *STEPS[step])
            found = await run()
        assert found == [*titles, *titles, titles[0]]


class Unwilling(logging.Handler):
    """As a handler of the project whose queue is full."""

    def emit(self, record: logging.LogRecord) -> None:
        fail()


def test_a_handler_that_raises_does_not_reach_the_caller():
    """Neither the advice nor the message about a fault may break the view."""
    expected = plainly()
    with logging_to(Unwilling()):
        for _ in range(3):
            assert read() == expected


def test_a_fault_breaks_no_transaction(monkeypatch, errors):
    """What the caller does in the same transaction goes on."""
    for number in range(4):
        if number == 2:
            monkeypatch.setattr(rewriting, "load_ahead", fail)
        with transaction.atomic():
            read()
            Supplier.objects.create(name=f"Supplier {number}")
    assert Supplier.objects.filter(name__startswith="Supplier ").count() == 4


# The caller's own errors --------------------------------------------------------------------------------------------


class OwnError(Exception):
    """Raised in code of the caller's."""


def own_error_from_db(cls: Any, db: Any, field_names: Any, values: Any, *, fetch_mode: Any = None) -> Any:
    raise OwnError


def atomically(run: Callable[[], Any]) -> None:
    with transaction.atomic():
        run()


OWN: dict[str, tuple[Callable[[], Any], type[Exception]]] = {
    "get finds nothing": (lambda: auto(Book.objects.all()).get(pk=0), Book.DoesNotExist),
    "get finds many": (lambda: auto(Book.objects.all()).get(pages__gt=0), Book.MultipleObjectsReturned),
    "latest finds nothing": (lambda: auto(Book.objects.none()).latest("pk"), Book.DoesNotExist),
    "an index beyond the end": (lambda: auto(Book.objects.all())[99], IndexError),
    "a negative index": (lambda: auto(Book.objects.all())[-1], ValueError),
    "an unknown field": (lambda: list(auto(Book.objects.all()).filter(nothing=1)), Exception),
    "a statement that is wrong": (lambda: list(auto(Book.objects.raw("SELECT * FROM nowhere"))), DatabaseError),
    "a table that is missing": (lambda: list(auto(Book.objects.extra(tables=["nowhere"]))), DatabaseError),
    "a raw query without its key": (
        lambda: list(auto(Book.objects.raw("SELECT title FROM library_book"))),
        Exception,
    ),
}


@pytest.mark.parametrize(("run", "kind"), OWN.values(), ids=OWN)
def test_the_errors_of_the_caller_pass(run, kind, errors):
    """As Django raises them, the first time and the next; they are no faults of ours."""
    for _ in range(3):
        with pytest.raises(kind) as raised:
            atomically(run)
        assert not isinstance(raised.value.__context__, Fault)
    assert errors() == []
    assert not any(site.quarantined for site in report().call_sites)


@pytest.mark.parametrize("is_atomic", [True, False], ids=["in a transaction", "in autocommit"])
@pytest.mark.parametrize("is_warm", [False, True], ids=["cold", "warm"])
def test_a_database_error_passes(is_warm, is_atomic, monkeypatch, errors):
    """Also where a plan is in force, and once."""

    class Refusing:
        def __call__(self, execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
            msg = "the server has gone away"
            raise IntegrityError(msg)

    if not is_atomic:
        monkeypatch.setattr(connections["default"], "in_atomic_block", False)
    for number in range(4):
        if number < (2 if is_warm else 0):
            read()
            continue
        with connection.execute_wrapper(Refusing()), pytest.raises(IntegrityError, match="gone away") as raised:
            read()
        assert raised.value.__context__ is None
    assert errors() == []


@pytest.mark.parametrize("is_warm", [False, True], ids=["cold", "warm"])
def test_an_error_in_from_db_passes(is_warm, monkeypatch, errors):
    """A model may refuse a row; that is the caller's business."""

    def run() -> list[Any]:
        return [book.author for book in auto(Book.objects.all())]

    for number in range(4):
        if number < (2 if is_warm else 0):
            run()
            continue
        with monkeypatch.context() as patch:
            patch.setattr(Book, "from_db", classmethod(own_error_from_db))
            with pytest.raises(OwnError) as raised:
                run()
        assert raised.value.__context__ is None
    assert errors() == []
    assert not any(site.quarantined for site in report().call_sites)


def test_an_error_in_from_db_of_a_related_row_passes_at_the_access(monkeypatch, errors):
    """Plain Django raises it where the relation is touched, not where the query runs."""

    def run() -> list[Book]:
        return list(auto(Book.objects.all()))

    for number in range(4):
        with monkeypatch.context() as patch:
            if number == 2:
                patch.setattr(Author, "from_db", classmethod(own_error_from_db))
            books = run()
            if number == 2:
                with pytest.raises(OwnError):
                    assert books[0].author
            else:
                assert all(book.author for book in books)


def test_the_error_of_a_lazy_load_passes(errors):
    """A dangling key, and a one-to-one that is not there."""
    copy = Copy.objects.order_by("pk").first()
    with connection.constraint_checks_disabled():
        Copy.objects.filter(pk=copy.pk).update(supplier_id=987_654)

    def run() -> None:
        for row in auto(Copy.objects.filter(pk=copy.pk)):
            with pytest.raises(Supplier.DoesNotExist):
                assert row.supplier
        for author in auto(Author.objects.filter(profile=None)):
            with pytest.raises(Author.profile.RelatedObjectDoesNotExist):
                assert author.profile

    for _ in range(3):
        run()
    assert errors() == []
    assert not any(site.quarantined for site in report().call_sites)
    Copy.objects.filter(pk=copy.pk).update(supplier_id=copy.supplier_id)


def test_an_error_in_the_loop_of_the_caller_passes(errors):
    """Code of the caller's that runs between the rows is not inside autoprefetch."""

    def run(reader: Callable[[Any], Any]) -> None:
        for book in reader(auto(Book.objects.all())):
            assert book.author
            raise OwnError

    for reader in (iter, lambda books: books.iterator(), lambda books: books.iterator(chunk_size=5)):
        for _ in range(3):
            with pytest.raises(OwnError):
                run(reader)
    assert errors() == []


def test_an_interrupt_passes(monkeypatch, errors):
    """Ctrl-C is not a fault."""

    def interrupt(*args: Any, **kwargs: Any) -> Any:
        raise KeyboardInterrupt

    monkeypatch.setattr(planning, "plan", interrupt)
    with pytest.raises(KeyboardInterrupt):
        read()
    assert errors() == []


def test_a_wrong_annotation_fails_as_in_plain_django(errors):
    """What the database refuses to compute raises where it always did."""
    for _ in range(2):
        with pytest.raises(Exception, match=r"nothing"), transaction.atomic():
            list(auto(Book.objects.annotate(n=Cast(F("nothing"), Book._meta.pk))))
    assert errors() == []


def test_the_shield_lets_strict_refuse():
    """LazyLoadError is meant for the caller."""
    with override(MODE="strict"), pytest.raises(Exception, match="loaded lazily"):
        read()


def test_raw_is_a_raw_queryset():
    """The reader of this file is what it says."""
    assert isinstance(auto(Book.objects.raw("SELECT * FROM library_book")), RawQuerySet)
