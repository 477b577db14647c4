"""The dashboard as a project includes it, and call sites to look at."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.test import override_settings
from pytest_django.live_server_helper import LiveServer

from autoprefetch.evaluation import engine
from autoprefetch.faults import quarantine
from tests.web.dashboard.reading import AuthorsView, CatalogueView
from tests.web.dashboard.sites import OTHERS, SETTINGS


@pytest.fixture(autouse=True)
def _included() -> Iterator[None]:
    with override_settings(ROOT_URLCONF="tests.web.dashboard.urls", **SETTINGS):
        yield


@pytest.fixture
def server(transactional_db: None, _included: None) -> Iterator[str]:
    """Serve the project for browsers, with the settings that it has here: the `live_server` of a session has others."""
    running = LiveServer("localhost")
    yield running.url
    running.stop()


@pytest.fixture
def evaluated(library: None) -> None:
    """Evaluate call sites in this process: one is warm, one is rolled back."""
    catalogue, authors = CatalogueView(), AuthorsView()
    for _ in range(4):
        catalogue.get()
    authors.get()
    [standing] = [one for one in engine.standings.all() if "AuthorsView" in one.site.key]
    quarantine(standing, ValueError("row of the secret hunter2"))


@pytest.fixture
def known(evaluated: None) -> None:
    """Know what other processes have learned, too."""
    for key, history in OTHERS.items():
        engine.store.merge(key, history)
