"""Circumstances: what of the settings a person has to know to read the pages."""

from __future__ import annotations

from collections.abc import Iterator

from autoprefetch import conf
from autoprefetch.rules import MEMORY_STORE

WRONG = "A setting is wrong, and autoprefetch is off. Run manage.py check, which says what is wrong with it."
MEMORY = (
    "The store is the memory of the process that answers, and each other process has its own. Set AUTOPREFETCH['STORE']"
    " to see what all of them have learned."
)
MODES = {
    "off": 'MODE is "off": nothing is learned or applied. What is shown was learned before.',
    "learn": 'MODE is "learn": nothing is applied. The marks say what would be.',
    "apply": 'MODE is "apply": what is shown is applied, and nothing is learned.',
    "strict": 'MODE is "strict": what is shown is applied, nothing is learned, and lazy loads are errors.',
}


def store_name() -> str:
    """Return the class of the store."""
    return str(conf.current().store["BACKEND"]).rpartition(".")[2]


def circumstances() -> dict[str, object]:
    """Return the store, the mode, and what is to be said about them, for a template."""
    return {"store": store_name(), "mode": conf.current().mode, "notices": list(_notices())}


def _notices() -> Iterator[str]:
    config = conf.current()
    if conf.current_problems():
        yield WRONG
    elif config.mode in MODES:
        yield MODES[config.mode]
    if config.store["BACKEND"] == MEMORY_STORE:
        yield MEMORY
