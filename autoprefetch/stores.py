"""Opening the store that the settings name, with the memory of the process in front of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from django.utils.module_loading import import_string

from autoprefetch import advise
from autoprefetch.learn.front import BOUND, Front
from autoprefetch.learn.stores import SharedStore
from autoprefetch.learn.stores.file import FileStore
from autoprefetch.learn.stores.memory import MemoryStore
from autoprefetch.rules import MEMORY_STORE

Setting = Mapping[str, Any]

REMEDY = "Look at AUTOPREFETCH['STORE'], and at the server, the file or the migrations that it needs."
"""What to do about a store that cannot be used."""

_OF_THE_FRONT = ("flush_interval", "refresh_interval")


def opened(setting: Setting, limit: int, *, learns: bool = True) -> MemoryStore | Front:
    """Open the store that `AUTOPREFETCH["STORE"]` names.

    Args:
        setting: its value, which is valid (`conf.py`).
        limit: call sites that the memory of the process keeps.
        learns: whether this process learns, and knows more at its next evaluation. Where it does not, it waits until a
            file is read, however long that is, so that its first evaluation is like all others.
    """
    memory = MemoryStore(limit)
    if setting["BACKEND"] == MEMORY_STORE:
        return memory
    options = options_of(setting)
    intervals = {name: options.pop(name) for name in _OF_THE_FRONT if name in options}
    store = shared(setting)
    bound = BOUND if learns or not isinstance(store, FileStore) else None
    return Front(memory, store, _told(setting), **intervals, bound=bound)


def shared(setting: Setting) -> SharedStore:
    """Return the store itself, without the memory of the process in front of it."""
    options = {name: value for name, value in options_of(setting).items() if name not in _OF_THE_FRONT}
    store: SharedStore = import_string(setting["BACKEND"])(**options)
    name = _name(setting)
    store.tell = lambda text: advise.left_out(name, text)
    return store


def options_of(setting: Setting) -> dict[str, Any]:
    """Return the options of a store as the keyword arguments that they become."""
    return {name.lower(): value for name, value in setting.get("OPTIONS", {}).items()}


def _told(setting: Setting) -> Callable[[str, BaseException | None], None]:
    name = _name(setting)
    return lambda trouble, error: advise.store_troubled(name, trouble, error)


def _name(setting: Setting) -> str:
    return str(setting["BACKEND"]).rpartition(".")[2]
