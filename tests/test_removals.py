"""Reverse advice: what the caller's own query loads and nobody uses is named, wherever suggestions are."""

from __future__ import annotations

import gc
import json
import logging
from collections.abc import Callable, Iterator
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.core.signals import request_finished
from django.db.models import Count, Prefetch

from autoprefetch import auto, override, report, suggestions
from autoprefetch.advise.suggestions import Suggestion
from autoprefetch.evaluation import engine
from autoprefetch.learn.front import Front
from autoprefetch.observe import reading
from autoprefetch.surveying import survey
from tests.library.models import Author, Book
from tests.stores import kept_in

pytestmark = [
    pytest.mark.usefixtures("library"),
    pytest.mark.parametrize("database", ["sqlite"], indirect=True),
]

TIMES = 64  # the sixth evaluation that is inspected
FILE = "autoprefetch.learn.stores.file.FileStore"


@pytest.fixture(autouse=True)
def nothing_is_inspected() -> Iterator[None]:
    """After each test."""
    yield
    reading.forget()


def nothing(_: Any) -> None: ...


def joined(read: Callable[[Any], object] = nothing) -> None:
    for book in auto(Book.objects.order_by("pk").select_related("author", "publisher")[:3]):
        read(book)


def prefetched(read: Callable[[Any], object] = nothing) -> None:
    for book in auto(Book.objects.order_by("pk").prefetch_related("tags", "author__books")[:3]):
        read(book)


def annotated(read: Callable[[Any], object] = nothing) -> None:
    for author in auto(Author.objects.order_by("pk").annotate(number=Count("books"))[:3]):
        read(author)


def own() -> Any:
    return auto(Book.objects.order_by("pk").select_related("author")[:3])


def often(evaluate: Callable[[], object], times: int = TIMES) -> None:
    gc.collect()
    gc.freeze()  # what is there already is looked at once, and not after each evaluation
    for _ in range(times):
        evaluate()
        gc.collect()
    request_finished.send(None)
    if isinstance(engine.store, Front):
        engine.store.flush()


def removed() -> list[tuple[str, str]]:
    return [(one.code, one.becomes) for found in suggestions() for one in found.removals]


def only() -> Suggestion:
    [found] = suggestions()
    return found


def test_a_join_that_nobody_uses_is_advised_away_once_enough_evaluations_tell() -> None:
    """Those that are inspected, the last of which is the 64th."""

    def view() -> None:
        joined(lambda book: book.publisher)

    often(view, TIMES - 1)
    assert suggestions() == []
    often(view, 1)
    assert removed() == [('.select_related("author")', '.select_related("publisher")')]


def test_the_part_of_a_call_is_named() -> None:
    """What is left of the call stays."""
    often(lambda: joined(lambda book: book.publisher))
    assert removed() == [('.select_related("author")', '.select_related("publisher")')]
    text = str(only())
    assert "tests/test_removals.py:" in text
    assert "None of 6 evaluations that were inspected used it" in text
    assert only().code == "" == only().replaces


def test_what_is_used_once_is_never_advised_away() -> None:
    """Be it long ago."""
    seen: list[int] = []

    def read(book: Any) -> None:
        seen.append(book.pk)
        if len(seen) < 10:  # in the second evaluation, which is inspected
            seen.append(bool(book.author) + bool(book.publisher))

    often(lambda: joined(read), TIMES)
    assert removed() == []


def test_a_prefetch_that_nobody_uses_is_measured() -> None:
    """In queries and milliseconds."""
    often(prefetched)
    [one] = only().removals
    assert one.code == '.prefetch_related("tags", "author__books")'
    assert one.becomes == ""
    assert one.queries == 3
    assert one.seconds > 0
    assert one.rows == 3
    assert only().saved_queries == 3
    assert only().saved_seconds == one.seconds
    assert f"saves 3 queries and {one.seconds * 1000:.1f} ms in each (measured)" in only().evidence


def test_an_annotation_that_nobody_reads_is_advised_away() -> None:
    """Where the loop is all that gets the queryset."""
    often(annotated)
    assert removed() == [('.annotate(number=Count("books"))', "")]


def test_an_annotation_of_a_queryset_that_goes_on_is_left_alone() -> None:
    """`filter()`, `values()` or a subquery may name it."""

    def view() -> None:
        authors = auto(Author.objects.order_by("pk").annotate(number=Count("books")))
        assert list(authors)
        assert authors.filter(number__gt=1).count() >= 0

    often(view)
    assert removed() == []


def test_call_sites_that_share_a_call_have_to_agree() -> None:
    """One that needs it keeps it for all."""
    often(lambda: list(own()))
    assert removed() == [('.select_related("author")', "")]
    often(lambda: [book.author.name for book in own()], 2)
    assert removed() == []


def test_nothing_is_advised_both_ways() -> None:
    """What a call site loads lazily is no eager load to take away."""

    def view(*, is_joined: bool) -> None:
        books = Book.objects.order_by("pk")
        for book in auto(books.select_related("author") if is_joined else books):
            if not is_joined:
                assert book.author.name

    often(lambda: view(is_joined=True))
    assert removed() == [('.select_related("author")', "")]
    often(lambda: view(is_joined=False), 3)
    assert removed() == []


def test_both_kinds_of_advice_come_together() -> None:
    """To add what is loaded lazily, and to remove what is not used."""

    def view() -> None:
        for book in auto(Book.objects.order_by("pk").select_related("author")):
            assert book.publisher is None or book.publisher.name

    often(view)
    found = only()
    assert '.select_related("publisher")' in found.code
    assert removed() == [('.select_related("author")', "")]
    assert "Remove from your query" in found.as_text()
    assert "Remove from your query" in found.as_markdown()


def test_with_a_scope_nothing_is_advised_away() -> None:
    """It is not known who else evaluates that queryset."""
    with override(SCOPE="all"):
        often(lambda: list(Book.objects.order_by("pk").select_related("author")[:3]))
        assert removed() == []
        [site] = [one for one in report().call_sites if one.model == "library.Book"]
        assert list(site.unused_given) == ["select_related author"]


def test_it_is_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    """As any suggestion."""
    with caplog.at_level(logging.INFO, "autoprefetch"):
        often(joined)
        often(joined, 10)
    [record] = [one for one in caplog.records if "Remove from your query" in one.getMessage()]
    assert '.select_related("author", "publisher")' in record.getMessage()


def test_the_report_names_it() -> None:
    """As text, as Markdown and as values."""
    often(joined)
    line = "loads for nothing in 6 evaluations inspected: select_related author"
    assert line in report().as_text()
    assert line in report().as_markdown()
    [site] = json.loads(json.dumps(report().as_dict()))["call_sites"]
    assert site["unused_given"] == {"select_related author": 6, "select_related publisher": 6}


def test_the_dashboard_marks_it() -> None:
    """As an unused eager load, with advice."""
    often(joined)
    [site] = survey()
    assert site.unused == {("author",), ("publisher",)}
    assert site.has_advice


def run(*arguments: str) -> str:
    out = StringIO()
    call_command("autoprefetch", *arguments, stdout=out, stderr=out)
    return out.getvalue()


@pytest.fixture
def file(tmp_path: Path) -> Iterator[Path]:
    """Keep what is learned in a file."""
    file = tmp_path / "learned.json"
    with kept_in(FILE, PATH=str(file)):
        yield file


def test_suggest_prints_it(file: Path) -> None:
    """As text, Markdown and JSON, also with `--site`; and `fix` leaves it to a person."""
    often(prefetched)
    call = '.prefetch_related("tags", "author__books")'
    assert f"Remove from your query: {call}." in run("suggest")
    assert f"```python\n{call}\n```" in run("suggest", "--format", "markdown")
    [found] = json.loads(run("suggest", "--format", "json"))["suggestions"]
    assert found["removals"][0]["remove"] == found["removals"][0]["written"] == call
    assert found["removals"][0]["inspected"] == 6
    assert found["code"] == ""
    assert call in run("suggest", "--site", "tests.test_removals*")
    assert "Nothing to fix" in run("fix")


def test_suggest_with_a_site_asks_the_others_too(file: Path) -> None:
    """They are in the store, though nobody wants to see them."""
    often(lambda: list(own()))
    often(lambda: [book.author.name for book in own()], 2)
    assert "Remove" not in run("suggest", "--site", "*lambda*list*")
    assert "Remove" not in run("suggest")


def test_check_names_it(file: Path, tmp_path: Path) -> None:
    """As an unused eager load."""
    often(prefetched)
    assert run("export", str(tmp_path / "committed.json"))
    with pytest.raises((CommandError, SystemExit)):
        print(run("check", str(tmp_path / "committed.json")))
    out = StringIO()
    with pytest.raises((CommandError, SystemExit)):
        call_command("autoprefetch", "check", str(tmp_path / "committed.json"), "--format", "json", stdout=out)
    found = json.loads(out.getvalue())["differences"]
    assert {(one["path"], one["kind"]) for one in found} == {
        (path, "unused eager loads") for path in ("tags", "author", "author__books")
    }


def test_an_attribute_of_ones_own_is_named() -> None:
    """By the `Prefetch` that fills it."""
    often(lambda: list(auto(Author.objects.prefetch_related(Prefetch("books", to_attr="works"))[:3])))
    assert removed() == [('.prefetch_related(Prefetch("books", to_attr="works"))', "")]
