"""Aggregating: what `.aggregate(total=Sum("amount"))` asks for, as it is written."""

from __future__ import annotations

import ast
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.db.models import Avg, Max, Min, Q, Sum

_FUNCTIONS = (Avg, Max, Min, Sum)


@dataclass(frozen=True, slots=True)
class Aggregate:
    """One aggregate of a derived query.

    Attributes:
        alias: the key of its value.
        function: `Avg`, `Max`, `Min` or `Sum`.
        column: what it aggregates, as a lookup.
        only: the conditions of the rows that it counts, each a lookup and a literal value.
        default: its value where there is no row, where one is given.
    """

    alias: str
    function: type[Any]
    column: str
    only: tuple[tuple[str, Any], ...] = ()
    default: int | None = None

    def expression(self) -> Any:
        """Return it as Django's own."""
        return self.function(self.column, filter=Q(**dict(self.only)) if self.only else None, default=self.default)


def aggregates_of(call: ast.Call, file: str) -> tuple[Aggregate, ...] | None:
    """Read the arguments of a call of `aggregate()`.

    Args:
        call: that.
        file: where it is written.

    Returns:
        None unless each is one of Django's functions for one column, with a filter and a default that are literal.
    """
    names = _names_in(file)
    named = [(keyword.arg, keyword.value) for keyword in call.keywords]
    found = [_aggregate(alias, node, names) for alias, node in [*((None, arg) for arg in call.args), *named]]
    known = tuple(one for one in found if one is not None)
    is_clear = bool(found) and len(known) == len(found) and all(keyword.arg for keyword in call.keywords)
    return known if is_clear else None


def _aggregate(alias: str | None, node: ast.expr, names: Mapping[str, Any]) -> Aggregate | None:
    if (
        not isinstance(node, ast.Call)
        or len(node.args) != 1
        or (function := _named(node.func, names)) not in _FUNCTIONS
    ):
        return None
    given = {keyword.arg: keyword.value for keyword in node.keywords}
    column, default = _literal(node.args[0]), _literal(given["default"]) if "default" in given else None
    only = _conditions(given["filter"], names) if "filter" in given else ()
    is_known = type(column) is str and only is not None and ("default" not in given or type(default) is int)
    if not is_known or not given.keys() <= {"filter", "default"}:
        return None
    return Aggregate(alias or f"{column}__{function.__name__.lower()}", function, column, only or (), default)


def _conditions(node: ast.expr, names: Mapping[str, Any]) -> tuple[tuple[str, Any], ...] | None:
    if not isinstance(node, ast.Call) or node.args or _named(node.func, names) is not Q:
        return None
    values = [(keyword.arg or "", _literal(keyword.value)) for keyword in node.keywords]
    return tuple(values) if values and all(name and value is not _UNKNOWN for name, value in values) else None


_UNKNOWN: Any = object()


def _literal(node: ast.expr) -> Any:
    """Return a value whose `repr` is code for it."""
    try:
        value = ast.literal_eval(node)
    except ValueError:
        return _UNKNOWN
    return value if isinstance(value, (str, int, float, bool)) else _UNKNOWN


def _named(node: ast.expr, names: Mapping[str, Any]) -> Any:
    """Return what a name, or an attribute of one, is bound to in the module."""
    if isinstance(node, ast.Name):
        return names.get(node.id)
    if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
        return getattr(names.get(node.value.id), node.attr, None)
    return None


def _names_in(file: str) -> Mapping[str, Any]:
    """Return what the module of a file has bound; nothing where it is not imported here."""
    modules = (module for module in list(sys.modules.values()) if getattr(module, "__file__", None) == file)
    return next((vars(module) for module in modules), {})
