"""The pytest plugin, loaded on request: `-p autoprefetch.testing.plugin`, or `pytest_plugins` in a `conftest.py`.

It imports no Django before a fixture or `--autoprefetch` asks for it, so that it may be loaded before Django is set up.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest

from autoprefetch import testing

_MODES = ("learn", "check", "shadow")


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add `--autoprefetch` and `--autoprefetch-file`."""
    group = parser.getgroup("autoprefetch")
    group.addoption(
        "--autoprefetch",
        choices=_MODES,
        help="learn: show what the tests load lazily, and add it to the file. check: fail what loads lazily that the"
        " file does not have. shadow: compare each automatic queryset, and what its rows load, with plain Django.",
    )
    group.addoption(
        "--autoprefetch-file",
        metavar="FILE",
        help="what was learned, as `manage.py autoprefetch export` writes it",
    )


def pytest_configure(config: pytest.Config) -> None:
    """Begin what `--autoprefetch` asks for."""
    mode, file = config.getoption("--autoprefetch"), config.getoption("--autoprefetch-file")
    if mode is None:
        if file is not None:
            msg = "--autoprefetch-file needs --autoprefetch=learn, check or shadow."
            raise pytest.UsageError(msg)
        return
    from autoprefetch.testing.running import Running

    path = None if file is None else Path(config.invocation_params.dir, file)
    config.pluginmanager.register(Running(config, mode, path), "autoprefetch-running")


@pytest.fixture
def assert_no_lazy_loads() -> Callable[[], AbstractContextManager[None]]:
    """Return `autoprefetch.testing.assert_no_lazy_loads`, a block in which no relation may be loaded row by row."""
    return testing.assert_no_lazy_loads


@pytest.fixture
def assert_scales() -> Callable[..., Any]:
    """Return `autoprefetch.testing.assert_scales`, which asserts that the queries of a view do not grow."""
    return testing.assert_scales
