"""Expressions: the call of `auto()` as it is written, and what tells whether it was changed."""

from __future__ import annotations

import ast
import linecache
from hashlib import sha256
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from autoprefetch.observe.callsites import Location

_DIGITS = 8


def call_at(origin: Location) -> tuple[str, str, ast.Call] | None:
    """Read the call that is running at a place.

    Returns:
        it as written, the text that was parsed, in brackets, and its syntax tree; None when there is no source, or
        another call stands there now.
    """
    call = _segment(origin)
    if call is None:
        return None
    text = f"({call}\n)"  # so that a call over several lines parses wherever its lines are indented
    try:
        node = ast.parse(text, mode="eval").body
    except SyntaxError:
        return None
    is_same = isinstance(node, ast.Call) and called(node.func) in ("", origin.step.partition("#")[0])
    return (call, text, node) if isinstance(node, ast.Call) and is_same else None


def digest(origin: Location) -> str:
    """Return what changes with the syntax tree of a call and not with its layout; "" where there is no source.

    It is the tree written out again, which is the same in each version of Python; `ast.dump` is not.
    """
    found = call_at(origin)
    return digest_of(found[2]) if found is not None else ""


def digest_of(node: ast.expr) -> str:
    """Return what changes with a syntax tree."""
    return sha256(ast.unparse(node).encode()).hexdigest()[:_DIGITS]


def called(callee: ast.expr) -> str:
    """Return the name of what is called; "" where it has none."""
    return callee.attr if isinstance(callee, ast.Attribute) else callee.id if isinstance(callee, ast.Name) else ""


def _segment(origin: Location) -> str | None:
    if origin.column < 0 or origin.end_column < 0:
        return None
    linecache.checkcache(origin.file)
    lines = linecache.getlines(origin.file)[origin.line - 1 : origin.end_line]
    if len(lines) != origin.end_line - origin.line + 1:
        return None
    # Columns are counted in bytes of UTF-8.
    encoded = [line.encode() for line in lines]
    encoded[-1] = encoded[-1][: origin.end_column]
    encoded[0] = encoded[0][origin.column :]
    return b"".join(encoded).decode(errors="replace")
