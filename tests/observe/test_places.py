"""Places: where a relation was first touched, in Python and in templates."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import pytest
from django.template import Context, Engine

from autoprefetch import auto, report
from autoprefetch.observe.places import accessed_at
from tests.library.models import Author, Book

pytestmark = [
    pytest.mark.usefixtures("library"),
    pytest.mark.parametrize("database", ["sqlite"], indirect=True),
]

HERE = "tests/observe/test_places.py"

TEMPLATES = {
    "books.html": "<ul>\n{% for book in books %}\n<li>{{ book.author.name }}</li>\n{% endfor %}\n</ul>",
    "condition.html": "{% for book in books %}\n\n{% if book.publisher %}x{% endif %}{% endfor %}",
    "sets.html": "{% for author in authors %}\n{% for book in author.books.all %}{{ book.title }}{% endfor %}"
    "\n{% endfor %}",
    "filtered.html": "{% for book in books %}\n\n\n{{ book.author.name|default:'nobody'|upper }}\n{% endfor %}",
    "with.html": "{% for book in books %}{% with writer=book.author %}\n{{ writer.name }}{% endwith %}{% endfor %}",
    "base.html": "<body>\n{% block content %}{% endblock %}\n</body>",
    "child.html": "{% extends 'base.html' %}\n{% block content %}\n{% for book in books %}\n{{ book.author.name }}"
    "{% endfor %}{% endblock %}",
    "whole.html": "{% for book in books %}{% include 'part.html' %}{% endfor %}",
    "part.html": "\n\n{{ book.author.name }}",
}

ENGINE = Engine(loaders=[("django.template.loaders.locmem.Loader", TEMPLATES)])


def rendered(template: str, **context: Any) -> str:
    return ENGINE.get_template(template).render(Context(context))


def places() -> dict[tuple[str, ...], str]:
    [site] = report().call_sites
    return {path: usage.first_access for path, usage in site.profile.usages.items()}


def test_a_place_in_python_is_file_line_and_function():
    """A person can go there."""
    for book in auto(Book.objects.all()):
        line = sys._getframe().f_lineno + 1
        assert book.author
    assert places() == {("author",): f"{HERE}:{line} test_a_place_in_python_is_file_line_and_function"}


def test_only_the_first_place_is_kept():
    """The first touch tells where to look; later ones are counted and not looked up."""
    books = list(auto(Book.objects.all()))
    line = sys._getframe().f_lineno + 1
    assert books[0].author
    for book in books[1:]:
        assert book.author
    assert places()[("author",)].startswith(f"{HERE}:{line} ")


def test_a_relation_that_str_follows_is_placed_in_str():
    """`str(book)` in a view loads the author in the model's own code."""
    [str(book) for book in auto(Book.objects.all())]
    [place] = places().values()
    assert place.startswith("tests/library/models.py:")
    assert place.endswith(" Book.__str__")


def test_a_relation_behind_a_property_is_placed_in_the_property():
    """So is what a property reaches, each step."""
    [book.publisher_city for book in auto(Book.objects.all())]
    assert set(places()) == {("publisher",), ("publisher", "city")}
    assert all(place.endswith(" Book.publisher_city") for place in places().values())


CALLS: dict[str, Callable[[Book], Any]] = {
    "getattr": lambda book: book.author,
    "a set": lambda book: list(book.tags.all()),
}


@pytest.mark.parametrize("touch", CALLS.values(), ids=CALLS)
def test_a_lambda_is_named(touch):
    """Lambdas at module level have a name as well."""
    [touch(book) for book in auto(Book.objects.all())]
    [place] = places().values()
    assert place.startswith(f"{HERE}:")
    assert place.endswith(" <lambda>")


def test_a_comprehension_is_placed_in_its_function():
    """On every Python, whether or not comprehensions have frames."""
    [book.author for book in auto(Book.objects.all())]
    [place] = places().values()
    assert place.endswith(" test_a_comprehension_is_placed_in_its_function")


@pytest.mark.parametrize(
    ("template", "place"),
    [
        ("books.html", "books.html:3"),
        ("filtered.html", "filtered.html:4"),
        ("with.html", "with.html:1"),
        ("child.html", "child.html:4"),
        ("whole.html", "part.html:3"),
    ],
)
def test_a_place_in_a_template_is_its_name_and_line(template, place):
    """The template and the line that hold the tag or the variable, also behind extends and include."""
    rendered(template, books=auto(Book.objects.all()))
    assert places()[("author",)] == place


def test_a_condition_in_a_template_is_a_place():
    """`{% if book.publisher %}` loads the publisher."""
    rendered("condition.html", books=auto(Book.objects.all()))
    assert places() == {("publisher",): "condition.html:3"}


def test_a_loop_over_a_relation_in_a_template_is_a_place():
    """`{% for book in author.books.all %}` loads the books."""
    rendered("sets.html", authors=auto(Author.objects.all()))
    assert places() == {("books",): "sets.html:2"}


def test_python_that_a_template_calls_is_the_place():
    """`{{ book }}` runs `Book.__str__`, and that is the code which touches the author."""
    template = ENGINE.from_string("{% for book in books %}{{ book }}{% endfor %}")
    template.render(Context({"books": auto(Book.objects.all())}))
    assert places()[("author",)].endswith(" Book.__str__")


def test_a_template_from_a_string_is_a_place_with_its_line():
    """It has no name of its own, and Django's word for that is kept."""
    template = ENGINE.from_string("\n{% for book in books %}{{ book.author.name }}{% endfor %}")
    template.render(Context({"books": auto(Book.objects.all())}))
    assert places()[("author",)] == "<unknown source>:2"


def test_the_place_of_now_is_the_caller():
    """`accessed_at` answers for the code that runs."""
    place = accessed_at()
    assert place.startswith(f"{HERE}:")
    assert place.endswith(" test_the_place_of_now_is_the_caller")


def test_without_application_frames_there_is_no_place():
    """A library that touches a relation by itself, on a stack of its own, has no place to name."""
    namespace: dict[str, Any] = {"__name__": "somebody.library", "frames": []}
    exec(compile("import sys\nframes.append(sys._getframe())", __import__("textwrap").__file__, "exec"), namespace)

    class Alone:
        f_code = namespace["frames"][0].f_code
        f_globals = namespace
        f_lasti = 0
        f_back = None

    assert accessed_at(_getframe=lambda level: Alone) == ""  # type: ignore[arg-type,return-value]
