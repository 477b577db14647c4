"""The code of the views as the pages show it: read from the files, so that it is what runs."""

from __future__ import annotations

import ast
import inspect
from textwrap import dedent
from types import FunctionType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from django.views import View

    from demo_site.pages import Page


def sources(page: Page) -> dict[str, str]:
    """Return for each view of a page the methods in which it differs from the others."""
    own = [name for name, value in vars(page.auto).items() if isinstance(value, FunctionType)]
    by_hand = [name for name, value in vars(page.hand_written).items() if isinstance(value, FunctionType)]
    return {
        "plain": code(page.plain, by_hand),
        "auto": code(page.auto, own),
        "hand_written": code(page.hand_written, by_hand),
    }


def code(view: type[View], methods: Iterable[str]) -> str:
    """Return methods of a view without their docstrings."""
    return "\n\n".join(without_docstring(dedent(inspect.getsource(getattr(view, name)))) for name in methods)


def without_docstring(source: str) -> str:
    """Drop the docstring of a function's source."""
    (function,) = ast.parse(source).body
    first = function.body[0]  # type: ignore[attr-defined]
    lines = source.rstrip().splitlines()
    if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant):
        del lines[first.lineno - 1 : first.end_lineno]
    return "\n".join(lines)
