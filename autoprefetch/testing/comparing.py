"""Comparing what autoprefetch gave with what plain Django gives: the rows, and their values as they were loaded."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import zip_longest
from math import isclose
from typing import Any

from django.db.models import Model

_ABSENT = object()
_SHOWN = 80  # characters of a value

Values = dict[str, Any]


def unlike_rows(ours: Sequence[Model], plain: Sequence[Model], names: Sequence[str], *, ordered: bool) -> list[str]:
    """Say in what two lists of instances differ; nothing where they are the same.

    Args:
        ours: what autoprefetch gave.
        plain: what plain Django gives.
        names: the annotations that each row has.
        ordered: whether the order is compared, too.
    """
    ours_by_key, plain_by_key = _by_key(ours), _by_key(plain)
    found = [
        line
        for key in dict.fromkeys([*plain_by_key, *ours_by_key])
        for line in _unlike_of_key(key, ours_by_key.get(key, []), plain_by_key.get(key, []), names)
    ]
    if not found and ordered and [*map(_key, ours)] != [*map(_key, plain)]:
        found.append(f"the order: {_pks(ours)} with autoprefetch, {_pks(plain)} with plain Django")
    return found


def unlike_one(ours: Model | None, plain: Model | None) -> list[str]:
    """Say in what a related instance differs from another, either of which may be none."""
    return unlike_rows(_rows(ours), _rows(plain), (), ordered=False)


def _rows(row: Model | None) -> list[Model]:
    return [] if row is None else [row]


def unlike_answers(ours: Sequence[Any], plain: Sequence[Any], *, ordered: bool) -> list[str]:
    """Say in what the raw rows of two statements differ."""
    if not ordered:
        ours, plain = sorted(ours, key=repr), sorted(plain, key=repr)
    pairs = zip_longest(map(tuple, ours), map(tuple, plain), fillvalue=_ABSENT)
    return [_line("a row", *pair) for pair in pairs if not _are_same_row(*pair)]


def unlike_values(name: str, ours: Any, plain: Any) -> list[str]:
    """Say in what two values of one column differ."""
    return [] if _are_same(ours, plain) else [_line(name, ours, plain)]


def _by_key(rows: Sequence[Model]) -> dict[Any, list[Model]]:
    found: dict[Any, list[Model]] = {}
    for row in rows:
        found.setdefault(_key(row), []).append(row)
    return found


def _key(row: Model) -> tuple[type[Model], Any]:
    return type(row), row.pk


def _pks(rows: Sequence[Model]) -> str:
    return _shown([row.pk for row in rows])


def _unlike_of_key(key: Any, ours: list[Model], plain: list[Model], names: Sequence[str]) -> Iterator[str]:
    """Compare the rows of one primary key, of which a join to many may give several."""
    model, pk = key
    place = f"{model._meta.label}(pk={pk!r})"
    if len(ours) != len(plain):
        yield f"{place}: {_times(len(ours))} with autoprefetch, {_times(len(plain))} with plain Django"
        return
    pairs = zip(_values_of(ours, names), _values_of(plain, names), strict=True)
    for one, other in pairs:
        for name in one.keys() & other.keys():  # what is deferred in either is compared when it is loaded
            yield from unlike_values(f"{place}.{name}", one[name], other[name])


def _values_of(rows: list[Model], names: Sequence[str]) -> list[Values]:
    found = [
        {
            name: row.__dict__[name]
            for name in (*(field.attname for field in row._meta.concrete_fields), *names)
            if name in row.__dict__
        }
        for row in rows
    ]
    return sorted(found, key=repr) if len(found) > 1 else found


def _are_same_row(one: Any, other: Any) -> bool:
    if one is _ABSENT or other is _ABSENT:
        return False
    return len(one) == len(other) and all(map(_are_same, one, other))


def _are_same(one: Any, other: Any) -> bool:
    if isinstance(one, float) and isinstance(other, float):
        # An aggregate of floats depends on the order in which a database adds them up; NaN equals nothing.
        return isclose(one, other, rel_tol=1e-9) or (one != one and other != other)
    # The values of custom fields may know no equality.
    return bool(one == other) or (type(one) is type(other) and repr(one) == repr(other))


def _times(count: int) -> str:
    return "missing" if not count else "there" if count == 1 else f"{count} times"


def _line(name: str, ours: Any, plain: Any) -> str:
    return f"{name}: {_shown(ours)} with autoprefetch, {_shown(plain)} with plain Django"


def _shown(value: Any) -> str:
    if value is _ABSENT:
        return "nothing"
    text = repr(value)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..."
