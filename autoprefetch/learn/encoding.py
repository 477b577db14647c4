"""Encoding: histories as plain values for JSON, and back.

Entry by entry: what cannot be read is left out with a reason, and the rest is kept. Counts that are 0 are left out;
where the application built a derived query is of this process only, and never written.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import fields
from typing import Any

from autoprefetch.learn.decisions import UNDECIDED, Decision, Decisions
from autoprefetch.learn.given import COUNTS as GIVEN_COUNTS
from autoprefetch.learn.given import Given
from autoprefetch.learn.histories import History
from autoprefetch.learn.profiles import NO_SUMS, Path, Profile, Sizes, Usage
from autoprefetch.learn.times import COUNTS as TIMES_COUNTS
from autoprefetch.learn.times import MOST, NOTHING_TIMED, Timed, Times

FORMAT = 1
"""The number of this format; entries of another are not read."""

_STEP = "/"  # in no name of an attribute, label of a model or hash of a shape
_USAGE_COUNTS = tuple(f.name for f in fields(Usage) if f.name not in ("first_access", "built"))
_PROFILE_COUNTS = tuple(f.name for f in fields(Profile) if f.name not in NO_SUMS)


LATEST = 32_503_680_000_000
"""The year 3000 (milliseconds since 1970): no decision is made then, and a calendar still has it."""


class UnreadableError(ValueError):
    """Raised for values that are no history; the message says why."""


def encoded(history: History) -> dict[str, Any]:
    """Return a history as plain values."""
    values = {
        "format": FORMAT,
        "totals": _encoded_profile(history.totals),
        "eras": {str(era): _encoded_profile(profile) for era, profile in sorted(history.eras.items())},
    }
    if history.decisions:
        values["decisions"] = {
            name: {"when": decision.when, "ignores": decision.ignores}
            for name, decision in sorted(history.decisions.items())
        }
    return values


def decoded(values: object) -> History:
    """Return the history that plain values stand for.

    Raises:
        UnreadableError: they stand for none, or are of another format.
    """
    entry = _mapping(values, "an entry")
    if entry.get("format") != FORMAT:
        msg = f"its format is {entry.get('format')!r}, and {FORMAT} is read"
        raise UnreadableError(msg)
    eras = _mapping(entry.get("eras", {}), "eras")
    return History(
        _decoded_profile(entry.get("totals", {})),
        {_number(era): _decoded_profile(profile) for era, profile in eras.items()},
        _decoded_decisions(entry.get("decisions", {})),
    )


def lookup(path: Path) -> str:
    """Return a path as one string."""
    return _STEP.join(path)


def path_of(text: str) -> Path:
    """Return the path that a string stands for."""
    return tuple(text.split(_STEP)) if text else ()


def _encoded_profile(profile: Profile) -> dict[str, Any]:
    values: dict[str, Any] = _counts(profile, _PROFILE_COUNTS)
    if profile.usages:
        values["usages"] = {lookup(path): _encoded_usage(usage) for path, usage in sorted(profile.usages.items())}
    if profile.written:
        values["written"] = dict(sorted(profile.written.items()))
    if profile.sizes:
        values["sizes"] = {lookup(path): _encoded_sizes(sizes) for path, sizes in sorted(profile.sizes.items())}
    if profile.columns:
        values["columns"] = {lookup(path): sorted(names) for path, names in sorted(profile.columns.items())}
    texts = {"forms": profile.forms, "built": profile.built}
    values |= {name: sorted(some) for name, some in texts.items() if some}
    if profile.given:
        values["given"] = {text: _counts(given, GIVEN_COUNTS) for text, given in sorted(profile.given.items())}
    if profile.times:
        values["times"] = {lookup(path): _counts(times, TIMES_COUNTS) for path, times in sorted(profile.times.items())}
    return values


def _encoded_sizes(sizes: Sizes) -> dict[str, Any]:
    return {str(number): count for number, count in sorted(sizes.items())}


def _encoded_usage(usage: Usage) -> dict[str, Any]:
    values: dict[str, Any] = _counts(usage, _USAGE_COUNTS)
    if usage.first_access:
        values["first_access"] = usage.first_access
    return values


def _counts(value: Profile | Usage | Given | Times, names: Iterable[str]) -> dict[str, Any]:
    return {name: count for name in names if (count := getattr(value, name))}


def _decoded_profile(values: object) -> Profile:
    entry = dict(_mapping(values, "a profile"))
    usages = _mapping(entry.pop("usages", {}), "usages")
    written = _mapping(entry.pop("written", {}), "written")
    sizes = _mapping(entry.pop("sizes", {}), "sizes")
    columns = _mapping(entry.pop("columns", {}), "columns")
    forms = entry.pop("forms", [])
    built = entry.pop("built", [])
    given = _mapping(entry.pop("given", {}), "given")
    times = _mapping(entry.pop("times", {}), "times")
    return Profile(
        usages={path_of(text): _decoded_usage(usage) for text, usage in usages.items()},
        written={table: _number(count) for table, count in written.items()},
        sizes={path_of(text): _decoded_sizes(values) for text, values in sizes.items()},
        columns={path_of(text): _decoded_texts(names, "columns") for text, names in columns.items()},
        forms=_decoded_texts(forms, "forms"),
        built=_decoded_texts(built, "built"),
        given={text: Given(**_decoded_counts(_mapping(one, "given"), GIVEN_COUNTS)) for text, one in given.items()},
        times=Timed({path_of(text): _decoded_times(values) for text, values in times.items()})
        if times
        else NOTHING_TIMED,
        **_decoded_counts(entry, _PROFILE_COUNTS),
    )


def _decoded_decisions(values: object) -> Decisions:
    entry = _mapping(values, "decisions")
    return {name: _decoded_decision(decision) for name, decision in entry.items()} or UNDECIDED


def _decoded_decision(values: object) -> Decision:
    entry = _mapping(values, "a decision")
    ignores = entry.get("ignores")
    if not isinstance(ignores, bool):
        msg = f"ignores is {ignores!r:.60}, and true or false is read"
        raise UnreadableError(msg)
    when = _number(entry.get("when"))
    if not 0 <= when < LATEST:
        msg = f"when is {when!r:.60}, and milliseconds since 1970 are read"
        raise UnreadableError(msg)
    return Decision(when, ignores)


def _decoded_sizes(values: object) -> Sizes:
    return {_number(number): _number(count) for number, count in _mapping(values, "sizes").items()}


def _decoded_texts(texts: object, what: str) -> frozenset[str]:
    if not isinstance(texts, list) or not all(isinstance(text, str) for text in texts):
        msg = f"{what} are {texts!r:.60}, and a list of texts is read"
        raise UnreadableError(msg)
    return frozenset(texts)


def _decoded_usage(values: object) -> Usage:
    entry = dict(_mapping(values, "a usage"))
    first_access = entry.pop("first_access", "")
    if not isinstance(first_access, str):
        msg = f"first_access is {first_access!r}, and a text is read"
        raise UnreadableError(msg)
    return Usage(first_access=first_access, **_decoded_counts(entry, _USAGE_COUNTS))


def _decoded_times(values: object) -> Times:
    counts = _decoded_counts(_mapping(values, "times"), TIMES_COUNTS)
    if too_many := [count for count in counts.values() if abs(count) > MOST]:
        msg = f"{too_many[0]:.3g} microseconds are more than a life of the project"
        raise UnreadableError(msg)
    return Times(**counts)


def _decoded_counts(entry: Mapping[str, object], names: tuple[str, ...]) -> dict[str, Any]:
    if unknown := entry.keys() - set(names):
        msg = f"{', '.join(sorted(unknown))} is not known"
        raise UnreadableError(msg)
    return {name: _number(count) for name, count in entry.items()}


def _mapping(value: object, what: str) -> Mapping[str, Any]:
    if not isinstance(value, Mapping) or not all(isinstance(key, str) for key in value):
        msg = f"{what} is {value!r:.60}, and a mapping of texts is read"
        raise UnreadableError(msg)
    return value


def _number(value: object) -> int:
    try:
        if isinstance(value, (int, str)) and not isinstance(value, bool):
            return int(value)
    except ValueError:
        pass
    msg = f"{value!r:.60} stands where a whole number is read"
    raise UnreadableError(msg)


class Reading:
    """Reads the texts of many entries again and again, each once for as long as it stays the same.

    Args:
        left_out: called with the key and the reason for each entry that cannot be read.
    """

    def __init__(self, left_out: Callable[[str, str], None]) -> None:
        self._left_out = left_out
        self._known: dict[str, tuple[int, History | None]] = {}

    def history(self, key: str, text: object) -> History | None:
        """Return the history that a text stands for, or None where it stands for none."""
        stamp = hash(text) if isinstance(text, str) else 0
        known = self._known.get(key)
        if known is None or known[0] != stamp:
            known = self._known[key] = stamp, self._read(key, text)
        return known[1]

    def only(self, keys: Iterable[str]) -> None:
        """Forget all entries but these."""
        kept = set(keys)
        self._known = {key: known for key, known in self._known.items() if key in kept}

    def _read(self, key: str, text: object) -> History | None:
        try:
            return decoded(json.loads(text) if isinstance(text, str) else text)
        except (UnreadableError, ValueError) as error:
            self._left_out(key, str(error))
            return None
