"""Ignoring: what a person wants to be left alone runs as plain Django, however it was said, with the same results."""

from __future__ import annotations

import importlib
import logging
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from textwrap import dedent
from types import ModuleType
from typing import Any

import pytest

import autoprefetch
from autoprefetch import override
from autoprefetch.observe import callsites
from autoprefetch.testing import assert_no_lazy_loads
from tests.databases import count_queries

pytestmark = [
    pytest.mark.usefixtures("library"),
    pytest.mark.parametrize("database", ["sqlite"], indirect=True),
]

HEAD = """
from autoprefetch import auto
from tests.library.models import Author, Book

def described(books):
    return [(book.title, book.author.name, book.publisher and book.publisher.name) for book in books]
"""

PLAIN = 1 + 16 + 12
COLD = 1 + 1 + 1
"""With nothing ignored: the books, their authors, their publishers."""

Write = Callable[[str], ModuleType]


@pytest.fixture
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Write]:
    """Write a module of a package `shop`, and import it."""
    package = tmp_path / "shop" / "legacy"
    package.mkdir(parents=True)
    for folder in (package.parent, package):
        (folder / "__init__.py").touch()
    monkeypatch.syspath_prepend(str(tmp_path))

    def written(code: str) -> ModuleType:
        (package / "views.py").write_text(HEAD + dedent(code))
        importlib.invalidate_caches()
        return importlib.import_module("shop.legacy.views")

    yield written
    for name in [name for name in sys.modules if name.partition(".")[0] == "shop"]:
        del sys.modules[name]


def plain_and_automatic(view: Callable[[], Any], **settings: Any) -> tuple[int, list[int]]:
    """Return the queries of plain Django and of three automatic runs, which answer the same."""
    with override(MODE="off"), count_queries() as plain:
        answer = view()
    counts = []
    with override(**settings):
        for _ in range(3):
            with count_queries() as log:
                assert view() == answer
            counts.append(len(log))
    return len(plain), counts


AUTHOR = 1 + 16 + 1, 1 + 16
"""Cold and warm where only the author is lazy: the publisher is batched, then joined."""
BOTH = WHOLE = PLAIN, PLAIN
NOTHING = COLD, 1

ONE_LINE = """
    def view():
        return described(auto(Book.objects.order_by("pk")))  {comment}
    """

FORMS = {
    "one line": (ONE_LINE.format(comment="# autoprefetch: ignore[author] few are shown"), AUTHOR),
    "no comment": (ONE_LINE.format(comment="# autoprefetch is good at this"), NOTHING),
    "two relations": (ONE_LINE.format(comment="# autoprefetch: ignore[author, publisher]"), BOTH),
    "the whole call site": (ONE_LINE.format(comment="# autoprefetch: ignore"), WHOLE),
    "with a reason": (ONE_LINE.format(comment="# autoprefetch: ignore it is a report of the night"), WHOLE),
    "behind another comment": (ONE_LINE.format(comment="# noqa: E501  # autoprefetch: ignore[author]"), AUTHOR),
    "over several lines": (
        """
        def view():
            books = auto(
                Book.objects
                .filter(pages__gte=0)  # autoprefetch: ignore[author] few are shown
                .order_by("pk")
            )
            return described(books)
        """,
        AUTHOR,
    ),
    "two comments over several lines": (
        """
        def view():
            books = auto(  # autoprefetch: ignore[author]
                Book.objects
                .order_by("pk")  # autoprefetch: ignore[publisher]
            )
            return described(books)
        """,
        BOTH,
    ),
    "chained after the call": (
        """
        def view():
            books = (
                auto(Book.objects.all())  # autoprefetch: ignore[author]
                .filter(pages__gte=0)
                .order_by("pk")
            )
            return described(books)
        """,
        AUTHOR,
    ),
    "on another line of the chain": (
        """
        def view():
            books = (
                auto(Book.objects.all())
                .filter(pages__gte=0)  # autoprefetch: ignore[author]
                .order_by("pk")
            )
            return described(books)
        """,
        NOTHING,
    ),
    "a class attribute": (
        """
        class View:
            queryset = auto(Book.objects.order_by("pk"))  # autoprefetch: ignore[author]

        def view():
            return described(View.queryset.all())
        """,
        AUTHOR,
    ),
    "a decorator": (
        """
        def shows(books):
            return lambda function: lambda: function(books.all())

        @shows(auto(Book.objects.order_by("pk")))  # autoprefetch: ignore[author]
        def view(books):
            return described(books)
        """,
        AUTHOR,
    ),
    "a comprehension": (
        """
        def view():
            return [row for _ in (1,) for row in described(auto(Book.objects.all()))]  # autoprefetch: ignore[author]
        """,
        AUTHOR,
    ),
    "in a string": (
        """
        def view():
            return described(auto(Book.objects.exclude(title="# autoprefetch: ignore[author]").order_by("pk")))
        """,
        NOTHING,
    ),
    "on the line above": (
        """
        def view():
            # autoprefetch: ignore[author]
            return described(auto(Book.objects.order_by("pk")))
        """,
        NOTHING,
    ),
    "beside ignore=": (
        """
        def view():
            return described(auto(Book.objects.all(), ignore=("publisher",)))  # autoprefetch: ignore[author]
        """,
        BOTH,
    ),
    "two calls on one line": (
        """
        def view():
            first, last = auto(Book.objects.filter(pk__lt=0)), auto(Book.objects.all())  # autoprefetch: ignore[author]
            return described(first) + described(last)
        """,
        (AUTHOR[0] + 1, AUTHOR[1] + 1),
    ),
    "a named call site": (
        """
        def view():
            return described(auto(Book.objects.all(), name="books"))  # autoprefetch: ignore[author]
        """,
        AUTHOR,
    ),
}


@pytest.mark.parametrize(("code", "counts"), FORMS.values(), ids=FORMS)
def test_a_comment_on_the_line_of_auto(code: str, counts: tuple[int, int], write: Write) -> None:
    """What it ignores is loaded as Django loads it, and the rest as without the comment; the results are the same."""
    extra = code.count("first, last")  # one more queryset
    plain, (cold, *warm) = plain_and_automatic(write(code).view)
    assert plain == PLAIN + extra
    assert (cold, warm) == (counts[0], [counts[1]] * 2)


SCOPED = {
    "a loop": ("for book in Book.objects.order_by('pk'):  # autoprefetch: ignore[author]", AUTHOR),
    "a whole loop": ("for book in Book.objects.order_by('pk'):  # autoprefetch: ignore", WHOLE),
    "no comment": ("for book in Book.objects.order_by('pk'):", NOTHING),
    "where it is built": (
        "books = Book.objects.order_by('pk')  # autoprefetch: ignore[author]\n    for book in books:",
        NOTHING,
    ),
    "a call": ("books = list(Book.objects.all())  # autoprefetch: ignore[author]\n    for book in books:", AUTHOR),
}


@pytest.mark.parametrize(("lines", "counts"), SCOPED.values(), ids=SCOPED)
def test_a_comment_on_the_line_that_evaluates(lines: str, counts: tuple[int, int], write: Write) -> None:
    """With `SCOPE` there is no `auto()`, and that line is the call site."""
    code = f"def view():\n    rows = []\n    {lines}\n        rows += described([book])\n    return rows\n"
    plain, (cold, *warm) = plain_and_automatic(write(code).view, SCOPE="all")
    assert plain == PLAIN
    assert (cold, warm) == (counts[0], [counts[1]] * 2)


PATTERNS = {
    "shop/legacy/*.py": WHOLE,
    "shop/legacy/views.py": WHOLE,
    "shop/*.py": WHOLE,  # `*` goes over folders, too
    "*/legacy/*": WHOLE,
    "shop/legacy/view?.py": WHOLE,
    "shop/other/*.py": NOTHING,
    "legacy/*.py": NOTHING,
    "shop.legacy.views:*": WHOLE,
    "shop.legacy.views:view/auto#0": WHOLE,
    "shop.legacy.views:other/*": NOTHING,
    "library.Book.author": AUTHOR,
    "library.*.author": AUTHOR,
    "library.Author.*": NOTHING,
}


@pytest.mark.parametrize(("pattern", "counts"), PATTERNS.items(), ids=PATTERNS)
@pytest.mark.parametrize("scope", ["explicit", "all"])
def test_a_pattern_names_call_sites_files_or_relations(
    pattern: str, counts: tuple[int, int], scope: str, write: Write
) -> None:
    """The file is that of the call of `auto()`; with `SCOPE`, that which evaluates."""
    call = "auto(Book.objects.order_by('pk'))" if scope == "explicit" else "Book.objects.order_by('pk')"
    if scope == "all":
        pattern = pattern.replace("view/auto#0", "view/get_iter#0")
    module = write(
        f"def view():\n    rows = []\n    for book in {call}:\n        rows += described([book])\n    return rows\n"
    )
    plain, (cold, *warm) = plain_and_automatic(module.view, SCOPE=scope, IGNORE=[pattern])
    assert plain == PLAIN
    assert (cold, warm) == (counts[0], [counts[1]] * 2)


def test_the_comment_is_part_of_the_suggestion_and_the_report(write: Write) -> None:
    """What is ignored is not advised."""
    plain_and_automatic(write(FORMS["one line"][0]).view)
    [suggestion] = autoprefetch.suggestions()
    assert suggestion.code == 'Book.objects.order_by("pk").select_related("publisher")'
    [line] = [line for site in autoprefetch.report().call_sites for line in site.lines() if line.path == "author"]
    assert (line.method, line.reason) == ("lazy", "it is ignored")


@pytest.fixture
def warnings() -> Iterator[list[logging.LogRecord]]:
    heard: list[logging.LogRecord] = []
    handler = logging.Handler(logging.WARNING)
    handler.emit = heard.append  # type: ignore[method-assign]
    logger = logging.getLogger("autoprefetch")
    logger.addHandler(handler)
    yield heard
    logger.removeHandler(handler)


@pytest.mark.parametrize(
    ("comment", "fact"),
    [
        ("# autoprefetch: ignore(author)", "is not understood. Write `# autoprefetch: ignore[relation] reason`"),
        (
            "# autoprefetch: ignore[writer] why",
            "names 'writer', and library.Book has no relation 'writer'; it has author,",
        ),
        ("# autoprefetch: ignore[author.mentor]", "Write it as a lookup: ignore[author__mentor]."),
        ("# autoprefetch: ignore[author__writer]", "library.Author has no relation 'writer'; it has "),
    ],
)
def test_a_wrong_comment_is_told_once(comment: str, fact: str, write: Write, warnings: list[logging.LogRecord]) -> None:
    """With its place and what to write, and nothing is ignored by it."""
    plain, counts = plain_and_automatic(write(ONE_LINE.format(comment=comment)).view)
    assert (plain, counts) == (PLAIN, [COLD, 1, 1])
    [record] = warnings
    assert record.event == "autoprefetch.comment"
    assert record.comment == comment
    said = record.getMessage()
    assert said.startswith(f"autoprefetch.comment: shop/legacy/views.py:9 view: `{comment}` ")
    assert fact in said


def test_what_is_right_in_a_wrong_comment_is_heeded(write: Write, warnings: list[logging.LogRecord]) -> None:
    """It is left to Django, which is never wrong."""
    plain, (cold, *warm) = plain_and_automatic(
        write(ONE_LINE.format(comment="# autoprefetch: ignore[author, writer, 'tags']")).view
    )
    assert (plain, cold, warm) == (PLAIN, AUTHOR[0], [AUTHOR[1]] * 2)
    assert len(warnings) == 2


def test_a_right_comment_is_silent(write: Write, warnings: list[logging.LogRecord]) -> None:
    """There is nothing to say about it."""
    plain_and_automatic(write(FORMS["one line"][0]).view)
    assert warnings == []


def test_the_source_is_read_once(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    """When the call site is seen for the first time, and never again."""
    read = []
    real = callsites.comment_of
    monkeypatch.setattr(callsites, "comment_of", lambda origin: read.append(origin) or real(origin))
    module = write("def view():\n    return [described(auto(Book.objects.all())) for _ in range(5)]\n")
    plain_and_automatic(module.view)
    assert len(read) == 1


@pytest.mark.parametrize("name", ["two relations", "the whole call site", "one line"])
def test_no_assertion_fails_for_what_is_ignored(name: str, write: Write) -> None:
    """What is to stay lazy is no fault of a test; what is not, is."""
    view = write(FORMS[name][0]).view
    if name == "one line":
        with pytest.raises(AssertionError, match="publisher is loaded lazily") as raised, assert_no_lazy_loads():
            view()
        assert "author is loaded" not in str(raised.value)
    else:
        with assert_no_lazy_loads():
            view()


def test_other_code_of_a_whole_call_site_stays_automatic(write: Write) -> None:
    """The comment is of one line: the next one is as automatic as before."""
    module = write(
        """
        def view():
            first = described(auto(Book.objects.all()))  # autoprefetch: ignore
            return first + described(auto(Book.objects.order_by("pk")))
        """
    )
    plain, counts = plain_and_automatic(module.view)
    assert (plain, counts) == (2 * PLAIN, [PLAIN + COLD, PLAIN + 1, PLAIN + 1])


def test_what_is_written_in_a_loop_over_ignored_rows_is_seen(write: Write) -> None:
    """A lazy load reads what the loop has written, as in plain Django."""
    module = write(
        """
        def view():
            names = []
            for book in auto(Book.objects.order_by("pk")):  # autoprefetch: ignore[author]
                Author.objects.filter(pk=book.author_id).update(name=f"{book.pk}")
                names.append((book.author.name, book.publisher and book.publisher.name))
            return names
        """
    )
    plain_and_automatic(module.view)
