"""Attributes: what a fix gives the instances of a queryset, and who else gives or asks for something of the same name.

Code that is reached by other rows, too, asks each whether it has the attribute. It may only do so where nobody but the
fix gives any instance one of that name.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator

from autoprefetch.advise.scanning import Scanned
from autoprefetch.advise.trees import expression_of, parsed
from autoprefetch.advise.writing import Edit

_ASKING = frozenset({"getattr", "hasattr"})


def attributes_of(edit: Edit) -> frozenset[str]:
    """Return the attributes that the code of an edit reads, of those that the first change gives the instances."""
    if not edit.name:
        return frozenset()
    receiver = _unparsed(edit.receiver)
    nodes = ast.walk(expression_of(edit.code))
    found = (node for node in nodes if isinstance(node, ast.Attribute) and ast.unparse(node.value) == receiver)
    return frozenset({edit.name, *(node.attr for node in found)})


def meaning_of(expression: str, receiver: str) -> str:
    """Return what an expression asks of an instance, whatever that is called."""
    return _unparsed(expression).removeprefix(_unparsed(receiver))


def _unparsed(expression: str) -> str:
    return ast.unparse(expression_of(expression))


def given_at(name: str, source: Iterable[Scanned]) -> str:
    """Return where the source has an attribute of a name, or may give instances one; "" where it has none."""
    return next((f"{one.path}:{line}" for one in _with(name, source) for line in _given(name, parsed(one.lines))), "")


def _given(name: str, tree: ast.AST) -> Iterator[int]:
    """Yield the lines of a syntax tree where an attribute of a name is read, written, named or defined."""
    in_sql = re.compile(rf"\bas\s+[\"`\[]?{name}\b", re.IGNORECASE)
    for node in ast.walk(tree):
        named = {getattr(node, field, None) for field in ("attr", "name")} if not isinstance(node, ast.alias) else {}
        is_named = name in named or (isinstance(node, ast.keyword) and node.arg == name)
        is_text = isinstance(node, ast.Constant) and isinstance(node.value, str)
        text = node.value if is_text else ""  # type: ignore[attr-defined]
        if is_named or text == name or (text and in_sql.search(text)):
            yield int(getattr(node, "lineno", 0))
        elif isinstance(node, ast.ClassDef):
            targets = (inner for part in node.body for inner in ast.walk(part) if isinstance(inner, ast.Name))
            yield from (one.lineno for one in targets if one.id == name and isinstance(one.ctx, ast.Store))


def asked_at(name: str, meaning: str, source: Iterable[Scanned]) -> str:
    """Return where the source asks instances whether they have an attribute, for another meaning; "" nowhere."""
    return next((f"{one.path}:{line}" for one in _with(name, source) for line in _asked(name, meaning, one)), "")


def _asked(name: str, meaning: str, one: Scanned) -> Iterator[int]:
    tree = parsed(one.lines)
    same = {node.test for node in ast.walk(tree) if isinstance(node, ast.IfExp) and _guarded(node) == meaning}
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in _ASKING:
            values = [argument.value for argument in node.args if isinstance(argument, ast.Constant)]
            if name in values and node not in same:
                yield node.lineno


def _guarded(node: ast.IfExp) -> str:
    """Return what is asked of an instance that lacks an attribute, as a fix writes it; "" where it is no such code."""
    is_test = isinstance(node.test, ast.Call) and len(node.test.args) > 1
    return meaning_of(ast.unparse(node.orelse), ast.unparse(node.test.args[0])) if is_test else ""  # type: ignore[attr-defined]


def _with(name: str, source: Iterable[Scanned]) -> Iterator[Scanned]:
    return (one for one in source if any(name in line for line in one.lines))
