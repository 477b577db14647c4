"""Surveying: what the store knows of the whole project, with what this process adds."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.test import override_settings

from autoprefetch import auto, reset
from autoprefetch.advise.keys import place_of
from autoprefetch.advise.uses import ENOUGH, unused
from autoprefetch.evaluation import engine
from autoprefetch.faults import quarantine
from autoprefetch.learn.histories import History
from autoprefetch.learn.profiles import Profile, Usage
from autoprefetch.learn.stores.file import FileStore
from autoprefetch.surveying import ELSEWHERE, Surveyed, as_pattern, forget, survey
from tests.library.models import Book
from tests.stores import kept_in

FILE = "autoprefetch.learn.stores.file.FileStore"
USED = Usage(4, 64, 64, 64, eager=3, distinct=64)
KEY = "shop.views:Books.get/auto#0@12345678 < shop.views:page/loop#0 < GET books/ < library.Book"

pytestmark = [
    pytest.mark.parametrize("database", ["sqlite"], indirect=True),
    pytest.mark.usefixtures("library"),
]


def history(**usages: Usage) -> History:
    return History.of(Profile(4, 64, 4, 3, 6, {(path,): usage for path, usage in usages.items()}), 0)


def read_books() -> None:
    for book in auto(Book.objects.order_by("pk")):
        assert book.author


@pytest.fixture
def store(tmp_path: Path) -> Any:
    path = tmp_path / "store.json"
    with kept_in(FILE, PATH=str(path)):
        yield FileStore(path)
        reset()


def only() -> Surveyed:
    [found] = survey()
    return found


def test_what_other_processes_learned_is_there_before_this_one_has_evaluated_anything(store, database):
    """The store is opened for it; the source is not known, and the code says so."""
    store.merge(KEY, history(tags=USED))
    found = only()
    assert (found.report.call_site, found.standing, found.line) == (
        "shop.views:Books.get/auto#0 (GET books/)",
        None,
        "",
    )
    suggestion = found.suggestion()
    assert suggestion is not None
    assert (suggestion.code, suggestion.replaces) == ('.prefetch_related("tags")', "")
    assert ELSEWHERE in suggestion.notes
    assert found.has_advice


def test_what_this_process_has_evaluated_comes_with_its_line_and_source(store, database):
    """Counted together with what others have learned, under the name that every process gives it."""
    for _ in range(3):
        read_books()
    found = only()
    assert found.report.totals.evaluations == 3
    assert found.line.startswith("tests/test_surveying.py:")
    assert found.report.call_site == "tests.test_surveying:read_books/auto#0"
    suggestion = found.suggestion()
    assert suggestion is not None
    assert suggestion.replaces == 'auto(Book.objects.order_by("pk"))'
    assert suggestion.code == 'Book.objects.order_by("pk").select_related("author")'
    store.merge(found.report.key, history(author=USED))
    assert only().report.totals.evaluations == 7


def test_the_second_edit_of_a_derived_query_is_known_where_it_was_built(store, database):
    """The store keeps no places in the source; those that this process knows are put back."""
    for _ in range(2):
        for book in auto(Book.objects.order_by("pk")):
            assert list(book.contributions.order_by("position", "pk")[:2]) is not None
    suggestion = only().suggestion()
    assert suggestion is not None
    assert [edit.replaces for edit in suggestion.edits] == ['book.contributions.order_by("position", "pk")[:2]']


def test_what_was_quarantined_is_there_even_if_nothing_is_known_of_it(database):
    """Its plan is gone, and with it the advice."""
    read_books()
    [standing] = engine.standings.all()
    quarantine(standing, KeyError("a value"))
    engine.store.clear()
    found = only()
    assert found.report.quarantined == "KeyError('a value')"
    assert not found.has_advice
    assert found.suggestion() is None


def test_one_call_site_is_forgotten_and_learned_anew(store, database):
    """In the store and here, with its plan and its quarantine; others are kept."""
    store.merge(KEY, history(tags=USED))
    read_books()
    [mine] = [one for one in survey() if one.standing]
    forget(mine.report.key)
    assert [one.report.key for one in survey()] == [KEY] == [key for key, _ in store.items()]
    read_books()
    assert {one.report.totals.evaluations for one in survey()} == {1, 4}


def test_an_ignored_call_site_names_the_pattern(database):
    """The pattern that is offered matches it, and nothing else."""
    read_books()
    pattern = as_pattern(only().origin)
    assert pattern == "tests.test_surveying:read_books/auto#0"
    assert as_pattern("a*b?c[d]") == "a[*]b[?]c[[]d]"
    with override_settings(AUTOPREFETCH={"IGNORE": ["other", pattern]}):
        assert only().ignored_by == pattern
        evaluations = only().report.totals.evaluations
        read_books()
        assert only().report.totals.evaluations == evaluations


@pytest.mark.parametrize(
    ("key", "pattern"),
    [
        ("shop.views:Books.get/auto#0 <  < library.Book", "shop/*.py"),
        ("shop:books/auto#0 <  < library.Book", "shop/__init__.py"),
        ("a/b.html:{% for %}/tag#0 < GET / < library.Book", "a/*.html"),
        ("the list < library.Book", ""),
    ],
)
def test_a_file_names_the_call_sites_in_it(key, pattern, store, database):
    """Where this process has not evaluated them, too; the name of a call site is no file."""
    store.merge(key, history(tags=USED))
    assert only().ignored_by == ""
    with override_settings(AUTOPREFETCH={**settings.AUTOPREFETCH, "IGNORE": ["tests/*.py", pattern or "*.py"]}):
        assert only().ignored_by == pattern
    read_books()
    [mine] = [one for one in survey() if one.standing]
    with override_settings(AUTOPREFETCH={**settings.AUTOPREFETCH, "IGNORE": ["tests/*.py"]}):
        assert mine.ignored_by == "tests/*.py"


@pytest.mark.parametrize(
    ("key", "place"),
    [
        (KEY, ("shop.views", "Books.get", "auto#0", "GET books/")),
        ("shop.views:Books.get/auto#0@12345678 <  < library.Book", ("shop.views", "Books.get", "auto#0", "")),
        ("the list < library.Book", ("", "the list", "", "")),
        ("a:b/c < library.Book", ("", "a:b/c", "", "")),
        ("a/b.html:a/b.html/for#0 < GET / < library.Book", ("a/b.html", "a/b.html", "for#0", "GET /")),
        ("", ("", "", "", "")),
    ],
)  # fmt: skip
def test_a_key_tells_where_a_call_site_is(key, place, database):
    """As exactly as it does; whatever it does not tell is one name."""
    found = place_of(key)
    assert (found.module, found.function, found.step, found.route) == place


@pytest.mark.parametrize(
    ("eras", "expected"),
    [
        ({0: Profile(3, usages={("a",): Usage(eager=2)})}, {("a",)}),
        ({0: Profile(3, usages={("a",): Usage(1, eager=2)})}, set()),
        ({0: Profile(64, usages={("a",): Usage(64, eager=63)}),
          1: Profile(ENOUGH, usages={("a",): Usage(eager=ENOUGH)})}, {("a",)}),
        ({0: Profile(64, usages={("a",): Usage(64, eager=63)}),
          1: Profile(ENOUGH - 1, usages={("a",): Usage(eager=7)})}, set()),
        ({0: Profile(ENOUGH, failed=1, usages={("a",): Usage(2, eager=8)}),
          1: Profile(ENOUGH, failed=1, usages={("a",): Usage(eager=8)})}, set()),
        ({0: Profile(3, usages={("a",): Usage(3)})}, set()),
        ({}, set()),
    ],
)  # fmt: skip
def test_what_is_loaded_ahead_and_not_used_of_late_is_unused(eras, expected, database):
    """A few evaluations are no proof; those that ended in an error are none."""
    assert unused(History(Profile(), eras)) == expected


def test_a_path_that_a_view_stops_using_is_seen_as_unused(database):
    """Once evaluations of late are enough, and until it is loaded ahead no more."""
    seen = []
    for number in range(1, 160):
        for book in auto(Book.objects.order_by("pk")):
            assert number > 80 or book.author
        if number in (2, 80, 85, 110, 159):
            seen.append(only().unused)
    assert seen == [set(), set(), set(), {("author",)}, set()]
