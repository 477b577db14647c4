"""Keys: what the key of a call site tells people, as `observe/callsites.py` makes it.

`shop.views:books/auto#0@12345678 < shop.views:page/loop#0 < GET books/ < shop.Book`: where `auto()` was called, with a
hash of its expression; the frames that evaluate it; the route; the model. One with a name has that and the model.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

_STEP = " < "
_HASH = re.compile(r"@[0-9a-f]{8}(?= < |$)")
_ORIGIN = re.compile(r"(?P<module>[^:]+):(?P<function>.+)/(?P<step>[^/@]+#\d+[^/@]*)(@(?P<digest>[0-9a-f]{8}))?")


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a queryset was made automatic, as a key tells it.

    Attributes:
        module: the module, or the name of a template.
        function: the function, class or tag.
        step: the call, with its number among those of the same name.
        digest: the hash of its expression; "" where there is no `auto()`, or no source.
    """

    module: str
    function: str
    step: str
    digest: str


def origin_of(key: str) -> Origin | None:
    """Return where a queryset was made automatic; None for a call site with a name of its own."""
    first, *rest = key.split(_STEP)
    found = _ORIGIN.fullmatch(first) if len(rest) > 1 else None
    return Origin(found["module"], found["function"], found["step"], found["digest"] or "") if found else None


def label_of(key: str) -> str:
    """Return the label of the model."""
    return key.rpartition(_STEP)[2]


def callers_of(key: str) -> tuple[str, ...]:
    """Return the application frames that evaluate it, from the innermost out; none at a call site with a name."""
    return tuple(key.split(_STEP)[1:-2])


def name_of(key: str) -> str:
    """Return a name for people: where `auto()` was called, and the route."""
    origin, *rest = key.split(_STEP)[:-1] or [key]
    name = _HASH.sub("", origin)
    return " ".join((f"{name} ({rest[-1]})" if rest and rest[-1] else name).split())


def without_hash(key: str) -> str:
    """Return what stays the same when the expression in `auto(...)` is edited."""
    origin, step, rest = key.partition(_STEP)
    return _HASH.sub("", origin) + step + rest
