"""The suggestion is code: pasted over the `auto(...)` call, it takes the queries that the plan took.

Each test writes a module, learns from it, pastes what `suggestions()` says, and counts.
"""

import importlib.util
import sys
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

import autoprefetch
from autoprefetch import conf, override
from autoprefetch.advise.fixes import Fixes, fixes_for
from autoprefetch.advise.patching import patched
from autoprefetch.advise.proposing import proposals
from autoprefetch.advise.suggestions import Suggestion
from autoprefetch.evaluation import engine
from tests.equivalence.comparing import Run, runs
from tests.library import data

pytestmark = pytest.mark.usefixtures("library")

HEAD = "from autoprefetch import auto\n"
_numbers = count()


@pytest.fixture
def library(request: pytest.FixtureRequest) -> None:
    """Fill the database of the test; tests about the source need one database only."""
    if "database" in request.fixturenames:
        request.getfixturevalue("database")
    data.populate()


@pytest.fixture
def load(tmp_path: Path) -> Iterator[Callable[[str], ModuleType]]:
    """Write a module and import it."""
    loaded = []

    def load_module(source: str) -> ModuleType:
        name = f"pasted_{next(_numbers)}"
        path = tmp_path / f"{name}.py"
        path.write_text(source, encoding="utf-8")
        spec = importlib.util.spec_from_file_location(name, path)
        assert spec
        assert spec.loader
        module = sys.modules[name] = importlib.util.module_from_spec(spec)
        loaded.append(name)
        spec.loader.exec_module(module)
        return module

    yield load_module
    for name in loaded:
        del sys.modules[name]


def learned(module: ModuleType) -> tuple[Run, Run]:
    """Run the view of a module until it is warm, and return its first and its last run."""
    plain, *_, warm = runs(module.view, 3)
    assert plain.error is None, plain.error
    assert warm.outcome == plain.outcome
    return plain, warm


def only_suggestion() -> Suggestion:
    (suggestion,) = autoprefetch.suggestions()
    return suggestion


def pasted(source: str, suggestion: Suggestion) -> str:
    """Paste the code over the call, and the imports on top."""
    assert source.count(suggestion.replaces) == 1
    return "\n".join([*suggestion.imports, source.replace(suggestion.replaces, suggestion.code)])


def paste_and_compare(source: str, load: Callable[[str], ModuleType], *, fewer: bool = False) -> Suggestion:
    """Learn, paste, run as plain Django, and compare; return the suggestion."""
    module = load(source)
    plain, warm = learned(module)
    assert warm.queries < plain.queries
    suggestion = only_suggestion()
    edited = pasted(source, suggestion)
    assert suggestion.replaces not in edited
    by_hand, *_ = runs(load(edited).view, 0)
    assert by_hand.outcome == plain.outcome
    if fewer:
        assert by_hand.queries <= warm.queries
        [note] = [note for note in suggestion.notes if "change places" in note]
        assert fixes().notes == (f"{suggestion.call_site}: {note}",)
    else:
        assert by_hand.queries == warm.queries, f"{edited}\n{by_hand.log}\n{warm.log}"
    written = written_by_fix(module)
    by_fix, *_ = runs(load(written).view, 0)
    assert by_fix.outcome == plain.outcome
    assert by_fix.queries == by_hand.queries, f"{written}\n{by_fix.log}\n{by_hand.log}"
    return suggestion


def fixes() -> Fixes:
    """Return what `fix` makes of all that is known."""
    known = {standing.site.key: history for standing, history in engine.known()}
    return fixes_for(proposals(known, conf.current()), keep_auto=False)


def written_by_fix(module: ModuleType) -> str:
    """Return the module as `fix` writes it."""
    assert module.__file__
    assert not fixes().remarks
    [(file, replacements)] = fixes().by_file().items()
    assert file == module.__file__
    return patched(Path(file).read_bytes(), replacements).decode()


# Relation kinds -----------------------------------------------------------------------------------------------------

#: name: (the models, the queryset, what is taken of each row)
KINDS = {
    "foreign key": ("Book", "Book.objects.all()", "str(row.author)"),
    "nullable foreign key": ("Book", "Book.objects.all()", "str(row.publisher)"),
    "foreign key to another field": ("Book", "Book.objects.all()", "str(row.imprint)"),
    "foreign key to self": ("Author", "Author.objects.all()", "str(row.mentor)"),
    "tree": ("Category", "Category.objects.order_by('pk')", "str(row)"),
    "foreign key to a proxy": ("Review", "Review.objects.order_by('pk')", "row.classic.title"),
    "foreign key to a child": ("Screening", "Screening.objects.order_by('pk')", "row.film.minutes"),
    "foreign key to a parent": ("Screening", "Screening.objects.order_by('pk')", "str(row.trailer)"),
    "chain": ("Branch", "Branch.objects.order_by('pk')", "row.street.city.country.continent.name"),
    "two chains": ("Book", "Book.objects.all()", "(row.publisher_city, str(row.author.archive))"),
    "one-to-one": ("Profile", "Profile.objects.order_by('pk')", "str(row.author)"),
    "reverse one-to-one": ("Author", "Author.objects.all()", "hasattr(row, 'profile') and str(row.profile.city)"),
    "primary key one-to-one": ("Portrait", "Portrait.objects.order_by('pk')", "str(row.author)"),
    "reverse primary key one-to-one": ("Author", "Author.objects.all()", "hasattr(row, 'portrait')"),
    "down to a child": ("Medium", "Medium.objects.order_by('pk')", "hasattr(row, 'film') and str(row.film.director)"),
    "composite primary key": ("Membership", "Membership.objects.order_by('reader_id', 'branch_id')", "str(row)"),
    "reverse foreign key": ("Author", "Author.objects.all()", "[b.title for b in row.books.all()]"),
    "default-named reverse foreign key": (
        "ContentType",
        "ContentType.objects.filter(app_label='library').order_by('pk')",
        "len(row.comment_set.all())",
    ),
    "many-to-many": ("Book", "Book.objects.all()", "sorted(t.name for t in row.tags.all())"),
    "many-to-many from behind": ("Tag", "Tag.objects.order_by('pk')", "len(row.books.all())"),
    "default-named many-to-many": ("Book", "Book.objects.all()", "sorted(s.name for s in row.series_set.all())"),
    "many-to-many to self": ("Author", "Author.objects.all()", "[len(row.friends.all()), len(row.followers.all())]"),
    "generic foreign key": ("Comment", "Comment.objects.order_by('pk')", "row.subject.pk is None"),
    "generic relation": ("Book", "Book.objects.all()", "sorted(c.text for c in row.comments.all())"),
    "generic foreign key, then foreign keys": (
        "Comment",
        "Comment.objects.order_by('pk')",
        "str(row.subject) if row.subject._meta.model_name != 'branch' else str(row.subject.street)",
    ),
    "generic foreign key, then sets": (
        "Comment",
        "Comment.objects.order_by('pk')",
        "[str(b.publisher) for b in row.subject.books.all()] if row.subject._meta.model_name == 'author' else 0",
    ),
    "foreign key under a set": ("Author", "Author.objects.all()", "[str(b.publisher) for b in row.books.all()]"),
    "chain under a set": ("Author", "Author.objects.all()", "[b.publisher_city for b in row.books.all()]"),
    "hidden foreign key": ("Copy", "Copy.objects.order_by('pk')", "str(row.shelf)"),
    "hidden foreign key and beyond": ("Copy", "Copy.objects.order_by('pk')", "str(row.shelf and row.shelf.branch)"),
    "foreign key without constraint": ("Copy", "Copy.objects.order_by('pk')", "row.supplier.name"),
    "set under a foreign key": ("Book", "Book.objects.all()", "[b.title for b in row.author.books.all()]"),
    "set under a set under a set": (
        "Publisher",
        "Publisher.objects.order_by('pk')",
        "[sorted(len(c.loans.all()) for c in b.copies.all()) for b in row.books.all()]",
    ),
    "a bit of everything": (
        "Reader",
        "Reader.objects.order_by('pk')",
        "(str(row.branch), [(str(b), b.publisher_city, sorted(map(str, b.tags.all()))) for b in row.wishes.all()])",
    ),
    "sets side by side": (
        "Book",
        "Book.objects.all()",
        "(len(row.tags.all()), len(row.copies.all()), len(row.contributions.all()), str(row.author))",
    ),
    "joins of the manager": ("Loan", "Loan.objects.order_by('pk')", "(str(row.copy.book), str(row.reader.branch))"),
    "joins of the caller": ("Book", "Book.objects.select_related('author')", "(str(row.author), str(row.publisher))"),
    "beyond joins of the caller": ("Book", "Book.objects.select_related('author')", "str(row.author.archive)"),
    "prefetches of the caller": (
        "Author",
        "Author.objects.prefetch_related('books')",
        "[(str(b.publisher), len(b.tags.all())) for b in row.books.all()]",
    ),
    "sliced": ("Book", "Book.objects.all()[2:9]", "(str(row.author), len(row.tags.all()))"),
    "aggregated": ("Book", "Book.objects.annotate(n=Count('copies'))", "(row.n, str(row.author))"),
    "raw": (
        "Book",
        "Book.objects.raw('SELECT * FROM library_book ORDER BY id')",
        "(str(row.author), len(row.tags.all()))",
    ),
}


def module_for(models: str, queryset: str, taken: str, names: str = "Count") -> str:
    origin = "django.contrib.contenttypes.models" if models == "ContentType" else "tests.library.models"
    return (
        f"{HEAD}from django.db.models import {names}\nfrom {origin} import {models}\n\n\n"
        f"def view():\n    return [{taken} for row in auto({queryset})]\n\n\nUSED = {names}\n"
    )


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_relation_can_be_pasted(kind: str, load: Any, database: str) -> None:
    """Pasting takes exactly the queries of the warm run, and returns the same."""
    paste_and_compare(module_for(*KINDS[kind]), load)


#: Rows of a batch share related instances, each of which loads once what plain Django loads for each row: an average.
ESTIMATED = {"two chains", "a bit of everything", "generic foreign key, then sets"}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.django_db
def test_the_counts_of_a_suggestion_are_those_of_the_view(kind: str, load: Any) -> None:
    """`queries_before` is what plain Django runs, `queries_after` what a warm evaluation was measured to run."""
    plain, warm = learned(load(module_for(*KINDS[kind])))
    suggestion = only_suggestion()
    before = pytest.approx(plain.queries, rel=0.05) if kind in ESTIMATED else plain.queries
    assert (suggestion.queries_before, suggestion.queries_after) == (before, warm.queries)
    assert suggestion.measured


@pytest.mark.django_db
def test_until_it_is_warm_a_suggestion_predicts(load: Any) -> None:
    """After the first run `queries_after` is predicted, and says so."""
    for kind in ("foreign key", "many-to-many", "foreign key under a set", "generic foreign key"):
        autoprefetch.reset()
        module = load(module_for(*KINDS[kind]))
        plain, _ = runs(module.view, 1)
        suggestion = only_suggestion()
        assert not suggestion.measured
        *_, warm = runs(module.view, 2)
        assert (suggestion.queries_before, suggestion.queries_after) == (plain.queries, warm.queries), kind


@pytest.mark.parametrize(
    ("queryset", "taken"),
    [
        ("Branch.objects.all()", "str(row.street)"),
        ("Branch.objects.order_by('name')", "row.street.city.country.name"),
        ("Branch.objects.order_by('name')", "(str(row.street), len(row.street.branches.all()))"),
        ("Loan.objects.all()", "(str(row.reader), str(row.copy.book))"),
        ("Author.objects.all()", "sorted(str(c.book.imprint) for c in row.contributions.all())"),
    ],
)
def test_a_join_is_advised_also_where_rows_may_change_places(
    queryset: str, taken: str, load: Any, database: str
) -> None:
    """The plan prefetches there; the suggestion joins, takes fewer queries, and says what it costs, as `fix` does."""
    source = (
        module_for("Author, Branch, Loan", queryset, taken)
        .replace("return [", "return sorted([")
        .replace("]\n", "])\n")
    )
    suggestion = paste_and_compare(source, load, fewer=True)
    assert "select_related(" in suggestion.code


def test_the_imports_that_a_module_lacks_are_named(load: Any, database: str) -> None:
    """`Prefetch` and a model of another module; what the module has already is not imported again."""
    source = (
        f"{HEAD}from tests.library.models import Author\n\n\n"
        "def view():\n    return [[str(b.publisher) for b in a.books.all()] for a in auto(Author.objects.all())]\n"
    )
    suggestion = paste_and_compare(source, load)
    assert suggestion.imports == (
        "from django.db.models import Prefetch",
        "from tests.library.models import Book",
    )
    autoprefetch.reset()
    imports = "from django.db.models import Prefetch\nfrom tests.library.models import Book\n"
    again = f"{imports}{source}\n\nUSED = Prefetch, Book\n"
    assert paste_and_compare(again, load).imports == ()


@pytest.mark.parametrize("value", ["'mine'", "None"])
def test_a_name_that_is_taken_in_the_module_is_imported_under_another(value: str, load: Any, database: str) -> None:
    """A module of its own `Book` and `Prefetch` keeps them."""
    source = (
        f"{HEAD}from tests.library.models import Author\n\nBook = {value}\nPrefetch = {value}\n\n\n"
        "def view():\n"
        "    return [[str(b.publisher) for b in a.books.all()] for a in auto(Author.objects.all())], Book\n"
    )
    paste_and_compare(source, load)


def test_a_module_that_names_models_by_their_module_needs_no_import_of_them(load: Any, database: str) -> None:
    """`models.Author` as the expression, and imports for the rest."""
    source = (
        f"{HEAD}from django.db import models as db\nfrom tests.library import models\n\n\n"
        "def view():\n"
        "    return [[str(b.publisher) for b in a.books.all()] for a in auto(models.Author.objects.all())]\n"
        "\n\nUSED = db\n"
    )
    paste_and_compare(source, load)


# Forms of the expression --------------------------------------------------------------------------------------------

FORMS = {
    "one line": """
def view():
    return [str(book.author) for book in auto(Book.objects.all())]
""",
    "a name": """
def view():
    books = Book.objects.all()
    books = auto(books)
    return [str(book.author) for book in books]
""",
    "chained over lines": """
def view():
    books = auto(
        Book.objects.filter(pages__gt=10)
        .exclude(title="")
        .order_by("pk")
    )
    return [str(book.author) for book in books]
""",
    "chained over lines, with a trailing comma": """
def view():
    books = auto(
        Book.objects.filter(
            pages__gt=10,
        ).order_by("pk"),
    )
    return [str(book.author) for book in books]
""",
    "chained over lines, with comments": """
def view():
    books = auto(  # the books
        Book.objects  # all of them
        # but the thin ones
        .filter(pages__gt=10)  # these
        .order_by("pk")  # in order
    )
    return [str(book.author) for book in books]
""",
    "chained after auto": """
def view():
    books = auto(Book.objects.all()).filter(pages__gt=10).order_by("pk")
    return [str(book.author) for book in books]
""",
    "chained over lines after auto": """
def view():
    books = (
        auto(Book.objects.all())
        .filter(pages__gt=10)
        .order_by("pk")
    )
    return [str(book.author) for book in books]
""",
    "model class": """
def view():
    return [str(book.author) for book in auto(Book)]
""",
    "manager": """
def view():
    return [str(book.author) for book in auto(Book.objects)]
""",
    "related manager": """
def view():
    return [str(book.author) for book in auto(Tag.objects.get(name="old").books)]
""",
    "related set of a name": """
def view():
    tag = Tag.objects.get(name="old")
    return [str(book.author) for book in auto(tag.books.all())]
""",
    "or": """
def view():
    return [str(book.author) for book in auto(Book.objects.filter(pages__gt=200) | Book.objects.filter(pages__lt=150))]
""",
    "and over lines": """
def view():
    books = auto(
        Book.objects.filter(pages__gt=200)
        & Book.objects.filter(pages__lt=400)
    )
    return [str(book.author) for book in books]
""",
    "conditional": """
def view(long=True):
    return [str(book.author) for book in auto(Book.objects.long() if long else Book.objects.all())]
""",
    "walrus": """
def view():
    books = auto(rows := Book.objects.all())
    return [str(book.author) for book in books], rows.count()
""",
    "subscript": """
def view():
    querysets = {"all": Book.objects.all()}
    return [str(book.author) for book in auto(querysets["all"])]
""",
    "slice": """
def view():
    return [str(book.author) for book in auto(Book.objects.all()[:7])]
""",
    "inside a call": """
def view():
    return [str(book.author) for book in list(auto(Book.objects.all()))]
""",
    "inside a call with more arguments": """
def view():
    return [str(book.author) for book in sorted(auto(Book.objects.all()), key=lambda book: book.pk)]
""",
    "get_object_or_404": """
def view():
    book = get_object_or_404(auto(Book), title="Book 07")
    return str(book.author), str(book.publisher)
""",
    "name and ignore": """
def view():
    books = auto(Book.objects.all(), name="the books on show", ignore=("publisher",))
    return [str(book.author) for book in books]
""",
    "as a keyword": """
def view():
    return [str(book.author) for book in auto(source=Book.objects.all())]
""",
    "class attribute": """
class BookList:
    queryset = auto(Book.objects.all())

    def get(self):
        return [str(book.author) for book in self.queryset.all()]


def view():
    return BookList().get()
""",
    "class attribute over lines": """
class BookList:
    queryset = auto(
        Book.objects
        .filter(pages__gt=10)
        .all()
    )

    def get(self):
        return [str(book.author) for book in self.queryset.all()]


def view():
    return BookList().get()
""",
    "get_queryset": """
class BookList(ListView):
    def get_queryset(self):
        return auto(super().get_queryset().filter(pages__gt=10))


def view():
    return [str(book.author) for book in BookList(model=Book).get_queryset()]
""",
    "property": """
class Shop:
    @property
    def books(self):
        return auto(Book.objects.all())


def view():
    return [str(book.author) for book in Shop().books]
""",
    "lambda": """
books = lambda: auto(Book.objects.all())


def view():
    return [str(book.author) for book in books()]
""",
    "comprehension source": """
def view():
    return {book.title: str(book.author) for book in auto(Book.objects.all())}
""",
    "comprehension in a comprehension": """
def view():
    return [[str(book.author) for book in auto(Book.objects.filter(pages__gt=pages))] for pages in (100, 200)][0]
""",
    "generator": """
def rows():
    yield from auto(Book.objects.all())


def view():
    return [str(book.author) for book in rows()]
""",
    "nested function": """
def view():
    def rows():
        return auto(Book.objects.all())

    return [str(book.author) for book in rows()]
""",
    "default argument": """
def view(books=auto(Book.objects.all())):
    return [str(book.author) for book in books.all()]
""",
    "module level": """
BOOKS = auto(Book.objects.all())


def view():
    return [str(book.author) for book in BOOKS.all()]
""",
    "in an f-string": """
def view():
    return f'''{[str(book.author) for book in auto(Book.objects.all())]}'''
""",
    "text beyond ASCII before it": """
def view():
    return ["Bøker på norsk — 日本語", [str(bøk.author) for bøk in auto(Book.objects.exclude(title="Ærø"))]][1]
""",
    "text beyond ASCII over lines": """
def view():
    ø = "Ærø"; bøker = auto(Book.objects.exclude(
        title="日本語",
    ).exclude(title=ø)); return [str(bøk.author) for bøk in bøker]
""",
    "tabs": """
def view():
\tif True:
\t\tbooks = auto(
\t\t\tBook.objects.all()
\t\t)
\t\treturn [str(book.author) for book in books]
""",
    "a string with brackets and quotes": """
def view():
    return [str(book.author) for book in auto(Book.objects.exclude(title=") \\"'auto( # no comment"))]
""",
    "prefetch queryset": """
def view():
    books = auto(Book.objects.prefetch_related(Prefetch("tags", queryset=Tag.objects.order_by("name"))))
    return [(str(book.author), [str(tag) for tag in book.tags.all()]) for book in books]
""",
    "two on a line": """
def view():
    return [str(book.author) for book in auto(Book.objects.all())], [author.name for author in Author.objects.all()]
""",
    "iterator": """
def view():
    return [str(book.author) for book in auto(Book.objects.all()).iterator()]
""",
}

FORM_HEAD = f"""{HEAD}from django.db.models import Prefetch
from django.shortcuts import get_object_or_404
from django.views.generic import ListView

from tests.library.models import Author, Book, Tag

USED = Author, Tag, Prefetch, get_object_or_404, ListView
"""


@pytest.mark.django_db
@pytest.mark.parametrize("form", FORMS)
def test_every_form_of_the_expression_can_be_pasted(form: str, load: Any) -> None:
    """The expression keeps its form, `auto(...)` is taken off, and the methods are put on."""
    suggestion = paste_and_compare(FORM_HEAD + FORMS[form], load)
    assert suggestion.replaces.startswith("auto(")
    assert suggestion.replaces.endswith(")")
    assert suggestion.code.endswith(('.select_related("author")', '.select_related("author", "publisher")'))


@pytest.mark.django_db
def test_a_form_that_is_unlike_black_keeps_its_layout(load: Any) -> None:
    """What is pasted is the source as written, comments and line breaks included."""
    suggestion = paste_and_compare(FORM_HEAD + FORMS["chained over lines, with comments"], load)
    assert "# but the thin ones" in suggestion.code


@pytest.mark.django_db
def test_the_text_names_the_line_quotes_it_and_gives_the_replacement(load: Any) -> None:
    """Fact, place, remedy: the line where the queryset is built, as it is written, and what to write instead."""
    source = FORM_HEAD + FORMS["one line"]
    module = load(source)
    learned(module)
    suggestion = only_suggestion()
    line = next(number for number, text in enumerate(source.splitlines(), start=1) if "auto(Book" in text)
    text = suggestion.as_text()
    assert f"{module.__name__}.py:{line}" in text
    assert "view" in text
    assert "auto(Book.objects.all())" in text
    assert 'Book.objects.all().select_related("author")' in text
    assert "17 queries, now 1" in text
    assert suggestion.model == "library.Book"
    assert list(suggestion.accessed_at) == ["author"]
    assert f"{module.__name__}.py:{line}" in suggestion.accessed_at["author"]


@pytest.mark.django_db
def test_the_text_of_an_expression_over_lines_quotes_all_of_it(load: Any) -> None:
    """Every line of the call and every line of the code is in the text, as it can be copied."""
    learned(load(FORM_HEAD + FORMS["chained over lines"]))
    suggestion = only_suggestion()
    for line in [*suggestion.replaces.splitlines(), *suggestion.code.splitlines()]:
        assert line in suggestion.as_text()


@pytest.mark.django_db
def test_each_of_two_calls_on_one_line_gets_its_own(load: Any) -> None:
    """The columns tell them apart."""
    source = f"""{FORM_HEAD}
def view():
    return [str(b.author) for b in auto(Book.objects.all())], [str(a.mentor) for a in auto(Author.objects.all())]
"""
    plain, warm = learned(load(source))
    first, second = sorted(autoprefetch.suggestions(), key=lambda suggestion: suggestion.replaces)
    edited = pasted(pasted(source, first), second)
    by_hand, *_ = runs(load(edited).view, 0)
    assert by_hand.outcome == plain.outcome
    assert by_hand.queries == warm.queries == 2


@pytest.mark.django_db
def test_each_of_two_lambdas_gets_its_own(load: Any) -> None:
    """Two functions without a name, in one module."""
    source = f"""{FORM_HEAD}
by_author = lambda: [str(book.author) for book in auto(Book.objects.all())]
by_publisher = lambda: [str(book.publisher) for book in auto(Book.objects.order_by("-pk"))]


def view():
    return by_author(), by_publisher()
"""
    learned(load(source))
    codes = {suggestion.replaces: suggestion.code for suggestion in autoprefetch.suggestions()}
    assert codes == {
        "auto(Book.objects.all())": 'Book.objects.all().select_related("author")',
        'auto(Book.objects.order_by("-pk"))': 'Book.objects.order_by("-pk").select_related("publisher")',
    }


@pytest.mark.django_db
def test_without_source_it_gives_the_methods_to_append() -> None:
    """In a shell, or where code is generated, there is no line to quote."""
    names: dict[str, Any] = {"__name__": "nowhere"}
    exec(compile(FORM_HEAD + FORMS["one line"], "<console>", "exec"), names)
    runs(names["view"], 3)
    suggestion = only_suggestion()
    assert suggestion.replaces == ""
    assert suggestion.code == '.select_related("author")'
    assert "Add to your query:" in suggestion.as_text()
    assert '.select_related("author")' in suggestion.as_text()


@pytest.mark.django_db
def test_where_the_source_is_gone_it_gives_the_methods_to_append(load: Any) -> None:
    """A file that was removed after the import."""
    module = load(FORM_HEAD + FORMS["one line"])
    Path(module.__file__ or "").unlink()
    learned(module)
    assert (only_suggestion().replaces, only_suggestion().code) == ("", '.select_related("author")')


@pytest.mark.django_db
def test_where_the_source_has_changed_it_quotes_nothing_that_is_no_call_of_auto(load: Any) -> None:
    """A file that was edited after the import: another call stands at the place now, or none."""
    source = FORM_HEAD + FORMS["one line"]
    module = load(source)
    file = Path(module.__file__ or "")
    file.write_text(source.replace("auto(Book.objects.all())", "list(Book.objects.all())"), encoding="utf-8")
    learned(module)
    assert (only_suggestion().replaces, only_suggestion().code) == ("", '.select_related("author")')


@pytest.mark.django_db
def test_where_auto_has_another_name_it_is_found_all_the_same(load: Any) -> None:
    """`from autoprefetch import auto as automatic`, and `autoprefetch.auto`."""
    for head, call in [
        ("from autoprefetch import auto as automatic", "automatic"),
        ("import autoprefetch", "autoprefetch.auto"),
    ]:
        autoprefetch.reset()
        source = f"{head}\n{FORM_HEAD}{FORMS['one line'].replace('auto(', f'{call}(')}"
        learned(load(source))
        suggestion = only_suggestion()
        assert suggestion.replaces == f"{call}(Book.objects.all())"
        assert suggestion.code == 'Book.objects.all().select_related("author")'


@pytest.mark.django_db
def test_nothing_is_suggested_where_nothing_would_be_saved(load: Any) -> None:
    """A view that loads all it needs already."""
    module = load(FORM_HEAD + FORMS["one line"].replace("Book.objects.all()", 'Book.objects.select_related("author")'))
    runs(module.view, 3)
    assert autoprefetch.suggestions() == []


# Aggregates ---------------------------------------------------------------------------------------------------------

#: name: (the model, what is taken of each row, a part of the code)
AGGREGATES = {
    "sum": ("Author", "row.books.aggregate(total=Sum('pages'))['total']", ".annotate(books_total=Subquery("),
    "average": ("Author", "row.books.aggregate(mean=Avg('pages'))['mean']", 'Avg("pages")'),
    "first and last date": (
        "Author",
        "row.books.aggregate(first=Min('published'), last=Max('published'))",
        'Min("published")',
    ),
    "without a name": ("Author", "row.books.aggregate(Max('title'))", "books_title_max="),
    "with a default": ("Author", "row.books.aggregate(n=Sum('pages', default=0))['n'] + 1", "), 0))"),
    "with a filter": (
        "Author",
        "row.books.aggregate(n=Sum('pages', filter=Q(pages__gt=150, title__contains='1')))['n']",
        'Sum("pages", filter=Q(pages__gt=150, title__contains="1"))',
    ),
    "of some": (
        "Author",
        "row.books.filter(pages__gt=150).order_by('-pages').aggregate(n=Sum('pages'))['n']",
        "gt=150",
    ),
    "of what a tag multiplies": (
        "Author",
        "row.books.filter(tags__name__gt='').aggregate(n=Sum('pages'))['n']",
        "tags",
    ),
    "beside counts and sets": (
        "Author",
        "(row.books.count(), row.books.aggregate(n=Sum('pages'))['n'], row.pupils.count(), len(row.friends.all()))",
        "Count(",
    ),
    "two of the same set": (
        "Author",
        "(row.books.aggregate(a=Sum('pages'))['a'], row.books.aggregate(b=Max('pages'))['b'])",
        "books_b=",
    ),
    "of a key that is not the primary one": ("Imprint", "row.books.aggregate(n=Sum('pages'))['n']", 'OuterRef("code")'),
}


def with_edits(source: str, suggestion: Suggestion) -> str:
    """Paste the code, the imports and the second edits."""
    edited = pasted(source, suggestion)
    for edit in suggestion.edits:
        assert edited.count(edit.replaces) == 1
        edited = edited.replace(edit.replaces, edit.code)
    return edited


@pytest.mark.parametrize("kind", AGGREGATES)
def test_aggregates_can_be_pasted(kind: str, load: Any, database: str) -> None:
    """The values are the same, types included, on each database, for parents without a row, and beside other joins."""
    model, taken, code = AGGREGATES[kind]
    source = module_for(model, f"{model}.objects.all()", taken, "Avg, Max, Min, Q, Sum")
    module = load(source)
    plain, warm = learned(module)
    suggestion = only_suggestion()
    assert code in suggestion.code
    assert not suggestion.left
    written = written_by_fix(module)
    for edited in (with_edits(source, suggestion), written):
        by_hand, *_ = runs(load(edited).view, 0)
        assert (repr(by_hand.outcome), by_hand.outcome) == (repr(plain.outcome), plain.outcome)
        assert by_hand.queries <= warm.queries
        assert by_hand.queries == (2 if "friends" in taken else 1)


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("taken", "reason"),
    [
        ("row.tags.aggregate(n=Max('name'))", "tags is a many-to-many, and only a reverse foreign key is written"),
        ("row.copies.aggregate(n=Max('book__title'))", "book__title is no column of library.Copy"),
        ("row.copies.aggregate(n=Avg('id', default=0))", "its default is of another type than its value"),
    ],
)
def test_aggregates_that_cannot_be_written_with_certainty_say_why(taken: str, reason: str, load: Any) -> None:
    """The rest of the suggestion stands, and `auto()` stays for them."""
    module = load(
        f"{HEAD}from django.db.models import Avg, Max\nfrom tests.library.models import Book\n\n\n"
        f"def view():\n    return [(str(row.author), {taken}) for row in auto(Book.objects.all())]\n"
    )
    learned(module)
    suggestion = only_suggestion()
    assert not suggestion.edits
    assert suggestion.code == 'Book.objects.all().select_related("author")'
    assert [reason in note for note in suggestion.notes if "stays as it is" in note] == [True]
    assert len(suggestion.left) == 1


@pytest.mark.django_db
def test_what_could_not_be_written_keeps_auto(load: Any) -> None:
    """`exists()` of a many-to-many is recognised and not written: without `auto()` it would be a query for each row."""
    module = load(
        f"{HEAD}from tests.library.models import Book\n\n\n"
        "def view():\n    return [(str(row.author), row.tags.exists()) for row in auto(Book.objects.all())]\n"
    )
    learned(module)
    assert [lookup.partition("(")[0] for lookup in only_suggestion().left] == ["tags"]


def test_whether_any_is_asked_by_the_key_that_the_rows_refer_to(load: Any, database: str) -> None:
    """A foreign key to another field than the primary key."""
    source = (
        f"{HEAD}from tests.library.models import Imprint\n\n\n"
        "def view():\n    return [row.books.exists() for row in auto(Imprint.objects.all())]\n"
    )
    plain, _ = learned(load(source))
    by_hand, *_ = runs(load(with_edits(source, only_suggestion())).view, 0)
    assert (by_hand.outcome, by_hand.queries) == (plain.outcome, 1)


#: name: (the models, the queryset, what is taken of each row, the reason)
UNWRITTEN = {
    "an aggregation": (
        "Author",
        "Author.objects.annotate(total=Sum('books__pages')).order_by('pk')",
        "row.total, row.contributions.count()",
        "the query aggregates what is joined to it",
    ),
    "a filter over a to-many relation": (
        "Author",
        "Author.objects.filter(books__pages__gt=100).order_by('pk')",
        "row.books.count()",
        "the query joins a to-many relation",
    ),
    "locked rows": ("Author", "Author.objects.select_for_update()", "row.books.count()", "select_for_update() locks"),
    "distinct rows": ("Author", "Author.objects.distinct()", "row.books.count()", "distinct() would compare"),
    "a raw query": (
        "Author",
        "Author.objects.raw('SELECT * FROM library_author ORDER BY id')",
        "row.books.count()",
        "it is a raw query",
    ),
    "a combined query": (
        "Author",
        "Author.objects.order_by().filter(pk__lt=4).union(Author.objects.order_by().filter(pk__gt=5)).order_by('id')",
        "row.books.count()",
        "combined queries take no annotation",
    ),
    "a combined query, and a slice of each": (
        "Author",
        "Author.objects.order_by().filter(pk__lt=4).union(Author.objects.order_by().filter(pk__gt=5)).order_by('id')",
        "[b.title for b in row.books.order_by('-pages', 'pk')[:2]]",
        "combined queries take no prefetch",
    ),
    "a slice behind a call": ("Author", "top()", "row.books.count()", "a slice cannot be ordered any more"),
    "a default manager of its own": ("Branch", "Branch.objects.order_by('pk')", "row.shelves.count()", "library.Shelf"),
    "pairs that may repeat": (
        "Book",
        "Book.objects.order_by('pk')",
        "row.contributors.count()",
        "library.Contribution may have the same pair more than once",
    ),
    "a table that is written to": (
        "Book",
        "Book.objects.order_by('pk')",
        "(row.copies.count(), bool(row.copies.create(supplier_id=1)), row.copies.count())[::2]",
        "",
    ),
}


@pytest.mark.django_db
@pytest.mark.parametrize("case", UNWRITTEN)
def test_what_might_be_another_answer_is_not_written(case: str, load: Any) -> None:
    """What is pasted and what `fix` writes give what the view gave; where something else is advised, it says why."""
    models, queryset, taken, reason = UNWRITTEN[case]
    module = load(
        f"{HEAD}from django.db import transaction\nfrom django.db.models import Sum\n"
        f"from tests.library.models import {models}, Contribution, Book\n\n\n"
        f"def top():\n    return {models}.objects.all()[:3]\n\n\n"
        "def view():\n"
        "    found = []\n"
        "    with transaction.atomic():\n"
        "        Contribution.objects.bulk_create(\n"
        "            Contribution(book_id=b.pk, author_id=b.author_id, role='again', position=9)\n"
        "            for b in Book.objects.all()[:5]\n"
        "        )\n"
        f"        for row in auto({queryset}):\n"
        f"            found.append([{taken}])\n"
        "        transaction.set_rollback(True)\n"
        "    return found\n\n\nUSED = Sum\n"
    )
    learned(module)
    proposed = proposals({standing.site.key: history for standing, history in engine.known()}, conf.current())
    assert not any("Count(" in one.suggestion.code or one.suggestion.edits for one in proposed)
    for made in (*autoprefetch.suggestions(), *(one.suggestion for one in proposed)):
        assert "Count(" not in made.code
        assert not made.edits
        if made.code and reason:
            assert any(reason in note for note in made.notes)


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("queryset", "taken", "name"),
    [
        ("Book.objects.annotate(copies_count=Value(7))", "row.copies_count, row.copies.count()", "copies_count_"),
        (
            "Book.objects.prefetch_related(Prefetch('copies', to_attr='prefetched_copies'))",
            "len(row.prefetched_copies), [c.pk for c in row.copies.order_by('-pk')[:2]]",
            "prefetched_copies_",
        ),
    ],
)
def test_an_attribute_that_the_query_gives_already_keeps_its_name(
    queryset: str, taken: str, name: str, load: Any
) -> None:
    """The advice takes another one."""
    source = module_for("Book", queryset, f"({taken})", "Prefetch, Value")
    plain, _ = learned(load(source))
    suggestion = only_suggestion()
    assert [edit.name for edit in suggestion.edits] == [name]
    by_hand, *_ = runs(load(with_edits(source, suggestion)).view, 0)
    assert by_hand.outcome == plain.outcome


@pytest.mark.django_db
@pytest.mark.parametrize("how", ["argument", "comment", "setting"])
def test_a_derived_query_that_is_to_stay_lazy_is_not_written(how: str, load: Any) -> None:
    """Whoever says so; and `auto()` is not kept for it."""
    ignore = ", ignore=('copies',)" if how == "argument" else ""
    comment = "  # autoprefetch: ignore[copies] it is small" if how == "comment" else ""
    module = load(
        f"{HEAD}from tests.library.models import Book\n\n\n"
        "def view():\n"
        f"    books = auto(Book.objects.all(){ignore}){comment}\n"
        "    return [(str(book.author), book.copies.count()) for book in books]\n"
    )
    with override(IGNORE=["library.Book.copies"] if how == "setting" else []):
        learned(module)
        suggestion = only_suggestion()
        [proposal] = proposals({standing.site.key: known for standing, known in engine.known()}, conf.current())
    for made in (suggestion, proposal.suggestion):
        assert made.code == 'Book.objects.all().select_related("author")'
        assert (made.edits, made.left) == ((), ())


@pytest.mark.django_db
def test_an_annotation_is_no_query_of_its_own(load: Any) -> None:
    """What is predicted is what the code runs."""
    source = module_for("Book", "Book.objects.all()", "(row.copies.count(), row.tags.count(), row.copies.exists())")
    module = load(source)
    runs(module.view, 1)
    suggestion = only_suggestion()
    assert (suggestion.queries_after, suggestion.measured) == (1, False)
    by_hand, *_ = runs(load(with_edits(source, suggestion)).view, 0)
    assert by_hand.queries == 1


#: What a view does with each author, and how many lines there are to change.
ASKED_AGAIN = {
    "twice in a condition": ("row.books.count() and row.books.count()", "", 2),
    "in another loop over other rows": ("row.books.count()", "other", 1),
    "in a function of its own": ("asked(row)", "", 2),
}


@pytest.mark.django_db
@pytest.mark.parametrize("case", ASKED_AGAIN)
def test_what_is_asked_again_is_changed_at_each_line(case: str, load: Any) -> None:
    """By what is logged, and by `fix`; the rows of another loop are none of this queryset."""
    taken, other, lines = ASKED_AGAIN[case]
    source = (
        f"{HEAD}from django.db.models import Count\nfrom tests.library.models import Author\n\n\n"
        "def asked(author):\n    if author.books.count() > 1:\n        return author.books.count()\n    return 0\n\n\n"
        "def view():\n"
        f"    found = [{taken} for row in auto(Author.objects.all())]\n"
        + ("    found += [row.books.count() for row in Author.objects.all()[:2]]\n" if other else "")
        + "    return found\n\n\nUSED = Count\n"
    )
    module = load(source)
    plain, _ = learned(module)
    assert len(only_suggestion().edits) == lines
    written, *_ = runs(load(written_by_fix(module)).view, 0)
    assert written.outcome == plain.outcome
    assert written.queries == (4 if other else 1)


@pytest.mark.django_db
def test_what_one_way_to_write_a_queryset_forbids_is_written_for_none(load: Any) -> None:
    """A call of `auto()` may get a filter over a to-many relation now and then."""
    module = load(
        f"{HEAD}from tests.library.models import Author\n\n\n"
        "def counts(**only):\n"
        "    return [row.books.count() for row in auto(Author.objects.filter(**only))]\n\n\n"
        "def view():\n    return [counts(**only) for only in ({'books__pages__gt': 1}, {})]\n"
    )
    learned(module)
    assert autoprefetch.suggestions() == []
    assert proposals({standing.site.key: known for standing, known in engine.known()}, conf.current()) == []
