"""Queries that were sent: when, for how long, and what, without their values."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from autoprefetch.web.normalising import masked, normalised

if TYPE_CHECKING:
    from collections.abc import Iterable

# A name after FROM, and the brackets that tell whether it stands in a subquery.
FROM = re.compile(r"""[()]|\bFROM\s+["`]?(\w+)""", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class SentQuery:
    """One statement of one request.

    Args:
        started: Seconds from the beginning of the request.
        seconds: Until its answer, the simulated round trip with it.
        sql: As it was sent, with placeholders for its parameters.
        vendor: Of the database, as Django names it.
    """

    started: float
    seconds: float
    sql: str
    vendor: str

    def statement(self) -> str:
        """Return the SQL with "?" for each value, lists of values of any length alike."""
        return normalised(masked(self.sql, self.vendor))

    def table(self) -> str:
        """Return the table that the statement is about: the first of its outermost FROM."""
        return table_of(self.sql)


def table_of(sql: str) -> str:
    """Name the first table of the outermost FROM that has one; of arms and subqueries the first."""
    depth, inner = 0, ""
    for found in FROM.finditer(sql):
        if found[0] == "(":
            depth += 1
        elif found[0] == ")":
            depth -= 1
        elif depth == 0:
            return found[1]
        else:
            inner = inner or found[1]
    return inner or "other"


@dataclass(frozen=True, slots=True)
class Statement:
    """Queries that differ in their values alone.

    Args:
        sql: What they have in common.
        queries: How many they are.
        milliseconds: What all of them took.
    """

    sql: str
    queries: int
    milliseconds: float


def statements(sent: Iterable[SentQuery]) -> list[Statement]:
    """Group queries that differ in their values alone, as they first came."""
    forms: dict[str, str] = {}
    groups: dict[str, list[float]] = {}
    for query in sent:
        if query.sql not in forms:
            forms[query.sql] = query.statement()
        groups.setdefault(forms[query.sql], []).append(query.seconds)
    return [Statement(sql, len(seconds), sum(seconds) * 1000) for sql, seconds in groups.items()]
