"""Effects: which tables a statement may write, and whether that can be said at all.

The ORM's statements say it by their query. SQL that somebody wrote is read word by word with sqlparse's lexer, and
whatever it does not surely understand counts as a write to everything: other statements than SELECT, INSERT and UPDATE,
a WITH clause that writes, a lock, a function that is not one of the well-known ones, a table that is no model's, long
texts. A DELETE is among these, because the database may cascade.

Out of sight is what the database does by itself: triggers, rules, ON UPDATE CASCADE, operators and casts that somebody
defined. What a trigger writes is seen by the next answer that is asked for, as under Django's `prefetch_related`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from django.apps import apps
from django.db.models import CASCADE, PROTECT, RESTRICT, SET, SET_DEFAULT, SET_NULL, Model
from django.db.models.sql import Query
from django.db.models.sql.subqueries import DeleteQuery, InsertQuery, UpdateQuery
from sqlparse import lexer
from sqlparse import tokens as kinds

from autoprefetch.orm.functions import MAY_PRECEDE_BRACKETS

LONGEST = 10_000  # sqlparse reads about 10 kB in 5 ms, and a 1,000-row INSERT in 65 ms


@dataclass(frozen=True, slots=True)
class Effect:
    """What a statement may write.

    Attributes:
        tables: the tables that it names, as models name them.
        everything: whether it may write others too, or be followed by reads that must be fresh.
    """

    tables: frozenset[str] = frozenset()
    everything: bool = False

    def __or__(self, other: Effect) -> Effect:
        """Return what two statements may write."""
        return Effect(self.tables | other.tables, self.everything or other.everything)


NOTHING = Effect()
EVERYTHING = Effect(everything=True)


# Statements of the ORM ----------------------------------------------------------------------------------------------


_WRITING = (InsertQuery, UpdateQuery, DeleteQuery)


def reads(query: Query) -> bool:
    """Tell whether the statement that a compiler makes of a query only reads; functions in it are taken to be pure."""
    return not (isinstance(query, _WRITING) or query.select_for_update)


def of_query(query: Query) -> Effect:
    """Return the effect of the statement that a compiler makes of a query."""
    if not isinstance(query, _WRITING):
        return EVERYTHING if query.select_for_update else NOTHING
    meta: Any = query.get_meta()
    if not meta.managed:
        return EVERYTHING  # it may be a view, which writes through
    return _deletion(meta.model) if isinstance(query, DeleteQuery) else Effect(frozenset({meta.db_table}))


_HANDLED_BY_DJANGO = {CASCADE, PROTECT, RESTRICT, SET_NULL, SET_DEFAULT}


@lru_cache(maxsize=1024)  # migrations make models of their own
def _deletion(model: type[Model]) -> Effect:
    """Return what goes when rows of a model are deleted, save what Django deletes or updates by further statements.

    `DO_NOTHING` leaves it to the database, and so do `DB_CASCADE` and its like from Django 6.1 on.
    """
    reached, left = {model}, [model]
    while left:
        for relation in left.pop()._meta.get_fields(include_hidden=True):
            found: Any = relation.related_model if _is_left_to_the_database(relation) else None
            if found is not None and found not in reached:
                reached.add(found)
                left.append(found)
    return Effect(frozenset(m._meta.db_table for m in reached), not all(m._meta.managed for m in reached))


def _is_left_to_the_database(relation: Any) -> bool:
    on_delete = getattr(relation, "on_delete", None) if relation.auto_created and not relation.concrete else None
    # `SET(value)` is Django's work too: a function that it has given a `deconstruct`.
    is_set = getattr(on_delete, "__qualname__", "").startswith(f"{SET.__name__}.")
    return on_delete is not None and on_delete not in _HANDLED_BY_DJANGO and not is_set


# Names of tables ----------------------------------------------------------------------------------------------------


class _Names:
    """The tables of all models, by the name that SQL may give them."""

    def __init__(self, models: Sequence[type[Model]]) -> None:
        self.models = models
        self.unmanaged = frozenset(m._meta.db_table for m in models if not m._meta.managed)
        self.by_name: dict[str, frozenset[str]] = {}
        for model in models:
            # Some projects write `schema"."table` for a table of another schema.
            name = model._meta.db_table.rpartition(".")[2].strip('"`').casefold()
            self.by_name[name] = self.by_name.get(name, frozenset()) | {model._meta.db_table}


_names = _Names([])


def _known_names() -> _Names:
    global _names  # noqa: PLW0603  (made anew when a model is added)
    models = apps.get_models(include_auto_created=True)  # the same list each time, until then
    if _names.models is not models:
        _names = _Names(models)
    return _names


def nameable(tables: frozenset[str]) -> frozenset[str] | None:
    """Return tables that a statement reads, or None when one is unmanaged: it may be a view, and others its tables."""
    return tables if tables.isdisjoint(_known_names().unmanaged) else None


def _written(name: str) -> Effect:
    names = _known_names()
    tables = names.by_name.get(name.strip('"`').casefold(), frozenset())
    return Effect(tables, not tables or not tables.isdisjoint(names.unmanaged))


# SQL that somebody wrote --------------------------------------------------------------------------------------------


def of_sql(sql: Any) -> Effect:
    """Return the effect of SQL text, bytes included."""
    if isinstance(sql, bytes):
        sql = sql.decode(errors="replace")
    if not isinstance(sql, str) or len(sql) > LONGEST:
        return EVERYTHING
    if sql.startswith(_SAVEPOINTS) and ";" not in sql:
        return NOTHING  # their names are new each time, and would drive others from the cache
    names, everything = _read(sql)
    effect = Effect(everything=everything)
    for name in names:
        effect |= _written(name)
    return effect


def locks(sql: str) -> bool:
    """Tell whether a SELECT of the ORM locks rows somewhere, in a subquery for example."""
    # Its text has no literals of the caller: values are parameters.
    return " FOR " in sql and any(f" FOR {lock}" in sql for lock in ("UPDATE", "NO KEY UPDATE", "SHARE", "KEY SHARE"))


_SAVEPOINTS = ("SAVEPOINT ", "RELEASE SAVEPOINT ")

_Read = tuple[frozenset[str], bool]
_READS: _Read = (frozenset(), False)
_UNKNOWN: _Read = (frozenset(), True)


@lru_cache(maxsize=512)
def _read(sql: str) -> _Read:
    """Return the names of tables that a text writes, and whether it may write others."""
    words = _words(sql)
    if words is None:
        return _UNKNOWN
    found = [_statement(some) for some in _statements(words)]
    return frozenset().union(*(names for names, _ in found)), any(everything for _, everything in found)


def _words(sql: str) -> list[str] | None:
    """Return the words of a text in upper case, names in quotes as they are; None where databases read it differently.

    That is so for backslashes in strings, comments that MySQL runs or that only MySQL knows, names in square brackets,
    and strings between dollars.
    """
    if "\\" in sql:
        return None
    words: list[str] = []
    for kind, value in lexer.tokenize(sql):  # type: ignore[no-untyped-call]
        if value[0] in "[#" or (value[0] == "$" and value[-1] == "$") or value.startswith(("/*!", "/*M!")):
            return None
        if kind in kinds.Comment:
            if value.startswith("--") and value[2:3].strip():
                return None
        elif value[0] in "\"`'":
            words.append("''" if value[0] == "'" else value)
        else:
            words += value.upper().split()
    return words


def _statements(words: list[str]) -> Iterator[list[str]]:
    start = 0
    for at, word in enumerate([*words, ";"]):
        if word == ";":
            if words[start:at]:
                yield words[start:at]
            start = at + 1


def _statement(words: list[str]) -> _Read:
    match words[0]:
        case "SELECT" | "WITH" | "VALUES" | "(":
            return _READS if _only_reads(words) else _UNKNOWN
        case "INSERT":
            return _insert(words)
        case "UPDATE":
            return _update(words)
        case "EXPLAIN" | "DESCRIBE" | "DESC":
            return _explained(words)
        case "SAVEPOINT" | "RELEASE" | "SHOW" | "PRAGMA":
            return _READS
        case "SET":
            return _READS if words[1:3] in _SETTINGS else _UNKNOWN
    return _UNKNOWN


# What Django's backends set when they connect. Others may change what is seen: roles, search paths, tenants.
_SETTINGS = (["SQL_AUTO_IS_NULL", "="], ["SESSION", "TRANSACTION"], ["TIME", "ZONE"])

_WRITES = {"INSERT", "UPDATE", "DELETE", "REPLACE", "MERGE", "TRUNCATE", "INTO", "CALL", "EXECUTE", "COPY"}
_WRITES |= {"CREATE", "ALTER", "DROP", "SHARE", "LOCK"}


def _only_reads(words: Sequence[str]) -> bool:
    """Tell whether words neither write nor lock, and call well-known functions only."""
    before = after_before = ""
    for at, word in enumerate(words):
        if word in _WRITES and not (word in ("REPLACE", "INSERT") and words[at + 1 : at + 2] == ["("]):
            return False
        if word == "(" and (after_before == "." or not _may_precede_brackets(before)):
            return False
        after_before, before = before, word
    return True


def _may_precede_brackets(word: str) -> bool:
    is_name = word[:1].isalnum() or word.startswith(("_", '"', "`", "$"))
    return not is_name or word in MAY_PRECEDE_BRACKETS


def _table(words: Sequence[str], at: int) -> tuple[str, int]:
    """Return the name of the table at some place, without its schema, and the place after it."""
    while words[at + 1 : at + 2] == ["."]:
        at += 2
    return "".join(words[at : at + 1]), at + 1


def _insert(words: Sequence[str]) -> _Read:
    if "INTO" not in words or not {*words[1 : words.index("INTO")]} <= _MODIFIERS:
        return _UNKNOWN
    name, at = _table(words, words.index("INTO") + 1)
    rest = [
        "''" if word == "UPDATE" and words[at + index - 1] in ("DO", "KEY") else word
        for index, word in enumerate(words[at:])
    ]
    return frozenset({name}), not _only_reads(rest)


_MODIFIERS = {"OR", "IGNORE", "ABORT", "FAIL", "ROLLBACK", "LOW_PRIORITY", "HIGH_PRIORITY", "DELAYED", "ONLY"}


def _update(words: Sequence[str]) -> _Read:
    at = 1
    while words[at : at + 1] and words[at] in _MODIFIERS | {"REPLACE"}:
        at += 1
    name, at = _table(words, at)
    if words[1:3] == ["OR", "REPLACE"] or "SET" not in words[at : at + 4]:
        return _UNKNOWN  # rows that it deletes, or more than one table
    alias = [word for word in words[at : words.index("SET", at)] if word not in ("AS", "*")]
    return frozenset({name}), len(alias) > 1 or "," in alias or not _only_reads(words[at:])


def _explained(words: Sequence[str]) -> _Read:
    if not {"ANALYZE", "ANALYSE"} & {*words}:
        return _READS
    start = next((at for at, word in enumerate(words) if word in ("SELECT", "WITH", "INSERT", "UPDATE")), None)
    return _UNKNOWN if start is None or "DELETE" in words[:start] else _statement([*words[start:]])
