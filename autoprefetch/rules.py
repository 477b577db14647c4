"""Rules: what each key of `AUTOPREFETCH` accepts, and what is said of a value that it does not accept."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from inspect import signature
from typing import cast

from django.apps import apps
from django.utils.module_loading import import_string

MODES = ("auto", "learn", "apply", "strict", "off")
SCOPES = ("explicit", "all")
MEMORY_STORE = "autoprefetch.learn.stores.memory.MemoryStore"
FILE_STORE = "autoprefetch.learn.stores.file.FileStore"


@dataclass(frozen=True, slots=True)
class Rule:
    """What one key accepts, as a test and in words, and what more can be said of a value that it does not accept."""

    accepts: Callable[[object], bool]
    allowed: str
    fault: Callable[[object], str] = lambda value: ""


def _one_of(choices: tuple[str, ...]) -> Rule:
    return Rule(lambda value: isinstance(value, str) and value in choices, " or ".join(f'"{c}"' for c in choices))


def _whole_number(least: int) -> Rule:
    return Rule(
        lambda value: isinstance(value, int) and not isinstance(value, bool) and value >= least,
        f"a whole number, {least} or more",
    )


INTERVALS = ("FLUSH_INTERVAL", "REFRESH_INTERVAL")
"""Options that every shared store takes (seconds); see `learn/front.py`."""


def _is_store(value: object) -> bool:
    is_shaped = (
        isinstance(value, Mapping)
        and "BACKEND" in value
        and set(value) <= {"BACKEND", "OPTIONS"}
        and isinstance(value.get("OPTIONS", {}), Mapping)
    )
    return is_shaped and not _fault_of_store(value)


def _fault_of_store(value: object) -> str:
    """Say what is wrong with the backend or the options of a store that is given in the right form."""
    if not isinstance(value, Mapping) or not isinstance(value.get("OPTIONS", {}), Mapping) or "BACKEND" not in value:
        return ""
    try:
        backend = import_string(value["BACKEND"])
    except (ImportError, AttributeError, TypeError) as error:
        return f"The backend cannot be imported: {error}. "
    options = value.get("OPTIONS", {})
    known = [name.upper() for name in signature(backend).parameters] if value["BACKEND"] != MEMORY_STORE else []
    takes = [*known, *INTERVALS] if known else []
    if unknown := [name for name in options if name not in takes]:
        return f"The backend takes no option {', '.join(map(repr, unknown))}, but {', '.join(takes) or 'none'}. "
    wrong = [name for name in INTERVALS if name in options and not _is_interval(options[name])]
    if wrong:
        return f"{' and '.join(wrong)} must be a number of seconds above 0. "
    find = getattr(backend, "fault_of", None)
    given = {name.lower(): option for name, option in options.items() if name not in INTERVALS}
    return str(find(**given)) if find is not None else ""


def _is_interval(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and value > 0


def _is_scope(value: object) -> bool:
    return value in SCOPES if isinstance(value, str) else _is_patterns(value) and not _unknown_models(value)


def _unknown_models(value: object) -> list[str]:
    """Return the labels of a scope that name no installed model."""
    if not _is_patterns(value):
        return []
    known = {model._meta.label_lower for model in apps.get_models()} if apps.models_ready else None
    return [label for label in cast("list[str]", value) if known is not None and label.lower() not in known]


def _fault_of_scope(value: object) -> str:
    unknown = _unknown_models(value)
    return f"No installed model is called {' or '.join(map(repr, unknown))}. " if unknown else ""


def _is_patterns(value: object) -> bool:
    return isinstance(value, (list, tuple)) and all(isinstance(pattern, str) for pattern in value)


_BOOLEAN = Rule(lambda value: isinstance(value, bool), "True or False")

RULES: Mapping[str, Rule] = {
    "MODE": _one_of(MODES),
    "SCOPE": Rule(
        _is_scope,
        '"explicit" or "all" or a list of labels of installed models, such as "bank.Account"',
        _fault_of_scope,
    ),
    "STORE": Rule(
        _is_store,
        f'a dict {{"BACKEND": "{MEMORY_STORE}", "OPTIONS": {{}}}}, or with the FileStore, CacheStore or DatabaseStore',
        _fault_of_store,
    ),
    "CALL_SITE_DEPTH": _whole_number(1),
    "MAX_CALL_SITES": _whole_number(1),
    "MAX_BATCH": _whole_number(1),
    "JOIN_UNORDERED": _BOOLEAN,
    "AHEAD": _BOOLEAN,
    "QUERY_THRESHOLD": _whole_number(0),
    "LOG_SUGGESTIONS": _BOOLEAN,
    "IGNORE": Rule(_is_patterns, "a list of strings"),
}


def problems_of(given: object, source: str = "AUTOPREFETCH") -> tuple[str, ...]:
    """Say what is wrong with given settings.

    Args:
        given: the value of the setting, rightly a dict with upper-case keys.
        source: where the value stands, for the messages.

    Returns:
        one message for each problem, empty when all is well.
    """
    if not isinstance(given, Mapping):
        return (f"{source} is {given!r}. It must be a dict, for example {{'MODE': 'auto'}}.",)
    messages = []
    for key, value in given.items():
        rule = RULES.get(key)
        if rule is None:
            messages.append(f"{source} has the unknown key {key!r}. Known keys are {', '.join(RULES)}.")
        elif not rule.accepts(value):
            messages.append(f"{source}[{key!r}] is {value!r}. {rule.fault(value)}It must be {rule.allowed}.")
    return tuple(messages)
