"""Changes: a suggestion as the pieces of code that a person copies, one after the other.

The only place that says which pieces the page shows: whatever else can be pasted or applied is one more `Change`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from autoprefetch.advise.suggestions import Suggestion


@dataclass(frozen=True, slots=True)
class Change:
    """One piece of code.

    Attributes:
        title: what to do with it, as a heading.
        code: what is copied.
        replaces: what it takes the place of, as it is written now; "" when it is added.
        place: where that is; "" when it is said elsewhere.
    """

    title: str
    code: str
    replaces: str = ""
    place: str = ""


def changes(suggestion: Suggestion, diff: str) -> list[Change]:
    """Return what to change, in the order in which one would.

    Args:
        suggestion: the code.
        diff: the same for `git apply`; "" where there is none.
    """
    return list(_changes(suggestion, diff))


def _changes(suggestion: Suggestion, diff: str) -> Iterator[Change]:
    title = "Replace the call of auto()" if suggestion.replaces else "Add to your query"
    if suggestion.code:
        yield Change(title, suggestion.code, suggestion.replaces, suggestion.call_site)
    for removal in suggestion.removals:
        yield Change("Remove from your query", removal.code, "", suggestion.call_site)
    if suggestion.imports:
        yield Change("Import what it needs", "\n".join(suggestion.imports))
    for edit in suggestion.edits:
        yield Change("Change the line that reads it", edit.code, edit.replaces, edit.place)
    if diff:
        yield Change("Or give all of it to git apply", diff)
