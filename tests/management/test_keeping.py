"""What nothing is suggested for, because only `auto()` loads it for all rows at once, is named with the reason."""

from __future__ import annotations

from collections.abc import Iterator
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.core.signals import request_finished

from autoprefetch import auto
from autoprefetch.evaluation import engine
from autoprefetch.learn.front import Front
from tests.library.models import Book
from tests.stores import kept_in

pytestmark = [
    pytest.mark.usefixtures("library"),
    pytest.mark.parametrize("database", ["sqlite"], indirect=True),
]
FILE = "autoprefetch.learn.stores.file.FileStore"


@pytest.fixture(autouse=True)
def store(tmp_path: Path) -> Iterator[None]:
    with kept_in(FILE, PATH=str(tmp_path / "known.json")):
        yield


def suggested() -> tuple[str, str]:
    """Return what `suggest` prints: the suggestions, and what is said beside them."""
    out, beside = StringIO(), StringIO()
    call_command("autoprefetch", "suggest", stdout=out, stderr=beside)
    return out.getvalue(), beside.getvalue()


def see(view: Any) -> None:
    for _ in range(3):
        view()
        request_finished.send(None)
    assert isinstance(engine.store, Front)
    engine.store.flush()


def any_tags() -> list[bool]:
    return [book.tags.exists() for book in auto(Book.objects.order_by("pk"))]


def large_copies(least: int = 0) -> list[int]:
    return [book.copies.filter(pk__gt=least).count() for book in auto(Book.objects.order_by("pk"))]


def test_what_is_recognised_and_not_written_says_why() -> None:
    """Nothing is suggested, and yet it saves many queries."""
    see(any_tags)
    printed, beside = suggested()
    assert "Nothing to suggest" in printed
    assert beside.startswith("any_tags (tests/management/test_keeping.py:")
    assert "keeps auto(), which alone loads tags (read at tests/management/test_keeping.py:" in beside
    assert "and Exists is for a reverse foreign key." in beside


def test_what_is_not_recognised_is_named_by_its_line() -> None:
    """The shape of a query tells people nothing."""
    see(large_copies)
    beside = suggested()[1]
    assert "The expression behind copies (read at tests/management/test_keeping.py:" in beside
    assert "copies(" not in beside


def test_what_is_loaded_once_an_evaluation_needs_no_auto() -> None:
    """Nothing is said of it."""
    see(lambda: [book.author for book in auto(Book.objects.order_by("pk")[:1])])
    assert suggested()[1] == ""
