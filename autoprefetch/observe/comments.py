"""Comments: `# autoprefetch: ignore[owner] reason` beside a call site, which leaves a relation, or all of it, as it is.

A comment is read when its call site is seen for the first time, and not again: it is part of the source.
"""

from __future__ import annotations

import linecache
import re
import tokenize
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

from django.db.models.constants import LOOKUP_SEP

if TYPE_CHECKING:
    from autoprefetch.observe.callsites import Location

_DIRECTIVE = re.compile(r"#\s*autoprefetch\s*:\s*(?P<said>.*)", re.IGNORECASE)
_IGNORE = re.compile(r"ignore(\[(?P<names>[^\]]*)\])?(\s+(?![\s\[({:=]).*)?")
_REMEDY = (
    "Write `# autoprefetch: ignore[relation] reason`, or `# autoprefetch: ignore reason` for all of the call site."
)


@dataclass(frozen=True, slots=True)
class Comment:
    """What the comments beside one call site say, or one of them.

    Attributes:
        ignore: the relations to leave lazy, as lookups.
        is_whole: whether the whole call site is to run as plain Django.
        faults: what is wrong with how they are written, each with what to write instead.
        line: where the first of them stands; 0 where there is none.
        text: the first of them, from its `#` on.
    """

    ignore: tuple[str, ...] = ()
    is_whole: bool = False
    faults: tuple[str, ...] = ()
    line: int = 0
    text: str = ""

    def __bool__(self) -> bool:
        return self.line > 0

    def beside(self, other: Comment) -> Comment:
        """Return what this comment and one further down say together."""
        if not self:
            return other
        return Comment(
            tuple(dict.fromkeys((*self.ignore, *other.ignore))),
            self.is_whole or other.is_whole,
            (*self.faults, *other.faults),
            self.line,
            self.text,
        )


NO_COMMENT = Comment()
"""What stands beside most call sites: this very value, so that to ask for it costs next to nothing."""


def comment_of(origin: Location) -> Comment:
    """Read the comments on the lines of a call site: of the call of `auto()`, or of what evaluates with `SCOPE`."""
    if origin.file.startswith("<frozen") or origin.step == "tag#0":  # the tag of a template, whose name is no file
        return NO_COMMENT
    linecache.checkcache(origin.file)
    lines = linecache.getlines(origin.file)
    if not any(_may_say(line) for line in lines[origin.line - 1 : origin.end_line]):
        return NO_COMMENT  # to split a file into tokens takes a thousand times longer
    return together(comments_in(tuple(lines)), origin.line, origin.end_line)


def together(comments: Iterable[Comment], line: int, end_line: int) -> Comment:
    """Return what the comments on some lines say together."""
    found = NO_COMMENT
    for comment in comments:
        if line <= comment.line <= end_line:
            found = found.beside(comment)
    return found


@lru_cache(maxsize=32)
def comments_in(lines: tuple[str, ...]) -> tuple[Comment, ...]:
    """Return the comments of a source file that speak to autoprefetch; none where Python cannot read it."""
    try:
        tokens = [token for token in tokenize.generate_tokens(iter(lines).__next__) if token.type == tokenize.COMMENT]
    except (tokenize.TokenError, SyntaxError):  # it has changed since it was imported, and is no Python now
        return ()
    return tuple(comment for token in tokens if (comment := read(token.string, token.start[0])))


def read(text: str, line: int) -> Comment:
    """Read one comment.

    Args:
        text: all of it, from `#` to the end of the line.
        line: where it stands.

    Returns:
        what it says; nothing where it does not speak to autoprefetch.
    """
    directive = _DIRECTIVE.search(text)
    if directive is None:
        return NO_COMMENT
    written = directive.group().strip()
    said = _IGNORE.fullmatch(directive["said"].strip())
    if said is None or not written.startswith(("# autoprefetch:", "#autoprefetch:")):
        return Comment(faults=(f"is not understood. {_REMEDY}",), line=line, text=written)
    if said["names"] is None:
        return Comment(is_whole=True, line=line, text=written)
    names = tuple(name.strip() for name in said["names"].split(","))
    wrong = [name for name in names if not name.isidentifier()]
    return Comment(
        tuple(name for name in names if name.isidentifier()),
        faults=tuple(_fault_of(name) for name in wrong),
        line=line,
        text=written,
    )


def without_ignore(text: str) -> str:
    """Return what a comment says beside what it ignores: what stands before that, and the reason; "" for nothing.

    A comment that is not understood says all of it.
    """
    directive = _DIRECTIVE.search(text)
    said = _IGNORE.fullmatch(directive["said"].strip()) if directive is not None else None
    if directive is None or said is None:
        return text
    before, reason = text[: directive.start()].rstrip(), (said[3] or "").strip()
    reason = f"# {reason}" if reason and not reason.startswith("#") else reason
    return "  ".join(filter(None, (before, reason)))


def _fault_of(name: str) -> str:
    if not name:
        return f"names a relation without a name. {_REMEDY}"
    lookup = name.strip("\"'").replace(".", LOOKUP_SEP)
    remedy = f"Write it as a lookup: ignore[{lookup}]." if lookup.isidentifier() else _REMEDY
    return f"names {name!r}, which is no lookup. {remedy}"


def _may_say(line: str) -> bool:
    return "#" in line and "autoprefetch" in line.lower()
