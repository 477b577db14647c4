"""Arms: the statements of many peers as one, each in its own words.

An arm is the plain statement of one peer with the key of another; each ends where its own LIMIT ends, and ties fall as
they would. The place of the key is marked by a lookup of our own while the statement is compiled.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any
from uuid import UUID

from autoprefetch.orm.parameters import exactly

KEY = "autoprefetch_key"
_PARENTS = "autoprefetch_parents"
_REMEMBERED = 1_000
_IN_ARRAYS = (int, str, UUID)  # what psycopg 2 and 3 write as an array of its own type, integers of each size too


class KeyParameter:
    """Stands in the parameters where the parent's key goes."""

    __slots__ = ("value",)

    def __init__(self, value: Any) -> None:
        self.value = value


class Keyed:
    """The related manager's comparison while it is compiled: its parameter is marked."""

    conditional = True
    contains_aggregate = False
    contains_over_clause = False

    def __init__(self, node: Any) -> None:
        self.node = node

    def as_sql(self, compiler: Any, connection: Any) -> tuple[str, list[Any]]:
        """Compile the comparison, and mark its parameter."""
        sql, params = compiler.compile(self.node)
        return sql, [KeyParameter(param) for param in params]

    def __getattr__(self, name: str) -> Any:
        return getattr(self.node, name)


class Correlated(Keyed):
    """The same comparison where it reads the key from the row of the parent."""

    def as_sql(self, compiler: Any, connection: Any) -> tuple[str, list[Any]]:
        """Compare with the key of the row beside it."""
        sql, params = compiler.compile(self.node.lhs)
        return f"{sql} = {_PARENTS}.{KEY}", list(params)


_short: dict[tuple[str, str], str] = {}


def shortened(sql: str, params: Sequence[Any], compiler: Any, node: Any) -> str:
    """Return a compiled statement with short names for its tables.

    A database reads the names once for each arm, and Django's backend for SQLite looks for placeholders among them.

    Args:
        sql: the statement.
        params: its parameters, with that of the key marked.
        compiler: that of the statement; it names its tables and has no subqueries.
        node: the comparison with the key.

    Returns:
        a statement with the same parameters; the same where names cannot all be shortened.
    """
    known = _short.get((sql, compiler.using))
    if known is None:
        if len(_short) >= _REMEMBERED:
            _short.clear()
        short, others = _renamed(compiler, node)
        quote = compiler.connection.ops.quote_name
        is_whole = not any(f"{quote(alias)}." in short for alias in compiler.query.alias_map)
        known = short if is_whole and [*map(_exactly, params)] == [*map(_exactly, others)] else sql
        _short[sql, compiler.using] = known
    return known


def _renamed(compiler: Any, node: Any) -> tuple[str, Sequence[Any]]:
    query = compiler.query.chain()
    at = next(at for at, child in enumerate(query.where.children) if child is node)
    query.change_aliases({alias: f"a{number}" for number, alias in enumerate(query.alias_map, 1)})
    query.where.children[at] = Keyed(query.where.children[at])
    renamed = query.get_compiler(compiler.using)
    statement: tuple[str, Sequence[Any]] = renamed.as_sql()
    return statement


def _exactly(param: Any) -> Any:
    return KeyParameter if type(param) is KeyParameter else exactly(param)


def union(arm: str, params: Sequence[Any], keys: Sequence[Any], vendor: str) -> tuple[str, list[Any]]:
    """Repeat a statement for each key, prepared for the database; SQLite reads no name of an arm that needs none."""
    values = [key if type(param) is KeyParameter else param for key in keys for param in params]
    name = "" if vendor == "sqlite" else " AS arm"
    return " UNION ALL ".join([f"SELECT * FROM ({arm}){name}"] * len(keys)), values


def lateral(arm: str, params: Sequence[Any], keys: Sequence[Any], kind: str) -> tuple[str, list[Any]]:
    """Have PostgreSQL run a correlated statement for each key, prepared for a column of a type.

    Keys of a plain type are one parameter, which takes less time to send and to read than one for each.
    """
    if len({type(key) for key in keys}) == 1 and isinstance(keys[0], _IN_ARRAYS):
        source, values = f"unnest(%s::{kind}[])", [list(keys)]
    else:
        source, values = f"(VALUES {', '.join([f'(%s::{kind})'] * len(keys))})", list(keys)
    sql = f"SELECT arm.* FROM {source} AS {_PARENTS} ({KEY}) CROSS JOIN LATERAL ({arm}) AS arm"
    return sql, [*values, *params]


def chunks(keys: Sequence[Any], size: int) -> Iterator[Sequence[Any]]:
    """Yield keys, at most so many at a time."""
    return (keys[start : start + size] for start in range(0, len(keys), size))
