"""`fix` leaves what it cannot write with certainty, by name and with the reason."""

from __future__ import annotations

import os
import sys

import pytest

from autoprefetch import override
from tests.management.projects import HEAD, Project, command, fix_and_compare, learned, plainly

pytestmark = [
    pytest.mark.usefixtures("library"),
    pytest.mark.parametrize("database", ["sqlite"], indirect=True),
]

IN_A_LOOP = (
    f"{HEAD}def titles(books):\n    return [b.title for b in books]\n\n\n"
    "def view():\n    found = []\n    for row in auto(Author.objects.all()):\n"
    "        best = row.books.order_by('-pages', 'pk')[:2]\n        found.append({taken})\n    return found\n"
)
"""A view that takes something of a derived query which has a name."""

#: What may be done with a list just as well.
READ = {
    "loops": "[b.title for b in best]",
    "what takes any iterable": "[len(best), sorted(b.title for b in best), [b.title for b in reversed(best)]]",
    "a test": "best[0].title if best else [b.pk for b in best]",
    "whether it has a row": "any(b.pages > 1 for b in best)",
    "unpacking": "[b.title for b in [*best]]",
    "a part of it": "([b.title for b in best], [b.title for b in best[:1]])",
}

#: And what a list has not.
ASKED = {
    "its number": "([b.title for b in best], best.count())",
    "its query": "([b.title for b in best], str(best.query))",
    "a choice of it": "([b.title for b in best], best.exists())",
    "a function": "(len(best), titles(best))",
    "a container": "(len(best), [[b.title for b in one] for one in [best]])",
    "its looks": "([b.title for b in best], f'{best}')",
}

#: What a function does with a queryset beside reading it.
GIVEN = {
    "returned": "return found",
    "yielded": "yield found",
    "kept": "row.found = found",
    "in a lambda": "return (lambda: found)()",
    "in a variable of all": "global found",
}

#: What else is done with a queryset, and the reason that is given.
USED = {
    "values": "list(qs.values('pk'))[:1]",
    "aggregate": "str(qs.aggregate(n=Max('pages')))",
    "or": "len(qs | Book.objects.all())",
    "union": "len(list(qs.order_by().union(Book.objects.order_by())))",
    "a filter": "len(qs.filter(pages__gt=100))",
    "only": "[b.title for b in qs.only('title')]",
    "its query": "str(qs.query) > ''",
    "handed on twice": "(str([*map(len, [qs])]), {'books': qs}['books'] is not None)",
}

FOLLOWED = ("str(b.publisher)", "b.tags.count()")


# A list in the place of a queryset ----------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", READ)
def test_a_derived_query_that_is_only_read_is_written(kind: str, project: Project) -> None:
    """A list gives the same."""
    text, remarks = fix_and_compare(project, project.module(IN_A_LOOP.replace("{taken}", READ[kind])))
    assert "best = row.prefetched_books\n" in text
    assert not remarks


@pytest.mark.parametrize("kind", ASKED)
def test_a_derived_query_of_which_more_is_asked_is_left(kind: str, project: Project) -> None:
    """A list has no such method, or gives something else."""
    source = IN_A_LOOP.replace("{taken}", ASKED[kind])
    remarks = left(project, source)
    assert "row.books.order_by('-pages', 'pk')[:2] is used for more than reading its rows, at fixed_" in remarks


@pytest.mark.parametrize("kind", GIVEN)
def test_a_derived_query_that_goes_elsewhere_is_left(kind: str, project: Project) -> None:
    """Nobody can tell what its callers do with it."""
    taken = "[*best(row)]" if kind == "yielded" else "best(row)"
    source = (
        f"{HEAD}def best(row):\n    found = row.books.filter(pages__gt=200)\n    len(found)\n    {GIVEN[kind]}\n\n\n"
        f"def view():\n    return [str({taken})[:5] for row in auto(Author.objects.all())]\n"
    )
    if "global" in source:
        source = source.replace("    global found\n", "").replace("(row):\n", "(row):\n    global found\n")
    assert "is used for more than reading its rows" in left(project, source)


# More than the rows -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", USED)
@pytest.mark.parametrize("followed", FOLLOWED)
def test_a_queryset_that_is_used_for_more_than_its_rows_is_left(kind: str, followed: str, project: Project) -> None:
    """What is appended would be part of that, too."""
    source = (
        f"from django.db.models import Max\n{HEAD}def view():\n    qs = auto(Book.objects.all())\n"
        f"    return [{followed} for b in qs], {USED[kind]}\n"
    )
    remarks = left(project, source)
    assert "its queryset is used for more than reading its rows, at fixed_" in remarks
    assert ".py:8." in remarks


@pytest.mark.parametrize("asked", ["(len(qs), qs.count(), qs[0].pk)", "qs.exists() and bool(qs)", "qs.first().pk"])
@pytest.mark.parametrize("followed", FOLLOWED)
def test_what_gives_the_same_rows_may_be_asked_too(asked: str, followed: str, project: Project) -> None:
    """Their number, say."""
    module = project.module(
        f"{HEAD}def view():\n    qs = auto(Book.objects.all())\n    return [{followed} for b in qs], {asked}\n"
    )
    plain, _ = learned(module.view)
    out, remarks = command("fix", "--write")
    assert "is changed." in out, remarks
    assert plainly(project.again(module).view).outcome == plain.outcome


@pytest.mark.parametrize(
    "chain", [".filter(pages__gt=99)", ".order_by('-pk')", ".exclude(pk=1).all()", ".order_by('pk').iterator()"]
)
@pytest.mark.parametrize("followed", FOLLOWED)
def test_methods_behind_auto_that_choose_rows_stay(chain: str, followed: str, project: Project) -> None:
    """The chain goes on from what is written."""
    fix_and_compare(
        project,
        project.module(f"{HEAD}def view():\n    return [{followed} for b in auto(Book.objects.all()){chain}]\n"),
    )


def test_a_choice_by_several_others_behind_an_annotation_is_left(project: Project) -> None:
    """It finds a row several times, and once where rows are grouped."""
    source = (
        f"{HEAD}def view():\n    books = auto(Book.objects.order_by('pk'))\n"
        "    return [b.tags.count() for b in books], books.get({}).pk\n"
    )
    assert "its queryset is used for more than reading its rows" in left(project, source.format("contributions=1"))
    fix_and_compare(project, project.module(source.format("pk=2, pages__gt=0")))


def test_a_name_may_have_been_another_queryset_before(project: Project) -> None:
    """What is built from that is none of what `auto()` gives."""
    module = project.module(
        f"{HEAD}def view():\n    rows = Book.objects.all()\n"
        "    if rows.ordered:\n        rows = rows.filter(pk__gt=1)\n"
        "    rows = auto(rows)\n    return [str(row.author) for found in [rows] for row in found]\n"
    )
    fix_and_compare(project, module)
    again = (
        f"{HEAD}def view():\n    books, found = Book.objects.all(), []\n    for n in range(2):\n"
        "        found.append(len(books.filter(pk=n)))\n        books = auto(books)\n"
        "        found.append([str(book.author) for book in books])\n    return found\n"
    )
    assert "is used for more than reading its rows" in left(project, again)


def test_a_stream_of_what_is_prefetched_is_left(project: Project) -> None:
    """Django asks for the size of its chunks then."""
    source = (
        f"{HEAD}def view():\n    books = auto(Book.objects.order_by('pk'))\n"
        "    return [[t.name for t in b.tags.all()] for b in books], sum(1 for b in books.iterator())\n"
    )
    assert "its queryset is used for more than reading its rows" in left(project, source)


# Attributes of one name ---------------------------------------------------------------------------------------------

GIVEN_NAME = "_".join(["books", "count"])  # as a literal it would stand in the source of the project
SHARED = f"{HEAD}def total(author):\n    return author.books.count()\n\n\n"


@pytest.mark.parametrize(
    "other",
    [
        f"Author.objects.annotate({GIVEN_NAME}=Value(7))",
        f"Author.objects.extra(select={{'{GIVEN_NAME}': '7'}})",
        f"Author.objects.raw('SELECT *, 7 AS {GIVEN_NAME} FROM library_author')",
        f"[setattr(row, '{GIVEN_NAME}', 7) or row for row in Author.objects.all()]",
    ],
)
def test_an_access_that_others_reach_with_such_an_attribute_is_left(other: str, project: Project) -> None:
    """Their rows have it, and it means something else."""
    view = "def view():\n    return [total(row) for row in auto(Author.objects.all())]\n\n\n"
    source = f"from django.db.models import Value\n{SHARED}{view}def other():\n    return list(map(total, {other}))\n"
    assert "author.books.count() may be asked of rows with another books_count: that of fixed_" in left(project, source)


def test_two_fixes_that_would_take_each_others_attributes_are_left(project: Project) -> None:
    """Both name what they load after its relation."""
    source = (
        f"{HEAD}def longest(author):\n    return [b.title for b in author.books.order_by('-pages', 'pk')[:2]]\n\n\n"
        "def first(author):\n    return [b.title for b in author.books.order_by('pk')[:2]]\n\n\n"
        "def view():\n    return [longest(row) for row in auto(Author.objects.all())]\n\n\n"
        "def other():\n    return [first(row) for row in auto(Author.objects.order_by('name'))]\n"
    )
    module = project.module(source)
    learned(module.other)
    learned(module.view)
    out, remarks = command("fix", "--write")
    assert out == ""
    assert remarks.count("may be asked of rows with another prefetched_books.") == 2


def test_a_loop_whose_rows_would_pass_for_others_is_left(project: Project) -> None:
    """An earlier fix has written code that asks for the attribute."""
    source = (
        f"{HEAD}def longest(author):\n    return [b.title for b in (author.prefetched_books "
        'if hasattr(author, "prefetched_books") else author.books.order_by("-pages", "pk")[:2])]\n\n\n'
        "def view():\n    rows = auto(Author.objects.all())\n"
        "    return [[b.title for b in row.books.order_by('pk')[:1]] for row in rows]\n"
    )
    assert "asks instances for a prefetched_books that means something else" in left(project, source)


# Names --------------------------------------------------------------------------------------------------------------


ROWS = "auto(Author.objects.all())"


@pytest.mark.parametrize(
    ("name", "function"),
    [
        ("Count", f"def view():\n    Count = 3\n    return [row.books.count() for row in {ROWS}]"),
        ("Count", f"def view(Count=3):\n    return [row.books.count() for row in {ROWS}]"),
        ("Count", f"view = lambda Count=3: [row.books.count() for row in {ROWS}]"),
        ("next", f"def view(next=3):\n    return [str(row.books.first()) for row in {ROWS}]"),
        ("iter", f"def iter():\n    pass\n\n\ndef view():\n    return [str(row.books.first()) for row in {ROWS}]"),
        ("hasattr", f"f = lambda r, hasattr=1: r.books.count()\n\n\ndef view():\n    return [f(a) for a in {ROWS}]"),
    ],
)  # fmt: skip
def test_a_name_that_means_something_else_there_is_not_used(name: str, function: str, project: Project) -> None:
    """A function binds it, a class, or for what Python has by itself the module."""
    assert f"the code needs {name}, which means something else there." in left(project, f"{HEAD}{function}\n")


# What is at its end already -----------------------------------------------------------------------------------------


def test_a_call_over_two_lines_is_taken_off_whole(project: Project) -> None:
    """However it is laid out."""
    module = project.module(
        f"{HEAD}def view():\n    return [\n        str(\n            row.books.order_by('-pages', 'pk')\n"
        "            .first(\n            )\n        )\n        for row in auto(Author.objects.all())\n    ]\n"
    )
    text, _ = fix_and_compare(project, module)
    assert "first(" not in text


@pytest.mark.parametrize(
    "followed",
    [
        "str(row.mentor)",
        "(str(row.mentor), row.books.count())",
        "[friend.pk for friend in row.friends.all()]",
        "([friend.pk for friend in row.friends.all()], [b.title for b in row.books.order_by('pk')[:1]])",
    ],
)
def test_a_call_site_with_a_name_is_extended_once(followed: str, project: Project) -> None:
    """It stays the same call site when its expression is changed."""
    module = project.module(
        f"{HEAD}def view():\n    rows = auto(Author.objects.all(), name='kept.{len(followed)}')\n"
        f"    return [{followed} for row in rows]\n"
    )
    learned(module.view)
    assert "is changed." in command("fix", "--write", "--keep-auto")[0]
    text = project.text(module)
    project.again(module)
    assert command("fix", "--write", "--keep-auto", "--force")[0] == ""
    assert project.text(module) == text
    command("fix", "--write", "--force")
    assert project.text(module).count(".select_related(") <= 1
    assert project.text(module).count(".prefetch_related(") <= 1


# The import of `auto` -----------------------------------------------------------------------------------------------

READS = "def view():\n    return [str(b.author) for b in auto(Book.objects.all())]\n"


@pytest.mark.parametrize(
    "head",
    [
        HEAD.replace("import auto\n", "import auto  # noqa: F401  (others take it from here)\n"),
        f"{HEAD}__all__ = ['auto', 'view']\n\n\n",
        f"{HEAD}__all__ = ['view']\n__all__ += ['auto']\n\n\n",
    ],
)
def test_an_import_for_others_stays(head: str, project: Project) -> None:
    """It says that it is one."""
    text, _ = fix_and_compare(project, project.module(f"{head}{READS}"))
    assert "from autoprefetch import auto" in text
    assert "auto(" not in text


@pytest.mark.parametrize(
    "taking",
    ["from {} import auto", "from {} import *", "import {0}\nmine = {0}.auto", "import {0} as m\nmine = m.auto"],
)
def test_what_another_module_takes_from_it_stays(taking: str, project: Project) -> None:
    """That would not be importable any more."""
    module = project.module(f"{HEAD}{READS}")
    other = project.module(
        f"{taking.format(module.__name__)}\nfrom tests.library.models import Tag\n\n\n"
        "def view():\n    tags = (globals().get('auto') or mine)(Tag.objects.all())\n"
        "    return [[b.pk for b in t.books.all()] for t in tags]\n"
    )
    learned(other.view)
    text, _ = fix_and_compare(project, module, "--site", f"{module.__name__}:*")
    assert "from autoprefetch import auto" in text


# Files --------------------------------------------------------------------------------------------------------------


def test_what_is_in_a_formatted_string_breaks_nothing_else(project: Project) -> None:
    """Before Python 3.12 such a string takes no quotes of its own kind; the others are written."""
    module = project.module(
        f"{HEAD}def view():\n    return f\"{{[str(b.author) for b in auto(Book.objects.order_by('pk'))]}}\"\n\n\n"
        "def other():\n    return [str(b.author) for b in auto(Book.objects.all())]\n"
    )
    plain, _ = learned(module.view)
    learned(module.other)
    out, remarks = command("fix", "--write")
    assert "is changed." in out, remarks
    assert 'Book.objects.all().select_related("author")' in project.text(module)
    assert plainly(project.again(module).view).outcome == plain.outcome
    assert ("it would be no Python any more (f-string" in remarks) is (sys.version_info < (3, 12))


def test_a_link_is_followed_within_the_repository_only(project: Project) -> None:
    """The diff names the file itself; one outside, nobody could take back."""
    module = project.module(f"{HEAD}{READS}")
    learned(module.view)
    link = project.folder / f"{module.__name__}.py"
    inside = project.folder / "inside"
    inside.mkdir()
    link.rename(inside / link.name)
    link.symlink_to(inside / link.name)
    project.commit()
    diff, _ = command("fix")
    assert f"--- a/inside/{link.name}" in diff
    (project.folder / "fix.patch").write_text(diff)
    project.git("apply", "--check", "fix.patch")
    outside = project.folder.with_name("outside")
    (inside / link.name).rename(outside)
    link.unlink()
    link.symlink_to(outside)
    project.commit()
    before = outside.read_text()
    for options in ((), ("--write",), ("--write", "--force")):
        out, remarks = command("fix", *options)
        assert out == ""
        assert f"{link} is a link to {outside}, which is outside of {project.folder}." in remarks
    assert outside.read_text() == before


def test_a_file_that_nobody_may_write_is_left(project: Project) -> None:
    """The others are written."""
    module, other = (project.module(f"{HEAD}{READS}") for _ in range(2))
    learned(module.view)
    learned(other.view)
    path = project.folder / f"{module.__name__}.py"
    path.chmod(0o444)
    if os.access(path, os.W_OK):
        pytest.skip("this user may write any file")
    out, remarks = command("fix", "--write")
    assert out == f"{other.__name__}.py is changed.\n"
    assert f"{path.name} cannot be written: it is read-only." in remarks


def test_a_module_that_ends_the_process_is_left(project: Project) -> None:
    """A script that is not meant to be imported, say."""
    module = project.module(f"{HEAD}{READS}")
    other = project.module(f"{HEAD}{READS}")
    learned(module.view)
    learned(other.view)
    path = project.folder / f"{module.__name__}.py"
    path.write_text(f"{path.read_text()}\n\nimport sys\n\nsys.exit(3)\n")
    project.commit()
    del sys.modules[module.__name__]
    out, remarks = command("fix", "--write")
    assert out == f"{other.__name__}.py is changed.\n"
    assert f"{module.__name__} cannot be imported: SystemExit: 3" in remarks


# What a suggestion says ---------------------------------------------------------------------------------------------


def test_what_a_suggestion_notes_is_said(project: Project) -> None:
    """As `suggest` does."""
    module = project.module(
        f"from django.db.models import Max\n{HEAD}def view():\n    books = auto(Book.objects.all())\n"
        "    return [(str(b.author), b.tags.aggregate(n=Max('pk'))) for b in books]\n"
    )
    learned(module.view)
    suggested, _ = command("suggest")
    [note] = [line for line in suggested.splitlines() if line.startswith("Note: ")]
    diff, remarks = command("fix")
    assert diff
    assert f"view ({module.__name__}.py:7): {note.removeprefix('Note: ')}" in remarks


def test_a_slice_whose_rows_may_be_others_stays_as_it_is(project: Project) -> None:
    """Of rows with equal sort keys a join may let others in; where all are read, only their order is at stake."""
    source = f"{HEAD}def view():\n    return [str(b.author) for b in auto(Book.objects.order_by('pages')[:7])]\n"
    assert "other rows with equal sort keys may be in the slice" in left(project, source)


def test_with_scope_all_that_is_to_be_written_is_said(project: Project) -> None:
    """The code, what it imports, and what reads it."""
    module = project.module(
        f"{HEAD}def view():\n    rows = Author.objects.all()\n    return [row.books.count() for row in rows]\n"
    )
    with override(SCOPE="all"):
        for _ in range(3):
            module.view()
        out, remarks = command("fix")
    assert out == ""
    assert 'append .annotate(books_count=Count("books", distinct=True)).order_by("pk")' in remarks
    assert "import: from django.db.models import Count" in remarks
    assert f"at {module.__name__}.py:7 view replace row.books.count() with row.books_count" in remarks
    assert f"append the code where the queryset is built: {module.__name__}.py:6 view." in remarks


def left(project: Project, source: str) -> str:
    """Learn a view and see that no fix changes its module; return why."""
    module = project.module(source)
    learned(module.view)
    out, remarks = command("fix", "--write")
    assert out == "", project.text(module)
    assert project.text(module) == source
    return remarks
