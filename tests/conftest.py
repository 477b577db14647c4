"""What every test can ask for: a database of its choice, seeded data, and a library that knows nothing yet."""

import gc
import inspect
from collections.abc import Iterator
from typing import Any

import pytest
from asgiref.sync import async_to_sync

import autoprefetch
from autoprefetch.orm import columns
from tests import browsers
from tests.databases import ALIASES, MISSING, ONLY_SERVERS, REQUIRED
from tests.library import data
from tests.routers import on_database

pytest.register_assert_rewrite("tests.equivalence.comparing")  # its comparisons are shown as those of tests are


def pytest_configure(config: pytest.Config) -> None:
    if REQUIRED and MISSING:
        reasons = "; ".join(f"{alias}: {reason}" for alias, reason in MISSING.items())
        msg = f"AUTOPREFETCH_REQUIRE_DATABASES is set, but not every database is there: {reasons}"
        raise pytest.UsageError(msg)
    if browsers.REQUIRED and browsers.MISSING:
        msg = f"AUTOPREFETCH_REQUIRE_BROWSER is set, but {browsers.MISSING}"
        raise pytest.UsageError(msg)


@pytest.fixture(params=list(ALIASES))
def database(request: pytest.FixtureRequest) -> Iterator[str]:
    """Run the test on SQLite, PostgreSQL and MariaDB: an alias, which all models are read from and written to."""
    with on_database(ALIASES[request.param]) as alias:
        yield alias


@pytest.hookimpl(tryfirst=True)  # before pytest-django, which sorts the tests by their marks
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    for item in items:
        callspec = getattr(item, "callspec", None)
        if callspec and "database" in callspec.params:
            allow_database(item, ALIASES[callspec.params["database"]])
        skip_without_servers(item)
    if ONLY_SERVERS:
        config.hook.pytest_deselected(items=[item for item in items if not servers_of(item)])
        items[:] = [item for item in items if servers_of(item)]


@pytest.hookimpl(trylast=True)
def pytest_collection_finish() -> None:
    """Keep what is there before the first test out of the collections of garbage, some of which tests ask for often."""
    gc.collect()
    gc.freeze()


def servers_of(item: pytest.Item) -> set[str]:
    """Return the servers that a test uses: by its `needs` marks, and by the databases of its `django_db` marks."""
    marks = (mark.kwargs.get("databases", []) for mark in item.iter_markers("django_db"))
    found = {alias for databases in marks for alias in (databases if databases != "__all__" else ALIASES.values())}
    return (found | {mark.args[0] for mark in item.iter_markers("needs")}) - {"default"}


def allow_database(item: pytest.Item, alias: str) -> None:
    """Let a test of the fixture `database` use that alias, beside those that its own `django_db` mark names."""
    own = item.get_closest_marker("django_db")
    options: dict[str, Any] = dict(own.kwargs) if own else {}
    if options.get("databases") != "__all__":
        options["databases"] = [alias, *options.get("databases", [])]
    item.add_marker(pytest.mark.django_db(**options), append=False)


def skip_without_servers(item: pytest.Item) -> None:
    """Skip a test that needs a missing server, and say why it is missing."""
    mark = item.get_closest_marker("django_db")
    databases = mark.kwargs.get("databases", []) if mark else []
    needed = {mark.args[0] for mark in item.iter_markers("needs")}
    for server in sorted(needed.union(databases if databases != "__all__" else ()) & MISSING.keys()):
        # Where servers are required, as in CI, the run has been stopped before.
        item.add_marker(pytest.mark.skip(reason=f"no {server}: {MISSING[server]}"))


@pytest.fixture
def library(database: str) -> None:
    """Fill the tables of the library in the database of the test."""
    data.populate()


@pytest.fixture(autouse=True)
def _nothing_learned() -> Iterator[None]:
    """Let no test see what another one taught autoprefetch, nor how often others had it inspect a model."""
    autoprefetch.reset()
    columns._inspected.clear()
    yield
    autoprefetch.reset()


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    """Run an `async def` test so that its database work stays on this thread, inside the test's transaction."""
    if not inspect.iscoroutinefunction(pyfuncitem.obj):
        return None
    arguments = {name: pyfuncitem.funcargs[name] for name in pyfuncitem._fixtureinfo.argnames}
    async_to_sync(pyfuncitem.obj)(**arguments)
    return True
