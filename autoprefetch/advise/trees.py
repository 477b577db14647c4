"""Trees: the syntax tree of a source file, and what stands around a place in it."""

from __future__ import annotations

import ast
import linecache
from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import Any

from autoprefetch.learn.profiles import Span

FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda, ast.Module)
COMPREHENSIONS = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)


def tree_of(file: str) -> ast.Module:
    """Return the syntax tree of a file; an empty one where Python cannot read it."""
    linecache.checkcache(file)
    return parsed(tuple(linecache.getlines(file)))


@lru_cache(maxsize=32)
def parsed(lines: tuple[str, ...]) -> ast.Module:
    """Return the syntax tree of some lines; an empty one where Python cannot read them."""
    try:
        return ast.parse("".join(lines))
    except (SyntaxError, ValueError):
        return ast.Module([], [])


def around(node: ast.AST, place: Span) -> Iterator[ast.AST]:
    """Yield the nodes around a place, from the outermost in."""
    yield node
    for child in ast.iter_child_nodes(node):
        if not hasattr(child, "lineno") or contains(child, place):  # a comprehension, or arguments, has no place itself
            yield from around(child, place)


def contains(node: Any, place: Span) -> bool:
    """Tell whether a place is in a node."""
    if not place or not hasattr(node, "lineno"):
        return False
    start, end = (place[1], place[3]), (place[2], place[4])
    return bool((node.lineno, node.col_offset) <= start and end <= (node.end_lineno, node.end_col_offset))


def position(node: Any) -> tuple[int, ...]:
    """Return where a node stands, as a span has it behind the file."""
    return (node.lineno, node.end_lineno, node.col_offset, node.end_col_offset) if hasattr(node, "lineno") else ()


def expression_at(place: Span, written: str) -> ast.expr | None:
    """Return an expression that stands in the source.

    Args:
        place: where a part of it stands.
        written: all of it, as it is written.

    Returns:
        None where it does not stand there any more.
    """
    wanted = same(written)
    if not place or not wanted:
        return None
    nodes = (node for node in around(tree_of(place[0]), place) if isinstance(node, ast.expr))
    return next((node for node in nodes if ast.dump(node) == wanted), None)


def text_at(place: Span) -> str:
    """Return what stands at a place in the source; "" where there is no such place."""
    if not place:
        return ""
    _, line, end_line, column, end_column = place
    node = ast.Constant(None, lineno=line, end_lineno=end_line, col_offset=column, end_col_offset=end_column)
    return ast.get_source_segment("".join(linecache.getlines(place[0])), node) or ""


def parents_in(file: str) -> dict[ast.AST, ast.AST]:
    """Return the node around each node of the syntax tree of a file."""
    return _parents(tree_of(file))


@lru_cache(maxsize=32)
def _parents(tree: ast.Module) -> dict[ast.AST, ast.AST]:
    return {child: node for node in ast.walk(tree) for child in ast.iter_child_nodes(node)}


def expression_of(written: str) -> ast.expr:
    """Return the syntax tree of an expression, over however many lines it is written.

    Raises:
        SyntaxError: it is none.
    """
    return ast.parse(f"({written}\n)", mode="eval").body


def same(written: str) -> str:
    """Return what two ways to lay out the same expression have in common; "" where it is none."""
    try:
        return ast.dump(expression_of(written))
    except SyntaxError:  # a part of something else, such as the text in an f-string
        return ""


def own_of(function: ast.AST) -> Iterator[ast.AST]:
    """Yield the nodes of a function that are in no function or class within it, and those themselves."""
    for child in ast.iter_child_nodes(function):
        yield child
        if not isinstance(child, (*FUNCTIONS, ast.ClassDef)):
            yield from own_of(child)


def stored(nodes: Iterable[ast.AST]) -> list[str]:
    """Return the names that nodes bind by assignment, as loops and as arguments do, each time."""
    found = list(nodes)
    names = [node.id for node in found if isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load)]
    return names + [node.arg for node in found if isinstance(node, ast.arg)]


def bound_by(nodes: Iterable[ast.AST]) -> frozenset[str]:
    """Return all the names that nodes bind, in whichever way."""
    found = list(nodes)
    names = set(stored(found))
    for node in found:
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            names.add(node.name)
        elif isinstance(node, ast.alias):
            names.add(node.asname or node.name.partition(".")[0])
        elif isinstance(node, (ast.ExceptHandler, ast.MatchAs, ast.MatchStar)) and node.name:
            names.add(node.name)
        elif isinstance(node, ast.MatchMapping) and node.rest:
            names.add(node.rest)
        elif isinstance(node, (ast.Global, ast.Nonlocal)):
            names.update(node.names)
    return frozenset(names)


def is_of_another_scope(nodes: list[ast.AST], name: str) -> bool:
    """Tell whether a function, given its own nodes, or one within it shares a name with a scope around it."""
    inner = (node for one in nodes if isinstance(one, FUNCTIONS) for node in ast.walk(one))
    return any(isinstance(node, (ast.Global, ast.Nonlocal)) and name in node.names for node in (*nodes, *inner))
