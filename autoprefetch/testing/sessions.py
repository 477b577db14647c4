"""Sessions: what `--autoprefetch` does with a test run, in the process that runs the tests."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import ExitStack

import django
from django.apps import apps
from django.core.exceptions import ImproperlyConfigured
from django.test import override_settings

from autoprefetch import conf
from autoprefetch.advise.differences import NEW, differences
from autoprefetch.advise.ignores import heeding
from autoprefetch.evaluation import engine
from autoprefetch.learn.histories import History
from autoprefetch.learn.stores.memory import MemoryStore
from autoprefetch.reporting import suggestion_for
from autoprefetch.rules import MEMORY_STORE
from autoprefetch.testing.findings import Findings
from autoprefetch.testing.lazy_loads import Known, code_for
from autoprefetch.testing.shadowing import Shadow, shadowing

LEARN, CHECK, SHADOW = "learn", "check", "shadow"


class UnusableError(Exception):
    """Raised when a run cannot begin; the message says why."""


class _Noting(MemoryStore):
    """A memory that also notes what it is told, so that a test that calls `reset()` takes nothing from the run."""

    def __init__(self, limit: int) -> None:
        super().__init__(limit)
        self.noted = Findings()

    def merge(self, key: str, delta: History) -> None:
        """Add counts, and note them."""
        super().merge(key, delta)
        self.noted.learn({key: delta})

    def begin_with(self, known: Mapping[str, History]) -> None:
        """Know what a file knows, which no test has shown."""
        for key, history in known.items():
            super().merge(key, history)


class Session:
    """One run of tests in this process.

    Args:
        mode: LEARN, CHECK or SHADOW.
        committed: what the file knows.

    Attributes:
        findings: what the tests that are over have shown.
    """

    def __init__(self, mode: str, committed: Mapping[str, History]) -> None:
        self.mode = mode
        self.committed = committed
        self.findings = Findings()
        self._advised: dict[str, int] = {}
        self._shadow: Shadow | None = None
        self._stack = ExitStack()

    def open(self) -> None:
        """Let autoprefetch learn into a memory of the run, whatever the settings say; all threads do.

        Raises:
            UnusableError: Django is not set up, or the settings are wrong.
        """
        _set_up_django()
        if problems := conf.current_problems():
            raise UnusableError(" ".join(problems))
        mode = conf.current().mode if self.mode != SHADOW and conf.current().learns else "auto"
        changes = {"MODE": mode, "STORE": {"BACKEND": MEMORY_STORE, "OPTIONS": {}}}
        self._stack.enter_context(override_settings(AUTOPREFETCH={**conf.given(), **changes}))
        self._store = _Noting(conf.current().max_call_sites)
        self._stack.enter_context(engine.apart(self._store))
        if self.mode == SHADOW:
            self._store.begin_with(self.committed)
            self._shadow = self._stack.enter_context(shadowing())

    def close(self) -> None:
        """Go back to the settings of the project."""
        self._take()
        self._stack.close()

    def began(self) -> None:
        """Take note that a test begins: what was shown until now is none of its own."""
        if engine.store is not self._store:  # the test before had another STORE
            engine.open_store(conf.current())
            engine.keep_in(self._store)
        self._take()

    def ended(self) -> str:
        """Say what is wrong with the test whose own code has just run; "" when nothing is."""
        texts = list(self._shadow.texts) if self._shadow is not None else []
        shown = self._take()
        if self.mode == CHECK:
            known: Known = {standing.site.key: (standing, history) for standing, history in engine.known()}
            found = heeding(differences(self.committed, shown), conf.current(), self.committed)
            new = [one for one in found if one.kind == NEW]
            texts += [*(one.as_text() for one in new), *code_for(new, known)] if new else []
        return "\n".join(texts)

    def _take(self) -> Mapping[str, History]:
        """Take what was shown since it was last taken."""
        known = engine.known()
        noted, self._store.noted = self._store.noted, Findings()
        self.findings.learn(noted.learned)
        for standing, history in known:
            key, paths = standing.site.key, len(history.profile.usages)
            if key not in noted.learned or self._advised.get(key, 0) >= paths:
                continue  # to read the source again for each test would take long
            self._advised[key] = paths
            made = suggestion_for(standing, history)
            if made is not None:
                self.findings.advice[key] = made.queries_before - made.queries_after, made.as_text()
        if self._shadow is not None:
            self.findings.compared += self._shadow.compared
            self.findings.unlike += len(self._shadow.texts)
            self._shadow.compared, self._shadow.texts = 0, []
        return noted.learned


def _set_up_django() -> None:
    try:
        if not apps.ready:
            django.setup()
    except ImproperlyConfigured as error:
        msg = f"--autoprefetch needs a Django that is set up: {error} pytest-django does it, or a conftest.py."
        raise UnusableError(msg) from error
