"""Statements: the SQL of a request, alike but for its values, counted. Values never leave this module."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

from sqlparse import lexer
from sqlparse import tokens as kinds

LONGEST = 10_000
"""Text up to which a statement is read (characters); sqlparse takes some milliseconds for that."""

SHOWN = 160
"""Text of a statement that is shown at the most (characters)."""

VALUE = "?"
_KEPT = (kinds.Keyword, kinds.Name, kinds.Punctuation, kinds.Operator, kinds.Wildcard, kinds.Assignment)
_LIST = re.compile(r"\( ?\?(?: ?, ?\?)+ ?\)")
_COLUMNS = re.compile(r"^(SELECT (?:DISTINCT )?).{40,}? FROM ", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Similar:
    """Statements that differ in their values only.

    Attributes:
        sql: their text with a question mark for each value, shortened.
        queries: how many ran.
        seconds: what the database took for them (seconds).
        place: the application frame that sent the second one; "" when there was none.
    """

    sql: str
    queries: int
    seconds: float
    place: str = ""


@lru_cache(500)
def normalised(sql: str) -> str:
    """Return SQL without its values: literals and placeholders are question marks, and so is a list of them.

    Only what is known to be no value is kept: words, names, punctuation and operators. Text in double quotes or
    backticks is a name, but where it is said to be a string (MySQL without ANSI_QUOTES), it goes as well.
    """
    if len(sql) > LONGEST:
        return f"a statement of {len(sql):,} characters"
    parts: list[str] = []
    for kind, value in lexer.tokenize(sql):  # type: ignore[no-untyped-call]
        if kind in kinds.Comment:
            continue
        if kind in kinds.Whitespace:
            parts.append(" ")
        elif kind in kinds.Name.Placeholder or not _is_kept(kind, value):
            parts.append(VALUE)
        else:
            parts.append(value)
    text = re.sub(r"\s+", " ", "".join(parts)).strip()
    return _LIST.sub(f"({VALUE})", text)


def _is_kept(kind: object, value: str) -> bool:
    if kind in kinds.Literal.String.Symbol:
        return value[:1] in '"`' and value.isprintable()
    return any(kind in kept for kept in _KEPT) and not value.startswith("$")


def shortened(text: str) -> str:
    """Return normalised SQL as one line that can be read: without a long list of columns."""
    text = _COLUMNS.sub(r"\1... FROM ", text)
    return text if len(text) <= SHOWN else f"{text[: SHOWN - 4]} ..."


def similar(statements: Iterable[Similar]) -> list[Similar]:
    """Group statements by what they are without values.

    Returns:
        those that ran more than once, the one first that ran most often.
    """
    groups: dict[str, Similar] = {}
    for one in statements:
        text = normalised(one.sql)
        known = groups.get(text, Similar(text, 0, 0.0))
        groups[text] = Similar(text, known.queries + one.queries, known.seconds + one.seconds, known.place or one.place)
    found = [Similar(shortened(one.sql), one.queries, one.seconds, one.place) for one in groups.values()]
    return sorted((one for one in found if one.queries > 1), key=lambda one: (-one.queries, -one.seconds, one.sql))
