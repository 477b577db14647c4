"""`suggest` and `fix`: from what a store knows to the code, and into the source, so that plain Django runs as fast."""

from __future__ import annotations

import json
import re
import sys
from typing import Any

import pytest
from django.core.management import CommandError

from autoprefetch import auto, override
from autoprefetch.evaluation import engine
from autoprefetch.management.fixing import NOTHING
from tests.equivalence.comparing import runs
from tests.management.projects import HEAD, Project, command, fix_and_compare, learned, plainly

pytestmark = [
    pytest.mark.usefixtures("library"),
    pytest.mark.parametrize("database", ["sqlite"], indirect=True),
]

#: What is taken of each author, and a part of the code that is written for it.
DERIVED = {
    "the latest few": ("[b.title for b in row.books.order_by('-pages')[:2]]", "order_by('-pages')[:2], to_attr="),
    "some": ("[b.title for b in row.books.filter(pages__gt=200)]", ".filter(pages__gt=200), to_attr="),
    "some, with what they lead to": ("[str(b.publisher) for b in row.books.filter(pages__gt=99)]", "select_related"),
    "the first": ("str(row.books.first())", '[:1], to_attr="prefetched_books"'),
    "the first of an ordering": ("str(row.books.order_by('-title').first())", "order_by('-title')[:1]"),
    "how many": ("row.books.count()", '.annotate(books_count=Count("books", distinct=True)).order_by("pk")'),
    "how many of all": ("row.books.all().count()", "Count("),
    "whether any": ("row.books.exists()", "Exists(Book.objects.filter(author_id=OuterRef"),
    "two counts": ("(row.books.count(), row.pupils.count())", "pupils_count=Count("),
    "a count and a set": ("(row.books.count(), [b.title for b in row.books.all()])", "(len(row.books.all()), ["),
    "whether any, and a set": ("(row.friends.exists(), len(row.friends.all()))", "(bool(row.friends.all()), len("),
}


# The second edits -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", DERIVED)
def test_what_is_derived_from_each_row_is_written_at_both_places(kind: str, project: Project) -> None:
    """The queryset brings it, and the line that asked each row reads it."""
    taken, code = DERIVED[kind]
    module = project.module(f"{HEAD}def view():\n    return [{taken} for row in auto(Author.objects.all())]\n")
    text, remarks = fix_and_compare(project, module)
    assert code in text
    assert "auto(" not in text
    assert "hasattr" not in text  # it is the same function
    assert not remarks


def test_an_access_in_another_function_works_for_other_rows_too(project: Project) -> None:
    """Whoever else calls it has rows without the attribute."""
    module = project.module(
        f"{HEAD}def latest(author):\n    return [b.title for b in author.books.order_by('-pages')[:2]]\n\n\n"
        "def view():\n    return [latest(row) for row in auto(Author.objects.all())]\n\n\n"
        "def other():\n    return [latest(row) for row in Author.objects.all()]\n"
    )
    plain = plainly(module.other)
    text, _ = fix_and_compare(project, module)
    assert 'if hasattr(author, "prefetched_books")' in text
    assert plainly(project.again(module).other).outcome == plain.outcome


def test_what_no_code_can_bring_keeps_auto(project: Project) -> None:
    """A query whose expression is not recognised with certainty would be one for each row again."""
    module = project.module(
        f"{HEAD}LEAST = '1'\n\n\ndef view():\n    books = auto(Book.objects.all())\n"
        "    return [(str(book.publisher), book.tags.filter(name__gt=LEAST).count()) for book in books]\n"
    )
    plain, warm = learned(module.view)
    out, remarks = command("fix", "--write")
    assert f"stays in auto(): nothing else batches tags (read at {module.__name__}.py:10 view)." in remarks
    assert "is changed." in out
    assert 'auto(Book.objects.all().select_related("publisher"))' in project.text(module)
    *_, again = runs(project.again(module).view, 2)
    assert (again.outcome, again.queries) == (plain.outcome, warm.queries)


# The diff -------------------------------------------------------------------------------------------------------------

CATALOGUE = (
    "# The catalogue.\n\nfrom autoprefetch import auto\n\nfrom tests.library.models import Author\n\n\n"
    "def view():\n    # all of them\n    authors = auto(Author.objects.all())  # in order\n"
    "    return [[str(b.publisher) for b in a.books.all()] for a in authors]{}"
)


@pytest.mark.parametrize(
    "source",
    [
        CATALOGUE.format("\n"),
        CATALOGUE.format(""),
        CATALOGUE.format("\n").replace("\n", "\r\n"),
        CATALOGUE.format("\n").replace("# all", "\f# тоже"),
        "\ufeff" + CATALOGUE.format("\n"),
    ],
    ids=["plain", "no newline at the end", "CRLF", "form feed, and not ASCII", "BOM"],
)
def test_git_applies_the_diff(source: str, project: Project) -> None:
    """To exactly what `--write` makes of the file; comments and layout stay."""
    module = project.module(source)
    plain, warm = learned(module.view)
    diff, remarks = command("fix")
    assert not remarks
    assert project.text(module) == source
    patch = project.folder / "fix.patch"
    patch.write_bytes(diff.encode())
    project.git("apply", "--whitespace=nowarn", "fix.patch")
    applied = project.text(module)
    assert "# in order" in applied
    assert "from autoprefetch import auto" not in applied
    assert applied.count("from django.db.models import Prefetch") == 1
    by_diff = plainly(project.again(module).view)
    assert (by_diff.outcome, by_diff.queries) == (plain.outcome, warm.queries)
    project.git("checkout", "--quiet", ".")
    project.again(module)
    command("fix", "--write")
    assert project.text(module) == applied


def test_run_twice_it_changes_nothing_more(project: Project) -> None:
    """And says why."""
    module = project.module(CATALOGUE.format("\n"))
    text, _ = fix_and_compare(project, module)
    project.commit()
    out, remarks = command("fix", "--write")
    assert out == ""
    assert "was edited or removed since it was learned" in remarks
    assert NOTHING in remarks
    assert project.text(module) == text


def test_auto_can_be_kept(project: Project) -> None:
    """Then it goes on to learn what changes."""
    module = project.module(CATALOGUE.format("\n"))
    learned(module.view)
    command("fix", "--write", "--keep-auto")
    assert "auto(Author.objects.all().prefetch_related(" in project.text(module)
    assert "from autoprefetch import auto" in project.text(module)
    out, _ = command("fix", "--write", "--keep-auto", "--force")
    assert out == ""


# Comments -------------------------------------------------------------------------------------------------------------

OWN = "auto(Book.objects.all())"


@pytest.mark.parametrize(
    ("written", "fixed"),
    [
        (f"{OWN}  # autoprefetch: ignore[publisher]", f"{OWN}"),
        (f"{OWN}  # autoprefetch: ignore[publisher] few have one", f"{OWN}  # few have one"),
        (f"{OWN}  # all  # autoprefetch: ignore[publisher] few", f"{OWN}  # all  # few"),
        (f"{OWN}  # autoprefetch: ignore[publisher]  # noqa: E501", f"{OWN}  # noqa: E501"),
        (f"{OWN}  # autoprefetch: please", f"{OWN}  # autoprefetch: please"),
        (f"{OWN}  # all of them", f"{OWN}  # all of them"),
        (
            "auto(  # autoprefetch: ignore[publisher]\n        Book.objects.all()\n    )",
            "(\n        auto(Book.objects.all())\n    )",
        ),
        (
            "auto(\n        # autoprefetch: ignore[publisher]\n        Book.objects.all()  # these\n    )",
            "(\n        auto(Book.objects.all())  # these\n    )",
        ),
    ],
)
def test_a_comment_goes_with_the_auto_that_it_belongs_to(written: str, fixed: str, project: Project) -> None:
    """What stays lazy does so in plain Django without a word; what else the comment says stays."""
    module = project.module(
        f"{HEAD}def view():\n    books = {written}\n    return [(str(b.author), str(b.publisher)) for b in books]\n"
    )
    learned(module.view)
    command("fix", "--write")
    text = fixed.replace(OWN, 'Book.objects.all().select_related("author"{})')
    more = "" if "publisher" in written else ', "publisher"'
    assert f"    books = {text.format(more)}\n    return" in project.text(module)


def test_a_comment_stays_where_auto_does(project: Project) -> None:
    """With --keep-auto, and beside a call that is not changed."""
    line = "books, tags = auto(Book.objects.all()), auto(Tag.objects.all())  # autoprefetch: ignore[publisher]"
    module = project.module(
        f"{HEAD}def view():\n    {line}\n    return [(str(b.author), str(b.publisher)) for b in books], str(tags)\n"
    )
    learned(module.view)
    command("fix", "--write")
    assert 'Book.objects.all().select_related("author"), auto(Tag' in project.text(module)
    assert "# autoprefetch: ignore[publisher]\n" in project.text(module)
    kept = project.module(
        f"{HEAD}def view():\n    books = {OWN}  # autoprefetch: ignore[publisher]\n"
        "    return [(str(b.author), str(b.publisher)) for b in books]\n"
    )
    learned(kept.view)
    command("fix", "--write", "--keep-auto")
    assert '.select_related("author"))  # autoprefetch: ignore[publisher]\n' in project.text(kept)


# What has changed since -----------------------------------------------------------------------------------------------


def test_code_that_was_moved_is_found_again(project: Project) -> None:
    """By the hash of its expression, below other lines and in another function."""
    module = project.module(CATALOGUE.format("\n"))
    learned(module.view)
    moved = CATALOGUE.format("\n").replace("def view", "LATER = 1\n\n\nclass View:\n    pass\n\n\ndef page")
    project.module(moved, module.__name__)
    command("fix", "--write")
    assert 'Author.objects.all().prefetch_related(Prefetch("books"' in project.text(module)


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        ("Author.objects.all()", "Author.objects.filter(pk__gt=0)", "was edited or removed since it was learned"),
        ("def view", "def first():\n    return auto(Author.objects.all())\n\n\ndef view", ""),
        ("def view", "ONE = auto(Author.objects.all())\nTWO = auto(Author.objects.all())\n\n\ndef page", "more than"),
        ("from tests", "import nowhere_at_all\nfrom tests", "cannot be imported: ModuleNotFoundError"),
    ],
    ids=["edited", "written once more elsewhere", "written more than once", "broken"],
)  # fmt: skip
def test_code_that_was_edited_is_left_alone(old: str, new: str, reason: str, project: Project) -> None:
    """Unless it is certain which it is."""
    source = CATALOGUE.format("\n")
    module = project.module(source)
    learned(module.view)
    path = project.folder / f"{module.__name__}.py"
    path.write_text(source.replace(old, new))
    project.commit()
    del sys.modules[module.__name__]
    out, remarks = command("fix", "--write")
    assert (reason in remarks) if reason else ("is changed." in out and not remarks)
    assert bool(out) is not bool(reason)
    assert not reason or path.read_text() == source.replace(old, new)


def test_a_file_with_changes_that_are_not_committed_is_left_alone(project: Project) -> None:
    """Nobody could take the change back; with --force it is changed all the same."""
    module = project.module(CATALOGUE.format("\n"))
    learned(module.view)
    path = project.folder / f"{module.__name__}.py"
    path.write_text(f"{path.read_text()}\n\nNOT = 'committed'\n")
    out, remarks = command("fix", "--write")
    assert out == ""
    assert f"{path.name} has changes that are not committed. Commit them, or give --force." in remarks
    assert "auto(Author.objects.all())" in path.read_text()
    assert "is changed." in command("fix", "--write", "--force")[0]
    assert "NOT = 'committed'" in path.read_text()


def test_a_file_outside_of_version_control_is_left_alone(project: Project) -> None:
    """For the same reason; the diff is printed."""
    module = project.module(CATALOGUE.format("\n"))
    learned(module.view)
    (project.folder / ".git").rename(project.folder / "no_git")
    assert "is in no git repository. Give --force to change it." in command("fix", "--write")[1]
    assert "+from django.db.models import Prefetch" in command("fix")[0]


def test_ways_that_need_different_code_are_left_to_a_person(project: Project) -> None:
    """One function for two views is two call sites; `--site` chooses one."""
    module = project.module(
        f"{HEAD}def books():\n    return auto(Book.objects.all())\n\n\n"
        "def one():\n    return [str(book.author) for book in books()]\n\n\n"
        "def other():\n    return [str(book.publisher) for book in books()]\n"
    )
    learned(module.one)
    learned(module.other)
    out, remarks = command("fix")
    assert out == ""
    assert "it is evaluated in 2 ways that need different code. Choose one by --site:" in remarks
    diff, remarks = command("fix", "--site", f"*{module.__name__}:one/*")
    assert '.select_related("author")' in diff
    assert not remarks


def test_a_call_site_with_a_name_is_found_by_its_name(project: Project) -> None:
    """Also where `auto` is called by another name, after the line was moved to another function."""
    head = HEAD.replace("import auto", "import auto as automatic")
    line = "    return [str(b.author) for b in automatic(Book.objects.all(), name='the < books')]\n"
    module = project.module(f"{head}def view():\n{line}")
    learned(module.view)
    project.module(
        f"{head}ONE = 1\n\n\nclass Page:\n    name = 'the < books'\n\n\ndef page():\n{line}", module.__name__
    )
    text, _ = command("suggest")
    assert "automatic(Book.objects.all(), name='the < books')\nwith" in text
    out, remarks = command("fix", "--write")
    assert out == f"{module.__name__}.py is changed.\n"
    assert not remarks
    assert 'for b in Book.objects.all().select_related("author")]' in project.text(module)
    assert "automatic" not in project.text(module)


def test_a_name_that_does_not_tell_which_call_it_is_is_left_to_a_person(project: Project) -> None:
    """Several calls may share a name; and one that is computed is in no source."""
    module = project.module(
        f"{HEAD}NAME = 'computed'\n\n\ndef one():\n    return auto(Book.objects.all(), name='shared')\n\n\n"
        "def other():\n    return auto(Book.objects.filter(pages__gt=0), name='shared')\n\n\n"
        "def view():\n    return [str(b.author) for b in [*one(), *other()]]\n\n\n"
        "def third():\n    return [str(b.author) for b in auto(Book.objects.all(), name=NAME)]\n"
    )
    learned(module.view)
    learned(module.third)
    out, remarks = command("fix")
    assert out == ""
    file = f"{module.__name__}.py"
    assert f"auto(..., name='shared') stands at {file}:9 one, {file}:13 other; it has to be in one place." in remarks
    assert "auto(..., name='computed') stands nowhere in the source of the project" in remarks


def test_what_the_caller_ignores_stays_lazy(project: Project) -> None:
    """`ignore=` is read from the source."""
    module = project.module(
        f"{HEAD}def view():\n    books = auto(Book.objects.all(), ignore=('publisher',))\n"
        "    return [(str(b.author), str(b.publisher)) for b in books]\n"
    )
    learned(module.view)
    command("fix", "--write")
    assert 'Book.objects.all().select_related("author")' in project.text(module)
    assert 'select_related("author", "publisher")' not in project.text(module)


def test_with_scope_the_code_is_printed(project: Project) -> None:
    """There is no `auto()` to take the place of."""
    module = project.module(
        f"{HEAD}def view():\n    return [str(book.author) for book in Book.objects.all()]\n\n\nauto\n"
    )
    with override(SCOPE="all"):
        for _ in range(3):
            module.view()
        out, remarks = command("fix")
        assert out == ""
        assert 'has no auto(). Where its queryset is built, append .select_related("author")' in remarks
        assert "Add to your query:" in command("suggest")[0]


def test_without_libcst_it_says_what_to_install(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    """And changes nothing."""
    module = project.module(CATALOGUE.format("\n"))
    learned(module.view)
    monkeypatch.delitem(sys.modules, "autoprefetch.advise.patching", raising=False)
    monkeypatch.setitem(sys.modules, "libcst", None)
    with pytest.raises(CommandError, match=r"Install autoprefetch\[fix\]\.") as raised:
        command("fix", "--write")
    assert raised.value.returncode == 2
    assert "auto(Author.objects.all())" in project.text(module)


# suggest --------------------------------------------------------------------------------------------------------------


def test_suggestions_say_what_to_write_and_how_sure_they_are(project: Project) -> None:
    """That which saves most time first."""
    module = project.module(
        f"{HEAD}def view():\n    return [str(book.author) for book in auto(Book.objects.all())]\n\n\n"
        "def few():\n    return [str(tag.books.count()) for tag in auto(Tag.objects.all())]\n"
    )
    learned(module.few)
    learned(module.view, 4)
    text, _ = command("suggest")
    books, tags = text.split("\n\n")
    assert books.startswith(
        f"view ({module.__name__}.py:6) runs 17 queries, now 1.\nReplace\n    auto(Book.objects.all())"
    )
    evidence = r"Learned from 4 evaluations, of which 100% used it; saves 16 queries and [\d.]+ ms in each \(.+\)\."
    assert re.fullmatch(evidence, books.splitlines()[-1])
    assert "Count(" in tags
    [first, second] = json.loads(command("suggest", "--format", "json")[0])["suggestions"]
    assert (first["saved_queries"], first["evaluations"], first["used"]) == (16, 4, 1.0)
    assert first["code"] == 'Book.objects.all().select_related("author")'
    assert second["edits"][0]["replaces"] == "tag.books.count()"
    markdown, _ = command("suggest", "--format", "markdown", "--limit", "1")
    assert '```python\nBook.objects.all().select_related("author")\n```' in markdown
    assert "Count(" not in markdown
    assert "Tag" not in command("suggest", "--min-saved", "5")[0]
    assert "Book" not in command("suggest", "--site", f"{module.__name__}:few*")[0]


def test_what_a_suggestion_saves_is_measured_where_the_loads_ran_by_themselves(project: Project) -> None:
    """The store keeps it for the process of the command: it is what the loads took, and no estimate."""
    module = project.module(
        f"{HEAD}def view():\n    return [str(book.author) for book in auto(Book.objects.order_by('pk'))]\n"
    )
    with override(MODE="learn"):
        learned(module.view, 4)
    text, _ = command("suggest")
    assert re.search(r"saves 16 queries and [\d.]+ ms in each \(measured\)\.$", text)
    [one] = json.loads(command("suggest", "--format", "json")[0])["suggestions"]
    assert one["saved_ms_basis"] == "measured"
    [times] = [history.totals.times for history in engine.everything().values()]
    known = times[("author",)]
    assert (known.loads, known.batches) == (16 * 4, 0)
    assert 0 < one["saved_ms"] <= round(known.load * 16 * 1000, 1)
    saved = one["saved_ms"]
    assert command("suggest", "--min-saved", str(saved / 2))[0] == text
    assert command("suggest", "--min-saved", str(saved * 2))[0].startswith("Nothing to suggest: ")


def test_where_batches_answered_all_loads_it_is_the_least_that_they_take(project: Project) -> None:
    """A statement that is quick stands for each, and says so."""
    module = project.module(
        f"{HEAD}def view():\n    return [len(book.tags.all()) for book in auto(Book.objects.order_by('pk'))]\n"
    )
    learned(module.view, 12)
    [one] = json.loads(command("suggest", "--format", "json")[0])["suggestions"]
    [times] = [history.totals.times for history in engine.everything().values()]
    known = times[("tags",)]
    assert (known.loads, known.batches) == (0, 12)
    assert one["saved_ms_basis"] == "at least"
    assert 0 <= one["saved_ms"] <= round(known.statement * 16 * 1000, 1)


def test_one_evaluation_is_not_enough_to_suggest(project: Project) -> None:
    """It may be the one that is different."""
    list(auto(Book_objects()))
    assert command("suggest")[0].startswith("Nothing to suggest: ")


def Book_objects() -> Any:  # noqa: N802
    from tests.library.models import Book

    return Book.objects.select_related("author")


@pytest.mark.parametrize("given", ["-1", "many", "nan", "inf"])
def test_a_least_saving_that_is_no_number_is_an_error(given: str, project: Project) -> None:
    """It names what was given, and what is read."""
    with pytest.raises(CommandError, match="is not a number of milliseconds of 0 or more"):
        command("suggest", f"--min-saved={given}")
