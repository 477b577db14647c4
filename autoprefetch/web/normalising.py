"""Normalising: SQL without its values, so that similar statements are one and nothing secret is shown.

Values are masked by the quoting rules of the database, and sqlparse reads what is left. What cannot be told from a
value is hidden with all that follows: an escaped quote on MySQL, a comment in a comment, a quote that does not end.
"""

from __future__ import annotations

import re

from django.apps import apps
from sqlparse import lexer
from sqlparse import tokens as kinds

LONGEST = 100_000
"""Characters of a statement that are read."""

SHOWN = 2_000
"""Characters of the normalised statement that are kept."""

_COMMENTS = r"/\*(?:[^*/]|\*(?!/)|/(?!\*))*\*/|/\*.*\Z"
_NUMBERS = r"(?<![\w$])\d[\w.]*|%s|%\(\w+\)s|\b(?:true|false)\b"
_STANDARD = re.compile(
    r'(?P<name>"(?:[^"]|"")*")'
    r"|(?<!\w)[nN]?[qQ]'.*\Z"  # Oracle's own quotes
    r"|(?<!\w)[eE]'(?:[^'\\]|\\.|'')*(?:'|\Z)"
    r"|'(?:[^']|'')*(?:'|\Z)"
    r'|"[^"]*\Z'
    r"|\$(?P<tag>\w*)\$.*?(?:\$(?P=tag)\$|\Z)"
    rf"|--[^\n]*|{_COMMENTS}|{_NUMBERS}",
    re.DOTALL | re.IGNORECASE,
)
_MYSQL = re.compile(
    r"(?P<name>`(?:[^`]|``)*`)"
    r"|'(?:[^'\\]|''|\\[^'])*(?:'|\\'.*\Z|\Z)"
    r'|"(?:[^"\\]|""|\\[^"])*(?:"|\\".*\Z|\Z)'
    rf"|--(?=\s|\Z)[^\n]*|#[^\n]*|{_COMMENTS}|{_NUMBERS}",
    re.DOTALL | re.IGNORECASE,
)
_LIST = re.compile(r"\?(?:\s*,\s*\?)+")
_ROWS = re.compile(r"\(\?\)(?:\s*,\s*\(\?\))+")


def masked(sql: str, vendor: str) -> str:
    """Return a statement with "?" for its values; lists of values of any length are one.

    Args:
        sql: as it is sent, with placeholders.
        vendor: of the database, as Django names it; it tells how values are quoted.
    """
    pattern = _MYSQL if vendor == "mysql" else _STANDARD
    text = pattern.sub(lambda found: found[0] if found.lastgroup == "name" else "?", sql[:LONGEST])
    return _ROWS.sub("(?)", _LIST.sub("?", text))[:SHOWN]


def normalised(text: str) -> str:
    """Return a masked statement as sqlparse reads it, on one line; quoted names that no model has count as values.

    SQLite takes a name in double quotes that it does not know for a string.
    """
    known, found = _names(), []
    tokens = list(lexer.tokenize(text))  # type: ignore[no-untyped-call]
    for at, (kind, value) in enumerate(tokens):
        if kind in kinds.Comment:
            continue
        is_quoted = value.startswith('"')
        beside = {tokens[near][1] for near in (at - 1, at + 1) if 0 <= near < len(tokens)}
        if is_quoted:
            found.append(value if "." in beside or value.strip('"') in known else "?")
        else:
            found.append("?" if kind in kinds.Literal else value)
    return " ".join("".join(found).split())


def _names() -> frozenset[str]:
    models = apps.get_models(include_auto_created=True)
    tables = {model._meta.db_table for model in models}
    columns = {str(field.column) for model in models for field in model._meta.local_concrete_fields}
    return frozenset(tables | columns)
