"""Ignores: what a project says is to be left alone, and which of that is stale or cannot be understood."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import reduce

from django.apps import apps

from autoprefetch.advise import commenting
from autoprefetch.advise.differences import NEW, Difference
from autoprefetch.advise.foreseeing import model_of, said_at
from autoprefetch.advise.keys import place_of
from autoprefetch.advise.naming import Named
from autoprefetch.advise.scanning import Call, Scanned, scan
from autoprefetch.conf import Config
from autoprefetch.learn.decisions import UNDECIDED, is_ignored, left_lazy, merged
from autoprefetch.learn.histories import History
from autoprefetch.observe.comments import Comment
from autoprefetch.plan.choosing import Choices, stays_lazy
from autoprefetch.plan.patterns import matching, name_of
from autoprefetch.plan.relations import relations

_WILD = re.compile(r"[*?\[]")

STALE, MISWRITTEN = "stale ignores", "wrong comments"


@dataclass(frozen=True, slots=True)
class Ignore:
    """A pattern or a comment that ignores nothing.

    Attributes:
        kind: STALE where it matches nothing, MISWRITTEN where nobody can tell what it is to match.
        place: where it is written.
        written: the pattern, or the comment.
        fault: what is wrong with it, and what to do about that.
    """

    kind: str
    place: str
    written: str
    fault: str

    def as_text(self) -> str:
        """Return it as one line: place, fact, remedy."""
        return f"{self.place}: {self.fault}"

    def as_dict(self) -> dict[str, object]:
        """Return plain values, for JSON."""
        return {"kind": self.kind, "place": self.place, "ignore": self.written, "fault": self.fault}


def faulty(known: Collection[str], config: Config) -> list[Ignore]:
    """Return the patterns of `IGNORE` and the comments in the source that ignore nothing.

    Args:
        known: the keys of all call sites that are known. What is ignored is not learned, so the source is read, too.
        config: the settings. Where `SCOPE` is other than "explicit", any line may be one that evaluates, and a comment
            on it is never stale; nor is a pattern that names a line.
    """
    source = list(scan({place_of(key).module for key in known} - {""}))
    comments = [found for scanned in source for found in _faulty_comments(scanned, known, config)]
    return [*_faulty_patterns(source, known, config), *comments]


def _faulty_patterns(source: list[Scanned], known: Collection[str], config: Config) -> Iterator[Ignore]:
    left = [pattern for pattern in config.ignore if not matching([pattern], *_names(known))]
    left = [pattern for pattern in left if not (config.widens and _may_name_a_line(pattern))]
    for scanned in source:
        if any(_may_match(pattern, scanned) for pattern in left):
            names = _named_by(scanned, config)
            left = [pattern for pattern in left if not matching([pattern], *names)]
    for pattern in left:
        fault = f"{pattern!r} matches no call site, no file with one, and no relation. Correct it, or take it out."
        yield Ignore(STALE, "AUTOPREFETCH['IGNORE']", pattern, fault)


def _names(known: Collection[str]) -> set[str]:
    models = apps.get_models(include_auto_created=True)
    names = {name_of(one) for model in models for one in relations(model).values()}
    for model in models:  # a filter that compares with a key, see `unnamed` in `plan/relations.py`
        keys = ((field.name, field.related_model) for field in model._meta.concrete_fields)
        names |= {f"{to._meta.label}.{model._meta.label}.{name}" for name, to in keys if isinstance(to, type)}
    return names.union(*(place_of(key).names for key in known))


def _named_by(scanned: Scanned, config: Config) -> set[str]:
    """Return what patterns can name a file by, and the call sites in it."""
    if config.widens:
        return {scanned.path, f"{scanned.module}:"}
    calls = {call.key for call in scanned.calls if call.is_auto}
    return {scanned.path, *calls} if calls else set()


def _may_match(pattern: str, scanned: Scanned) -> bool:
    """Tell whether it is worth while to look for call sites in a file, which takes milliseconds."""
    begins = _WILD.split(pattern, maxsplit=1)[0]
    return any(name.startswith(begins) or begins.startswith(name) for name in (scanned.module, scanned.path))


def _may_name_a_line(pattern: str) -> bool:
    """Tell whether a pattern may be of a line that evaluates, or of a template; libraries have such lines, too."""
    return ":" in pattern or ("/" in pattern and not pattern.endswith(".py"))


def _faulty_comments(scanned: Scanned, known: Collection[str], config: Config) -> Iterator[Ignore]:
    for comment in scanned.comments:
        place = f"{scanned.path}:{comment.line}"
        keys = {call.key for call in _beside(comment, scanned.calls)}
        models = [model for key in known if place_of(key).origin in keys and (model := model_of(key)) is not None]
        faults = [
            Ignore(MISWRITTEN, place, comment.text, commenting.said(comment, fault))
            for fault in commenting.faults(comment, models)
        ]
        yield from faults
        is_live = config.widens or models or any(call.is_auto for call in _beside(comment, scanned.calls))
        if not faults and not is_live:
            fault = "is beside no call of auto(). Write it on a line of the call, or take it out."
            yield Ignore(STALE, place, comment.text, commenting.said(comment, fault))


def _beside(comment: Comment, calls: Iterable[Call]) -> Iterator[Call]:
    return (call for call in calls if call.line <= comment.line <= call.end_line)


def heeding(found: Collection[Difference], config: Config, *known: Mapping[str, History]) -> list[Difference]:
    """Return what has changed without the lazy loads that a project wants to be lazy.

    Args:
        found: what has changed.
        config: the settings.
        known: what was compared, with what people have decided: nothing of a call site that they ignore is to be done.
    """
    decided = {
        key: reduce(merged, (one[key].decisions for one in known if key in one), UNDECIDED)
        for key in {one.call_site for one in found}
    }
    named = Named((place_of(one.call_site).module for one in found), ())
    left = [one for one in found if not is_ignored(decided[one.call_site])]
    lazy = {key: left_lazy(decisions) for key, decisions in decided.items()}
    return [one for one in left if one.kind != NEW or not _is_wanted(one, named, config, lazy[one.call_site])]


def _is_wanted(one: Difference, named: Named, config: Config, ignore: tuple[str, ...]) -> bool:
    model, said = model_of(one.call_site), said_at(one.call_site, named, config)
    if said.whole:
        return True
    choices = Choices(ignore=(*said.ignore, *ignore), patterns=config.ignore)
    return model is not None and stays_lazy(choices, model, one.steps)
