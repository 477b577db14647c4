"""Fixes: which expressions are to be replaced, so that the suggestions are in the source.

What cannot be changed with certainty stays as it is, and says why.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from autoprefetch.advise.loops import is_in_loop_over
from autoprefetch.advise.proposing import Proposal
from autoprefetch.advise.writing import Edit
from autoprefetch.learn.profiles import Span
from autoprefetch.observe.callsites import Location

_LONG = 80
_NAMES = re.compile(r"[^\W\d]\w*(\.[^\W\d]\w*)*")


@dataclass(frozen=True, slots=True)
class Replacement:
    """One expression that is to be replaced.

    Attributes:
        span: all of it, or a part such as the call that builds its queryset.
        written: the whole expression, as it is written.
        code: what to write in its place; "" where methods are appended to the first argument of the call that it is.
        methods: those.
        is_kept: whether the call stays around its argument.
        imports: the import lines that the file needs then.
    """

    span: Span
    written: str
    code: str = ""
    methods: tuple[str, ...] = ()
    is_kept: bool = False
    imports: tuple[str, ...] = ()

    @property
    def file(self) -> str:
        """The file that it is in."""
        return self.span[0] if self.span else ""


@dataclass(frozen=True, slots=True)
class Fix:
    """What is replaced for one suggestion: all of it, or nothing.

    Attributes:
        call_site: its name for people.
        replacements: the queryset first, then the places that read what it loads.
    """

    call_site: str
    replacements: tuple[Replacement, ...]

    @property
    def files(self) -> frozenset[str]:
        """The files that it changes."""
        return frozenset(one.file for one in self.replacements)


@dataclass(slots=True)
class Fixes:
    """The fixes of some suggestions.

    Attributes:
        fixes: those that can be made.
        remarks: a sentence for each suggestion that is not made, or not whole.
    """

    fixes: list[Fix] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)

    def leave(self, call_site: str, reason: str) -> None:
        """Take note that nothing is changed for a call site."""
        self.remarks.append(f"{call_site} is left as it is: {reason}")

    def leave_file(self, file: str, reason: str) -> None:
        """Make no fix that would change a file."""
        for fix in self.fixes:
            if file in fix.files:
                self.leave(fix.call_site, reason)
        self.fixes = [fix for fix in self.fixes if file not in fix.files]

    def by_file(self) -> dict[str, list[Replacement]]:
        """Return what is replaced in each file, each once."""
        found: dict[str, list[Replacement]] = {}
        for fix in self.fixes:
            for one in fix.replacements:
                if one not in (same := found.setdefault(one.file, [])):
                    same.append(one)
        return found


def fixes_for(proposals: Iterable[Proposal], *, keep_auto: bool) -> Fixes:
    """Decide what is replaced.

    Args:
        proposals: the suggestions, with their places.
        keep_auto: whether `auto()` stays around the querysets.
    """
    found = Fixes()
    taken: dict[Span, Replacement] = {}
    for proposal in _by_call(proposals, found):
        name, left = proposal.suggestion.call_site, proposal.suggestion.left
        unsure = next((edit for edit in proposal.suggestion.edits if not _is_certain(edit, proposal)), None)
        replacements = tuple(_replacements(proposal, is_kept=keep_auto or bool(left)))
        if unsure is not None:
            found.leave(name, f"at {unsure.place} {unsure.replaces} may be asked of other rows, too.")
        elif any(taken.get(one.span, one) != one for one in replacements):
            found.leave(name, "another suggestion changes the same expression in another way.")
        else:
            taken |= {one.span: one for one in replacements}
            found.fixes.append(Fix(name, replacements))
            if left and not keep_auto:
                found.remarks.append(f"{name} stays in auto(): nothing else batches {', '.join(left)}.")
    return found


def _by_call(proposals: Iterable[Proposal], found: Fixes) -> Iterator[Proposal]:
    """Yield one proposal for each call of `auto()`; several call sites may share it, and have to agree."""
    by_span: dict[Span, list[Proposal]] = {}
    for proposal in proposals:
        suggestion = proposal.suggestion
        if not suggestion.code:
            continue  # what it says to remove is left to a person
        if proposal.origin is not None and suggestion.replaces:
            by_span.setdefault(proposal.origin.span, []).append(proposal)
        elif proposal.unplaced:
            found.leave(suggestion.call_site, f"{proposal.unplaced}.")
        else:
            found.leave(
                suggestion.call_site, f"it has no auto(). Where its queryset is built, append {suggestion.code}"
            )
    for first, *others in by_span.values():
        if all(_change(other) == _change(first) for other in others):
            yield first
        else:
            keys = "".join(f"\n    {one.key}" for one in (first, *others))
            ways = f"it is evaluated in {1 + len(others)} ways that need different code. Choose one by --site:{keys}"
            found.leave(first.suggestion.call_site, ways)


def _change(proposal: Proposal) -> tuple[tuple[str, ...], tuple[Edit, ...]]:
    return proposal.suggestion.methods, proposal.suggestion.edits


def _is_certain(edit: Edit, proposal: Proposal) -> bool:
    """Tell whether an access can be replaced, also where other rows come by: then their instance is named twice."""
    is_guarded = bool(edit.name) and _NAMES.fullmatch(edit.receiver) is not None
    return bool(edit.span) and (is_guarded or _is_own(edit, proposal.origin))


def _is_own(edit: Edit, origin: Location | None) -> bool:
    """Tell whether an access is only ever of the rows of the queryset."""
    return origin is not None and is_in_loop_over(origin.span, edit.span, edit.receiver)


def _replacements(proposal: Proposal, *, is_kept: bool) -> Iterator[Replacement]:
    origin, suggestion = proposal.origin, proposal.suggestion
    if origin is None:
        return
    yield Replacement(
        origin.span, suggestion.replaces, methods=suggestion.methods, is_kept=is_kept, imports=suggestion.imports
    )
    for edit in suggestion.edits:
        yield Replacement(edit.span, edit.replaces, edit.code if _is_own(edit, origin) else _guarded(edit))


def _guarded(edit: Edit) -> str:
    """Write an access so that it works for the instances of other querysets, too, which lack the attribute."""
    parts = edit.code, f'if hasattr({edit.receiver}, "{edit.name}")', f"else {edit.replaces}"
    if sum(map(len, parts)) <= _LONG:
        return f"({' '.join(parts)})"
    return "\n".join(["(", *(f"    {part}" for part in parts), ")"])
