"""Traits: what matters for planning about how a queryset is written, as a text that a store can keep.

`ordered; joins owner/branch; defers notes`. A process that has never seen the queryset plans by it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import fields, replace
from functools import lru_cache
from typing import Any

from django.db.models import Model

from autoprefetch.plan.forms import Form

_BETWEEN = "; "
_STEP = "/"
_ORDERED = "ordered"
_FLAGS = {
    "by the ordering of its model": "is_ordered_by_model",
    "reaches into a relation": "is_partial",
    "names columns": "names_columns",
    "takes a slice": "is_sliced",
}
_REASONS = {
    "takes no join": "no_joins",
    "takes no prefetch": "no_prefetches",
    "takes no annotation": "no_annotations",
}
_NAMES = {"defers": "deferred", "elsewhere": "elsewhere", "gives": "gives"}
_PATHS = {"joins": "joined", "prefetches": "prefetched"}

assert {f.name for f in fields(Form)} == {  # whatever is added to a form has to be told here
    "model", "ordering", "fixed", "is_single",
    *_FLAGS.values(), *_REASONS.values(), *_NAMES.values(), *_PATHS.values(),
}  # fmt: skip


def text_of(form: Form) -> str:
    """Return the traits of a form; "" where it has none."""
    return _BETWEEN.join(_traits(form))


@lru_cache(10_000)
def told(form: Form) -> frozenset[str]:
    """Return what an evaluation tells of its form; it is one for all call sites that have the same."""
    return frozenset((text_of(form),))


def _traits(form: Form) -> Iterator[str]:
    if form.is_totally_ordered():
        yield _ORDERED
    for trait, name in _FLAGS.items():
        if getattr(form, name):
            yield trait
    for trait, name in _REASONS.items():
        if reason := getattr(form, name):
            yield f"{trait}: {reason}"
    for trait, name in _NAMES.items():
        yield from (f"{trait} {one}" for one in sorted(getattr(form, name)))
    for trait, name in _PATHS.items():
        yield from (f"{trait} {_STEP.join(path)}" for path in sorted(getattr(form, name)))


def form_from(model: type[Model], text: str) -> Form:
    """Return the form that a text tells of.

    Args:
        model: that of the call site.
        text: made by `text_of`; a trait that is not known, as from a later version, says nothing.
    """
    found = Form(model)
    for trait in text.split(_BETWEEN):
        found = _with(found, trait)
    return found


def _with(form: Form, trait: str) -> Form:
    changed: dict[str, Any] = {}
    reasoned, _, reason = trait.partition(": ")
    verb, _, name = trait.partition(" ")
    if trait == _ORDERED:
        changed["ordering"] = ("pk",)
    elif trait in _FLAGS:
        changed[_FLAGS[trait]] = True
    elif reasoned in _REASONS:
        changed[_REASONS[reasoned]] = reason
    elif verb in _NAMES:
        changed[_NAMES[verb]] = getattr(form, _NAMES[verb]) | {name}
    elif verb in _PATHS:
        changed[_PATHS[verb]] = getattr(form, _PATHS[verb]) | {tuple(name.split(_STEP))}
    return replace(form, **changed)


def forms_from(model: type[Model], texts: Iterable[str]) -> list[Form]:
    """Return the forms that some texts tell of, in an order of their own."""
    return [form_from(model, text) for text in sorted(texts)]
