"""Commenting: say what is wrong with the comment beside a call site, once."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress

from django.apps import apps
from django.db.models import Model

from autoprefetch.advise import logs
from autoprefetch.observe.callsites import CallSite
from autoprefetch.observe.comments import Comment
from autoprefetch.plan.relations import unknown_in

_seen: set[tuple[str, int, int, str]] = set()
_logged: set[str] = set()


def faults(comment: Comment, models: Sequence[type[Model]]) -> Iterator[str]:
    """Yield what is wrong with a comment, each with what to do about it.

    Args:
        comment: the comment.
        models: those of the querysets that it is beside, where they are known; a relation of one of them is well.
    """
    yield from comment.faults
    for lookup in comment.ignore:
        unknown = [unknown_in(model, lookup) for model in models or apps.get_models(include_auto_created=True)]
        if all(unknown):
            fact = unknown[0] if models else "no installed model has a relation of that name."
            yield f"names {lookup!r}, and {fact} Correct the name, or take it out."


def warn_once(site: CallSite, model: type[Model]) -> None:
    """Log what is wrong with the comment beside a call site, unless that was logged before."""
    origin = site.origin
    place = (origin.file, origin.line, origin.column, site.model)
    if place in _seen:
        return
    _seen.add(place)
    with suppress(Exception):  # a log handler that fails must not fail the caller
        for fault in faults(site.comment, [model]):
            text = f"{origin.path}:{site.comment.line} {origin.function}: {said(site.comment, fault)}"
            if text not in _logged:  # as by another call on the same line
                _logged.add(text)
                logs.wrong_comment(site.name, site.comment.text, text)


def said(comment: Comment, fault: str) -> str:
    """Return a fault as a sentence about its comment."""
    return f"`{comment.text}` {fault}"


def forget() -> None:
    """Forget what was logged."""
    _seen.clear()
    _logged.clear()
