"""Parameters of statements: which of them a database cannot tell apart."""

from __future__ import annotations

import datetime
import decimal
import uuid
from collections.abc import Hashable
from types import NoneType
from typing import Any

_EXACT = (str, int, bool, bytes, NoneType, uuid.UUID, datetime.date, datetime.timedelta)
_EXACT_IN_WRITING = (float, decimal.Decimal, datetime.datetime, datetime.time)


def exactly(param: Any) -> Hashable:
    """Return what equals that of another parameter only where a database finds both equal.

    1, 1.0 and True are equal for Python, and so are decimals of unlike precision. What has no plain type is equal to
    itself only.
    """
    kind = type(param)
    if kind in _EXACT:
        return kind, param
    if kind in _EXACT_IN_WRITING or (isinstance(param, int) and kind.__module__.startswith("psycopg.")):
        return kind, repr(param)  # psycopg has classes of its own for integers of each size
    if kind in (list, tuple):
        return kind, *map(exactly, param)
    return kind, id(param), _Kept(param)


class _Kept:
    """Keeps a parameter alive, so that its identity is not given to another; all are equal."""

    __slots__ = ("param",)

    def __init__(self, param: Any) -> None:
        self.param = param

    def __eq__(self, other: object) -> bool:
        return type(other) is _Kept

    def __hash__(self) -> int:
        return 0
