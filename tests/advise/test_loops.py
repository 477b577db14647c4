"""Whether a name can only be a row of one queryset."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from autoprefetch.advise.loops import is_in_loop_over
from autoprefetch.learn.profiles import Span

#: In each of these `row.books.first()` is about rows of `auto(rows)`, and of nothing else.
CERTAIN = {
    "a comprehension": "x = [row.books.first() for row in auto(rows)]",
    "a loop": "for row in auto(rows):\n    print(row.books.first())",
    "an async loop": "async def f():\n    async for row in auto(rows):\n        row.books.first()",
    "a name": "found = auto(rows)\nx = {row.books.first(): 1 for row in found}",
    "a name in a function": "def f(rows):\n    a = auto(rows)\n    for row in a:\n        return row.books.first()",
    "a loop in a loop": "for row in auto(rows):\n    for tag in row.tags.all():\n        row.books.first()",
    "a comprehension in another loop": "for a in rows:\n    x = [row.books.first() for row in auto(rows)]",
    "two loops by one name": "for row in others:\n    pass\nfor row in auto(rows):\n    row.books.first()",
    "a lambda": "f = lambda: (row.books.first() for row in auto(rows))",
}

#: And in these it may be about others.
UNCERTAIN = {
    "rows of two querysets": "for row in [*auto(rows), *others]:\n    row.books.first()",
    "chained": "for row in chain(auto(rows), others):\n    row.books.first()",
    "a name that is bound again": "a = auto(rows)\na = others or a\nfor row in a:\n    row.books.first()",
    "a name that is bound elsewhere": "def f():\n    found = auto(rows)\nfor row in found:\n    row.books.first()",
    "a parameter": "def f(a):\n    if not a:\n        a = auto(rows)\n    for row in a:\n        row.books.first()",
    "a row that is bound again": "for row in auto(rows):\n    row = row.mentor or row\n    row.books.first()",
    "after the loop": "for row in auto(rows):\n    pass\nrow.books.first()",
    "another function": "def f(row):\n    return row.books.first()\nfor row in auto(rows):\n    f(row)",
    "a shadow": "for row in auto(rows):\n    x = [row.books.first() for row in others]",
    "a global": "def f():\n    global a\n    a = others\na = auto(rows)\nfor row in a:\n    row.books.first()",
    "unpacked": "for row, other in auto(rows):\n    row.books.first()",
    "what a loop goes over": "for x in row.books.first():\n    auto(rows)",
    "sorted": "for row in sorted(auto(rows)):\n    row.books.first()",
}


def spans(file: Path) -> tuple[Span, Span]:
    """Return where `auto(rows)` and `row.books.first` are."""
    found = {}
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.expr):
            text = ast.unparse(node)
            found.setdefault(
                text, (str(file), node.lineno, node.end_lineno or 0, node.col_offset, node.end_col_offset or 0)
            )
    return found["auto(rows)"], found["row.books"]


@pytest.mark.parametrize("kind", CERTAIN)
def test_a_loop_over_the_queryset_is_certain(kind: str, tmp_path: Path) -> None:
    """Directly, or by a name for it."""
    file = tmp_path / "module.py"
    file.write_text(CERTAIN[kind])
    assert is_in_loop_over(*spans(file), "row")


@pytest.mark.parametrize("kind", UNCERTAIN)
def test_anything_else_is_not(kind: str, tmp_path: Path) -> None:
    """Another row may come by."""
    file = tmp_path / "module.py"
    file.write_text(UNCERTAIN[kind])
    assert not is_in_loop_over(*spans(file), "row")


def test_places_that_are_not_known_are_not_certain(tmp_path: Path) -> None:
    """Nor are those of another file, or of one that is no Python."""
    file, other = tmp_path / "module.py", tmp_path / "other.py"
    file.write_text(CERTAIN["a loop"])
    other.write_text(CERTAIN["a loop"])
    call, place = spans(file)
    assert not is_in_loop_over((), place, "row")
    assert not is_in_loop_over(call, spans(other)[1], "row")
    file.write_text("for row in auto(rows")
    assert not is_in_loop_over(call, place, "row")
