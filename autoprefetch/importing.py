"""Importing the public names of a package on demand, so that to import the package imports no Django."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Mapping


def on_demand(package: str, homes: Mapping[str, str]) -> Callable[[str], object]:
    """Return the `__getattr__` of a package whose public names are imported when one of them is first asked for.

    All are imported at once: one without the others would be half of the library.

    Args:
        package: its name.
        homes: the module below the package that has each of its public names.
    """

    def getattr_(name: str) -> object:
        if name not in homes:
            msg = f"module {package!r} has no attribute {name!r}"
            raise AttributeError(msg)
        for public, home in homes.items():
            setattr(sys.modules[package], public, getattr(importlib.import_module(f"{package}.{home}"), public))
        return vars(sys.modules[package])[name]

    return getattr_
