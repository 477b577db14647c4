"""All hooks, put in place once."""

from __future__ import annotations

from threading import Lock

from autoprefetch.orm import (
    caches,
    derivations,
    descriptors,
    given,
    querysets,
    replay,
    routes,
    sharing,
    statements,
    states,
)
from autoprefetch.orm.engine import Engine

_installing = Lock()
_installed: list[Engine] = []


def install(engine: Engine) -> bool:
    """Hook Django, the first time this is called in a process; return whether that was now.

    The hooks stay for good and are inert for what is not marked or tracked.
    """
    if _installed:
        return False
    with _installing:
        if _installed:
            return False
        states.install()
        caches.install()
        routes.install(engine)
        descriptors.install(engine)
        derivations.install(engine)
        replay.install(engine)
        sharing.install()
        given.install()
        querysets.install(engine)
        statements.install(engine)
        _installed.append(engine)
        return True
