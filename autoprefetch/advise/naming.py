"""Naming: where a call of `auto(..., name="...")` stands, which its key does not tell."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache

from autoprefetch.advise.keys import given_name_of, place_of
from autoprefetch.advise.locating import (
    NotLocatedError,
    expressions_in,
    imported,
    location_of,
    module_of,
    span_of,
)
from autoprefetch.advise.scanning import Scanned, names_of_auto, scan
from autoprefetch.learn.histories import History
from autoprefetch.observe.callsites import Location
from autoprefetch.observe.expressions import called


class Named:
    """The calls of `auto()` in the project that have a name; the source is read when the first of them is looked for.

    Args:
        modules: those that are looked at beside the packages of the project.
        places: lines that touched what a call site loads, as they were recorded; their modules are looked at as well.
    """

    def __init__(self, modules: Iterable[str], places: Iterable[str]) -> None:
        self._modules = {*modules, *map(module_of, places)} - {""}
        self._source: list[Scanned] | None = None

    def location_of(self, name: str) -> Location:
        """Find the one call that has a name, and import its module, to know what its names are bound to.

        Raises:
            NotLocatedError: none has it as a literal, or several do.
        """
        if self._source is None:
            self._source = list(scan(self._modules))
        found = [location for scanned in self._source for location in _calls(scanned) if location[0] == name]
        if len(found) != 1:
            places = ", ".join(str(location) for _, location in found)
            reason = f"stands at {places}" if found else "stands nowhere in the source of the project"
            msg = f"auto(..., name={name!r}) {reason}; it has to be in one place"
            raise NotLocatedError(msg)
        [(_, location)] = found
        imported(location.module)
        return location


def named_in(known: Mapping[str, History]) -> Named:
    """Return what finds the named ones among call sites, given what is known of them by their keys."""
    usages = (usage for history in known.values() for usage in history.profile.usages.values())
    return Named((place_of(key).module for key in known), (usage.first_access for usage in usages))


def located(key: str, named: Named) -> Location | None:
    """Return where `auto()` is called; None where nobody called it.

    Raises:
        NotLocatedError: nobody can tell where; the message says why.
    """
    place = place_of(key)
    if place.module and not place.digest:
        return None
    return location_of(place) if place.module else named.location_of(given_name_of(key))


def _calls(scanned: Scanned) -> Iterator[tuple[str, Location]]:
    if any("name" in line for line in scanned.lines):
        yield from _in(scanned.file, scanned.module, scanned.lines)


@lru_cache(maxsize=256)
def _in(file: str, module: str, lines: tuple[str, ...]) -> tuple[tuple[str, Location], ...]:
    """Return the calls of `auto()` in a file with their names, where those are literal."""
    names = names_of_auto("".join(lines))
    found = []
    for function, node in expressions_in(lines):
        if isinstance(node, ast.Call) and called(node.func) in names:
            for keyword in node.keywords:
                if keyword.arg == "name" and isinstance(keyword.value, ast.Constant):
                    step = f"{called(node.func)}#0"  # which of several it is matters for keys alone
                    location = Location(module, function, step, *span_of(file, node))
                    found.append((str(keyword.value.value), location))
    return tuple(found)
