"""Fixes: which expressions are to be replaced, so that the suggestions are in the source.

What cannot be changed with certainty stays as it is, and says why.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from django.db.models.constants import LOOKUP_SEP

from autoprefetch.advise.doubts import Run, is_own, why_not
from autoprefetch.advise.keeping import path_with_place
from autoprefetch.advise.proposing import Proposal
from autoprefetch.advise.sources import not_written
from autoprefetch.advise.suggestions import Suggestion
from autoprefetch.advise.writing import Edit
from autoprefetch.learn.histories import UNKNOWN, History
from autoprefetch.learn.profiles import Span

_LONG = 80
_NOTHING_KNOWN: Mapping[str, History] = {}


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
        exported: the names of `auto` in the file that others import from it.
    """

    span: Span
    written: str
    code: str = ""
    methods: tuple[str, ...] = ()
    is_kept: bool = False
    imports: tuple[str, ...] = ()
    exported: frozenset[str] = frozenset()

    @property
    def file(self) -> str:
        """The file that it is in, which a link to it is not."""
        return os.path.realpath(self.span[0]) if self.span else ""


@dataclass(frozen=True, slots=True)
class Fix:
    """What is replaced for one suggestion: all of it, or nothing.

    Attributes:
        call_site: its name for people.
        replacements: the queryset first, then the places that read what it loads.
        notes: what to know about it.
    """

    call_site: str
    replacements: tuple[Replacement, ...]
    notes: tuple[str, ...] = ()

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
        self.leave_fixes([fix for fix in self.fixes if file in fix.files], reason)

    def leave_fixes(self, fixes: Collection[Fix], reason: str) -> None:
        """Make none of some fixes."""
        for fix in fixes:
            self.leave(fix.call_site, reason)
        self.fixes = [fix for fix in self.fixes if fix not in fixes]

    @property
    def notes(self) -> tuple[str, ...]:
        """What to know about those that are made, a sentence for each."""
        return tuple(f"{fix.call_site}: {note}" for fix in self.fixes for note in fix.notes)

    def by_file(self) -> dict[str, list[Replacement]]:
        """Return what is replaced in each file, each once."""
        found: dict[str, list[Replacement]] = {}
        for fix in self.fixes:
            for one in fix.replacements:
                if one not in (same := found.setdefault(one.file, [])):
                    same.append(one)
        return found


def fixes_for(
    proposals: Iterable[Proposal], known: Mapping[str, History] = _NOTHING_KNOWN, *, keep_auto: bool
) -> Fixes:
    """Decide what is replaced.

    Args:
        proposals: the suggestions, with their places.
        known: the histories behind them, by the keys of the call sites; they tell where what is left is read.
        keep_auto: whether `auto()` stays around the querysets.
    """
    found = Fixes()
    taken: dict[Span, Replacement] = {}
    proposals = tuple(proposals)
    run = Run(proposals)
    for proposal in _by_call(proposals, found):
        name, left = proposal.suggestion.call_site, proposal.suggestion.left
        replacements = tuple(_replacements(proposal, run, is_kept=keep_auto or bool(left)))
        if reason := why_not(proposal, [one.code for one in replacements[1:]], run):
            found.leave(name, reason)
        elif any(taken.get(one.span, one) != one for one in replacements):
            found.leave(name, "another suggestion changes the same expression in another way.")
        elif replacements[1:] or replacements[0].methods or not replacements[0].is_kept:
            taken |= {one.span: one for one in replacements}
            found.fixes.append(Fix(name, replacements, proposal.suggestion.notes))
            if left and not keep_auto:
                profile = known.get(proposal.key, UNKNOWN).profile
                read = ", ".join(path_with_place(tuple(lookup.split(LOOKUP_SEP)), profile) for lookup in left)
                found.remarks.append(f"{name} stays in auto(): nothing else batches {read}.")
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
            found.leave(suggestion.call_site, _by_hand(suggestion))
    for first, *others in by_span.values():
        if all(_change(other) == _change(first) for other in others):
            yield first
        else:
            keys = "".join(f"\n    {one.key}" for one in (first, *others))
            ways = f"it is evaluated in {1 + len(others)} ways that need different code. Choose one by --site:{keys}"
            found.leave(first.suggestion.call_site, ways)


def _by_hand(suggestion: Suggestion) -> str:
    """Say all that a person has to write where there is no `auto()` to take the place of."""
    lines = [f"it has no auto(). Where its queryset is built, append {suggestion.code}"]
    lines += [f"import: {line}" for line in suggestion.imports]
    lines += [f"at {edit.place} replace {edit.replaces} with {edit.code}" for edit in suggestion.edits]
    return "\n    ".join([*lines, *suggestion.notes])


def _change(proposal: Proposal) -> tuple[tuple[str, ...], tuple[Edit, ...]]:
    return proposal.suggestion.methods, proposal.suggestion.edits


def _replacements(proposal: Proposal, run: Run, *, is_kept: bool) -> Iterator[Replacement]:
    origin, suggestion = proposal.origin, proposal.suggestion
    if origin is None:
        return
    methods = not_written(suggestion.replaces, suggestion.methods)
    yield Replacement(
        origin.span,
        suggestion.replaces,
        methods=methods,
        is_kept=is_kept,
        imports=suggestion.imports,
        exported=frozenset() if is_kept else run.exported(origin),
    )
    for edit in suggestion.edits:
        yield Replacement(edit.span, edit.replaces, edit.code if is_own(edit, proposal) else _guarded(edit))


def _guarded(edit: Edit) -> str:
    """Write an access so that it works for the instances of other querysets, too, which lack the attribute."""
    parts = edit.code, f'if hasattr({edit.receiver}, "{edit.name}")', f"else {edit.replaces}"
    if sum(map(len, parts)) <= _LONG:
        return f"({' '.join(parts)})"
    return "\n".join(["(", *(f"    {part}" for part in parts), ")"])
