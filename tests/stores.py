"""Another store for a block of a test."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.test import override_settings

from autoprefetch.evaluation import engine
from autoprefetch.learn.front import Front


@contextmanager
def kept_in(backend: str, **options: Any) -> Iterator[None]:
    """Keep what is known in another store, and afterwards in the very store of before, which other tests hold on to."""
    before = engine.store, engine.setting, engine.collector
    try:
        with override_settings(AUTOPREFETCH={"STORE": {"BACKEND": backend, "OPTIONS": options}}):
            yield
    finally:
        if isinstance(engine.store, Front):
            engine.store.close()
        engine.store, engine.setting, engine.collector = before
