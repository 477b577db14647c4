"""A project with the debug toolbar, and what its panel says."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator

import pytest
from django.conf import settings
from django.test import override_settings

from tests.web.toolbar.panels import SETTINGS

MISSING = importlib.util.find_spec("debug_toolbar") is None


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if MISSING and "tests/web/toolbar/" in item.path.as_posix():
            item.add_marker(
                pytest.mark.skip(reason="django-debug-toolbar is not installed; the extra `toolbar` has it")
            )


@pytest.fixture(autouse=True)
def _toolbar() -> Iterator[None]:
    if MISSING:
        yield
        return
    apps = [*settings.INSTALLED_APPS, "django.contrib.staticfiles", "debug_toolbar"]
    # The apps before what the toolbar is told: where that changes, it imports its models.
    own = {name: value for name, value in SETTINGS.items() if name.startswith("DEBUG_TOOLBAR")}
    others = {name: value for name, value in SETTINGS.items() if name not in own}
    with (
        override_settings(**others, ROOT_URLCONF="tests.web.toolbar.urls"),
        override_settings(INSTALLED_APPS=apps),
        override_settings(**own),
    ):
        from debug_toolbar.store import get_store

        yield
        get_store().clear()
