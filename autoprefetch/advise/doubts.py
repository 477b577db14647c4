"""Doubts: why a suggestion cannot be written into the source with certainty. Wrong code is worse than none."""

from __future__ import annotations

import ast
import linecache
import re
import sys
from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property

from django.apps import apps
from django.db.models import Field

from autoprefetch.advise.attributes import asked_at, attributes_of, given_at, meaning_of
from autoprefetch.advise.bindings import names_in, shadowed
from autoprefetch.advise.chains import is_queryset
from autoprefetch.advise.consumers import How, Use, uses_of
from autoprefetch.advise.imports import exported, why_not_imported
from autoprefetch.advise.locating import module_of
from autoprefetch.advise.loops import is_in_loop_over
from autoprefetch.advise.proposing import Proposal
from autoprefetch.advise.scanning import Scanned, names_of_auto, scan
from autoprefetch.advise.ties import IN_SLICE
from autoprefetch.advise.trees import same, text_at, tree_of
from autoprefetch.advise.writing import Edit
from autoprefetch.learn.profiles import Span
from autoprefetch.observe.callsites import Location, is_application

_NAMES = re.compile(r"[^\W\d]\w*(\.[^\W\d]\w*)*")
_POSITIONS_IN_STRINGS = (3, 12)
"""The Python from which on what is in an f-string has its place in the source (PEP 701)."""


class Run:
    """The suggestions of one run, and the source of the project, which is read when it is first asked for.

    Args:
        proposals: the suggestions.
    """

    def __init__(self, proposals: Sequence[Proposal]) -> None:
        self._edits = [edit for one in proposals if one.origin is not None for edit in one.suggestion.edits]
        self._modules = {module_of(edit.place) for edit in self._edits} - {""}
        self._modules |= {one.origin.module for one in proposals if one.origin is not None}

    @cached_property
    def source(self) -> tuple[Scanned, ...]:
        """The source of the project, with all that this process has imported of it."""
        loaded = {
            name for name, one in list(sys.modules.items()) if _is_of_project(getattr(one, "__file__", None), name)
        }
        return tuple(scan(self._modules | loaded))

    @cached_property
    def meanings(self) -> dict[str, set[str]]:
        """What the attributes mean that the suggestions give instances, by their names."""
        found: dict[str, set[str]] = {}
        for edit in self._edits:
            for name in attributes_of(edit):
                found.setdefault(name, set()).add(meaning_of(edit.replaces, edit.receiver))
        return found

    def exported(self, origin: Location) -> frozenset[str]:
        """Return the names of `auto` that others import from the module of a call site."""
        lines = linecache.getlines(origin.file)
        return exported(origin.module, names_of_auto("".join(lines)), self.source)


def _is_of_project(file: object, module: str) -> bool:
    return isinstance(file, str) and is_application(file, module)


def why_not(proposal: Proposal, codes: Sequence[str], run: Run) -> str:
    """Say why a suggestion is not written; "" where it is certain.

    Args:
        proposal: the suggestion, whose call of `auto()` is known.
        codes: what is to be written in the place of the expressions of its edits.
        run: the run that it is part of.
    """
    return next(iter(_doubts(proposal, codes, run)), "")


def is_own(edit: Edit, proposal: Proposal) -> bool:
    """Tell whether an access is only ever of the rows of the queryset."""
    return proposal.origin is not None and is_in_loop_over(proposal.origin.span, edit.span, edit.receiver)


def _doubts(proposal: Proposal, codes: Sequence[str], run: Run) -> Iterator[str]:
    suggestion, origin = proposal.suggestion, proposal.origin
    assert origin is not None
    yield from (note for note in suggestion.notes if IN_SLICE in note)
    for line in suggestion.imports:
        if reason := why_not_imported(line.split()[1], origin.module):
            yield f"{reason}."
    yield from _of_code(origin.span, suggestion.replaces, names_in("_" + "".join(suggestion.methods)) - {"_"})
    yield from _of_uses(proposal)
    for edit, code in zip(suggestion.edits, codes, strict=True):
        yield from _of_code(edit.span, edit.replaces, names_in(code) - names_in(edit.replaces))
        yield from _of_edit(edit, proposal)
        for name in sorted(attributes_of(edit)):
            yield from _of_attribute(name, edit, proposal, run)


def _of_code(place: Span, replaced: str, names: Iterable[str]) -> Iterator[str]:
    if name := shadowed(names, place):
        yield f"the code needs {name}, which means something else there."
    if _is_in_string(place, replaced) and (text_at(place) or "nothing") not in replaced:
        yield f"{replaced} stands in an f-string, whose parts have no place in the source before Python 3.12."


def _is_in_string(span: Span, written: str) -> bool:
    if not span or sys.version_info >= _POSITIONS_IN_STRINGS:
        return False
    wanted = same(written)
    strings = (node for node in ast.walk(tree_of(span[0])) if isinstance(node, ast.JoinedStr))
    return any(ast.dump(node) == wanted for string in strings for node in ast.walk(string))


# The queryset -------------------------------------------------------------------------------------------------------


def _of_uses(proposal: Proposal) -> Iterator[str]:
    suggestion, origin = proposal.suggestion, proposal.origin
    assert origin is not None
    uses = uses_of(origin.span, suggestion.replaces)
    if uses is None:
        yield f"{suggestion.replaces} does not stand at {origin.path}:{origin.line} any more."
        return
    handed = [use for use in uses if use.how is How.HANDED]
    for use in uses:
        if use.how is How.OTHER or not _is_harmless(use, suggestion.methods, suggestion.model) or use in handed[1:]:
            yield f"its queryset is used for more than reading its rows, at {origin.path}:{use.line}."


def _is_harmless(use: Use, methods: Iterable[str], model: str) -> bool:
    """Tell whether a method that is called later gives the same with methods before it."""
    written = "".join(methods)
    if not isinstance(use.node, ast.Call) or use.how not in (How.ASKED, How.BUILT):
        return True
    if use.method in ("iterator", "aiterator"):
        # Django asks for a `chunk_size` where anything is prefetched (`QuerySet.iterator`, Django 5.0 on).
        return ".prefetch_related(" not in written or bool(use.node.args or use.node.keywords)
    if ".annotate(" not in written or use.method not in ("filter", "exclude", "get", "aget"):
        return True
    # The rows are grouped: a join to several others would not give a row several times any more.
    columns = {field.name: field for field in apps.get_model(model)._meta.concrete_fields}
    return not use.node.args and all(_is_of(columns, keyword.arg) for keyword in use.node.keywords)


def _is_of(columns: dict[str, Field[object, object]], lookup: str | None) -> bool:
    """Tell whether a lookup is about a column of the row itself."""
    name, _, rest = (lookup or "").partition("__")
    if name == "pk" or name.removesuffix("_id") != name:
        return not rest
    return name in columns and not (columns[name].is_relation and rest)


# The lines that ask each row ----------------------------------------------------------------------------------------


def _of_edit(edit: Edit, proposal: Proposal) -> Iterator[str]:
    if edit.name and is_queryset(edit.replaces):
        uses = uses_of(edit.span, edit.replaces)
        if uses is None:
            yield f"{edit.replaces} does not stand at {edit.place} any more."
        for use in uses or ():
            if use.how is How.READ:
                continue
            file = edit.place.partition(":")[0]
            yield f"{edit.replaces} is used for more than reading its rows, at {file}:{use.line}."
    is_guarded = bool(edit.name) and _NAMES.fullmatch(edit.receiver) is not None
    if not edit.span or not (is_guarded or is_own(edit, proposal)):
        yield f"at {edit.place} {edit.replaces} may be asked of other rows, too."


def _of_attribute(name: str, edit: Edit, proposal: Proposal, run: Run) -> Iterator[str]:
    meaning = meaning_of(edit.replaces, edit.receiver)
    if place := asked_at(name, meaning, run.source):
        yield f"{place} asks instances for a {name} that means something else."
    elif is_own(edit, proposal):
        return
    elif len(run.meanings[name]) > 1:
        yield f"at {edit.place} {edit.replaces} may be asked of rows with another {name}."
    elif place := given_at(name, run.source):
        yield f"at {edit.place} {edit.replaces} may be asked of rows with another {name}: that of {place}."
