"""Sources: the call of auto() as it stands in the file."""

from __future__ import annotations

import ast
import importlib.util
import itertools
from pathlib import Path
from typing import Any

import pytest

from autoprefetch.advise.sources import names_at, source_of
from autoprefetch.observe.callsites import Location, location_of

_numbers = itertools.count()

PREFIX = """\
from sys import _getframe
places = []
values = [1, 2, 3]
condition = True
class Name:
    x = [0]
    def __getattr__(self, name): return self
    def __call__(self, *args, **kwargs): return self
    def __getitem__(self, key): return self
    def __or__(self, other): return self
Book = Name()
def auto(*args, **kwargs):
    places.append(_getframe(1))
    return list
def outer(value, **kwargs): return value
"""

#: what is written, and the expression that is found
CALLS = [
    ("auto(Book.objects.all())", "Book.objects.all()"),
    ("auto(Book.objects)", "Book.objects"),
    ("auto(Book)", "Book"),
    ("auto(Book.objects.all(), name='x')", "Book.objects.all()"),
    ("auto( Book.objects.all() , ignore=('a',) )", "Book.objects.all()"),
    ("auto((Book.objects.all()))", "Book.objects.all()"),
    ("auto(Book.objects.filter(a=1)[:5])", "Book.objects.filter(a=1)[:5]"),
    ("auto(Book.first | Book.second)", "(Book.first | Book.second)"),
    ("auto(Book.a if condition else Book.b)", "(Book.a if condition else Book.b)"),
    ("auto(condition and Book.objects)", "(condition and Book.objects)"),
    ("outer(auto(Book.objects.all()))", "Book.objects.all()"),
    ("outer(1, a=auto(Book.objects.filter(a=outer(2))), b=3)", "Book.objects.filter(a=outer(2))"),
    ("[auto(Book.objects.filter(a=n)) for n in values]", "Book.objects.filter(a=n)"),
    ("(lambda: auto(Book.objects.all()))()", "Book.objects.all()"),
    ("outer(auto)(Book.objects.all())", "Book.objects.all()"),
    ("auto(Book.objects.filter(name='Søren ✓'))", "Book.objects.filter(name='Søren ✓')"),
    ("outer('ééé ✓', b=auto(Book.objects.filter(name='ø')))", "Book.objects.filter(name='ø')"),
    ("auto(\n    Book.objects.all()\n)", "Book.objects.all()"),
    (
        "auto(\n    Book.objects\n    .filter(a=1)\n    .order_by('b')\n)",
        "(Book.objects\n    .filter(a=1)\n    .order_by('b'))",
    ),
    ("auto(Book.objects.filter(\n    a=1,  # why\n    b=2,\n))", "Book.objects.filter(\n    a=1,  # why\n    b=2,\n)"),
    ("auto(\n    # a comment\n    Book.objects.all(),\n    name='x',\n)", "Book.objects.all()"),
]  # fmt: skip


def places_in(path: Path, source: str) -> list[Location]:
    path.write_text(source, encoding="utf-8")
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    # Frames are read while they run, so the places are taken inside the call.
    namespace: dict[str, Any] = vars(module)
    code = compile(source, str(path), "exec")
    namespace["_location_of"] = location_of
    exec(code, namespace)
    found: list[Location] = namespace["places"]
    return found


def located(tmp_path: Path, call: str) -> list[Location]:
    prefix = PREFIX.replace("places.append(_getframe(1))", "places.append(_location_of(_getframe(1)))")
    return places_in(tmp_path / f"shop_{next(_numbers)}.py", f"{prefix}\nfound = {call}\n")


@pytest.mark.parametrize(("call", "expression"), CALLS, ids=[call.replace("\n", " ") for call, _ in CALLS])
def test_the_expression_is_found_as_it_is_written(call, expression, tmp_path):
    """Whatever stands around it, over however many lines, in whatever letters."""
    for place in located(tmp_path, call):
        source = source_of(place)
        assert source is not None
        assert source.expression == expression
        assert source.call in call


@pytest.mark.parametrize("call", [call for call, _ in CALLS], ids=[call.replace("\n", " ") for call, _ in CALLS])
def test_methods_can_be_put_behind_the_expression(call, tmp_path):
    """The code that is made of it parses where the call stood, and calls a method of the whole expression."""
    [place, *_] = located(tmp_path, call)
    source = source_of(place)
    replaced = f"{call.replace(source.call, source.expression + '.select_related()', 1)}\n"
    tree = ast.parse(f"found = {replaced}")
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)]
    assert any(node.func.attr == "select_related" for node in calls)
    alone = ast.parse(f"{source.expression}.select_related()", mode="eval").body
    assert isinstance(alone, ast.Call)
    assert isinstance(alone.func, ast.Attribute)


@pytest.mark.parametrize("call", ["auto(*[Book.objects.all()])", "auto(**{})", "auto()"])
def test_a_call_without_a_first_argument_has_no_source(call, tmp_path):
    """Then the methods are given to append."""
    [place] = located(tmp_path, call)
    assert source_of(place) is None


def test_a_first_argument_by_its_name_is_found(tmp_path):
    """`auto(source=...)` is the same call."""
    [place] = located(tmp_path, "auto(source=Book.objects.all())")
    source = source_of(place)
    assert (source.call, source.expression) == ("auto(source=Book.objects.all())", "Book.objects.all()")


def test_a_call_in_a_method_that_is_indented_is_found(tmp_path):
    """Code stands in functions, mostly, over several lines."""
    body = (
        "def view():\n    if condition:\n        return auto(\n            Book.objects.filter(\n"
        "                a=1,\n            )\n        )\nview()"
    )
    [place] = places_in(
        tmp_path / "shop_indented.py",
        PREFIX.replace("places.append(_getframe(1))", "places.append(_location_of(_getframe(1)))") + body,
    )
    assert source_of(place).expression == "Book.objects.filter(\n                a=1,\n            )"


def test_code_without_a_file_has_no_source():
    """A shell, exec(), a zipped module without its source."""
    namespace: dict[str, Any] = {"_location_of": location_of}
    source = PREFIX.replace("places.append(_getframe(1))", "places.append(_location_of(_getframe(1)))")
    exec(compile(f"{source}\nauto(Book.objects.all())", "<console>", "exec"), namespace)
    [place] = namespace["places"]
    assert source_of(place) is None


def test_a_file_that_has_changed_has_no_source(tmp_path):
    """Lines that moved under a running process would give the wrong expression."""
    [place] = located(tmp_path, "auto(Book.objects.all())")
    path = Path(place.file)
    for changed in ["x = 1\n" * 40, "", "auto(\n" * 40]:
        path.write_text(changed)
        assert source_of(place) is None


def test_a_file_that_is_gone_has_no_source(tmp_path):
    """Nothing raises."""
    [place] = located(tmp_path, "auto(Book.objects.all())")
    Path(place.file).unlink()
    assert source_of(place) is None


def test_a_file_whose_lines_moved_does_not_give_the_call_of_another(tmp_path):
    """Another call of auto() that came to stand at the same place is not the one that ran."""
    [place] = located(tmp_path, "auto(Book.objects.all())")
    path = Path(place.file)
    path.write_text(path.read_text().replace("auto(Book.objects.all())", "vars(Book.objects.all())"))
    assert source_of(place) is None


def test_the_names_of_a_module_are_those_it_has_bound():
    """To know which imports are missing."""

    def here() -> Location:
        import sys

        return location_of(sys._getframe())

    names = names_at(here())
    assert names["Location"] is Location
    assert "Prefetch" not in names


def test_a_module_that_is_not_imported_has_no_names():
    """A console, or a module that was removed."""
    namespace: dict[str, Any] = {"__name__": "nowhere.at.all", "_location_of": location_of}
    exec("from sys import _getframe\nplace = _location_of(_getframe())", namespace)
    assert dict(names_at(namespace["place"])) == {}
