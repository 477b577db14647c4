"""Keys: what the key of a call site tells people, as `observe/callsites.py` makes it.

`shop.views:books/auto#0@12345678 < shop.views:page/loop#0 < GET books/ < shop.Book`: where `auto()` was called, with a
hash of its expression; the frames that evaluate it; the route; the model. One with a name has that and the model.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

_STEP = " < "
_HASH = re.compile(r"@[0-9a-f]{8}(?= < |$)")
_PLACE = re.compile(r"(?P<module>[^\s:]+):(?P<function>.+)/(?P<step>[^/@]+)(@(?P<digest>[0-9a-f]{8}))?")


@dataclass(frozen=True, slots=True)
class Place:
    """Where a call site is, as far as its key tells.

    Attributes:
        module: the module, or the name of a template; "" at a call site with a name, which does not tell where it is.
        function: the function, class or tag in it, or the name of the call site.
        step: the call or the loop in the function, with its number.
        digest: the hash of its expression; "" where there is no `auto()`, or no source.
        route: what it serves; "" when that is nothing, or not known.
    """

    module: str
    function: str
    step: str
    digest: str
    route: str

    @property
    def origin(self) -> str:
        """What patterns in `IGNORE` are compared with; "" at a call site with a name."""
        return f"{self.module}:{self.function}/{self.step}" if self.module else ""

    @property
    def files(self) -> tuple[str, ...]:
        """The files that it may be in, as a person would name them; one of them is what `IGNORE` is compared with."""
        if not self.module or self.step == "tag#0":
            return (self.module,) if self.module else ()
        path = self.module.replace(".", "/")
        return f"{path}.py", f"{path}/__init__.py"

    @property
    def names(self) -> tuple[str, ...]:
        """All that patterns in `IGNORE` may name it by."""
        return (self.origin, *self.files)


def place_of(key: str) -> Place:
    """Return where a call site is."""
    origin, *rest = key.split(_STEP)[:-1] or [key]
    found = _PLACE.fullmatch(origin) if rest else None
    if found is None:
        return Place("", name_of(key), "", "", "")
    return Place(found["module"], found["function"], found["step"], found["digest"] or "", rest[-1])


def label_of(key: str) -> str:
    """Return the label of the model."""
    return key.rpartition(_STEP)[2]


def call_of(key: str) -> str:
    """Return the call of `auto()` that a call site evaluates, with its hash; or its name, where it has one."""
    return key.partition(_STEP)[0]


def given_name_of(key: str) -> str:
    """Return the name that was given to `auto()` at a call site with a name."""
    return key.rpartition(_STEP)[0]


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
