"""The dashboard as a project includes it, and call sites to look at."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.test import Client, override_settings
from pytest_django.live_server_helper import LiveServer

from autoprefetch.evaluation import engine
from autoprefetch.faults import quarantine
from tests.web.dashboard.sites import OTHERS, SETTINGS


@pytest.fixture(autouse=True)
def _included() -> Iterator[None]:
    with override_settings(ROOT_URLCONF="tests.web.dashboard.urls", **SETTINGS):
        yield


@pytest.fixture(scope="module")
def server(django_db_setup: None) -> Iterator[str]:
    """Serve the project for browsers, by the middleware that it has here; a `live_server` has that of the settings."""
    with override_settings(**SETTINGS):
        running = LiveServer("localhost")
    running.thread.httpd.daemon_threads = False  # so that those which still answer are waited for at the end
    yield running.url
    running.stop()


@pytest.fixture
def evaluated(library: None) -> None:
    """Evaluate call sites in this process: one is warm, one is rolled back."""
    for page in [*4 * ["/catalogue/"], "/authors/"]:
        assert Client().get(page).status_code == 200
    [standing] = [one for one in engine.standings.all() if "AuthorsView" in one.site.key]
    quarantine(standing, ValueError("row of the secret hunter2"))


@pytest.fixture
def known(evaluated: None) -> None:
    """Know what other processes have learned, too."""
    for key, history in OTHERS.items():
        engine.store.merge(key, history)
