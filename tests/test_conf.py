"""The settings: what each key accepts, what is said of the rest, and how a change takes effect."""

from __future__ import annotations

import asyncio
import inspect
import logging
import threading
from pathlib import Path
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.test import override_settings
from django.views import View

from autoprefetch import InvalidSettingsError, auto, conf, override, report
from autoprefetch.rules import RULES
from tests.library.models import Book

MEMORY = "autoprefetch.learn.stores.memory.MemoryStore"
FILE = "autoprefetch.learn.stores.file.FileStore"
CACHE = "autoprefetch.learn.stores.cache.CacheStore"
DATABASE = "autoprefetch.database.store.DatabaseStore"

DEFAULTS = {
    "MODE": "auto",
    "SCOPE": "explicit",
    "STORE": {"BACKEND": MEMORY, "OPTIONS": {}},
    "CALL_SITE_DEPTH": 3,
    "MAX_CALL_SITES": 2000,
    "MAX_BATCH": 2000,
    "JOIN_UNORDERED": False,
    "AHEAD": True,
    "QUERY_THRESHOLD": 50,
    "LOG_SUGGESTIONS": True,
    "IGNORE": [],
}

ACCEPTED: dict[str, list[Any]] = {
    "MODE": ["auto", "learn", "apply", "strict", "off"],
    "SCOPE": ["explicit", "all", ["library.Book"], ("library.book", "auth.User"), []],
    "STORE": [
        {"BACKEND": MEMORY, "OPTIONS": {}},
        {"BACKEND": MEMORY},
        {"BACKEND": FILE, "OPTIONS": {"PATH": "autoprefetch.json", "FLUSH_INTERVAL": 1, "REFRESH_INTERVAL": 0.5}},
        {"BACKEND": FILE, "OPTIONS": {"PATH": Path("autoprefetch.json")}},
        {"BACKEND": CACHE},
        {"BACKEND": CACHE, "OPTIONS": {"ALIAS": "redis", "TIMEOUT": 60}},
        {"BACKEND": DATABASE, "OPTIONS": {"ALIAS": "default"}},
    ],
    "CALL_SITE_DEPTH": [1, 3, 20],
    "MAX_CALL_SITES": [1, 100_000],
    "MAX_BATCH": [1, 50_000],
    "JOIN_UNORDERED": [True, False],
    "AHEAD": [True, False],
    "QUERY_THRESHOLD": [0, 1, 1000],
    "LOG_SUGGESTIONS": [True, False],
    "IGNORE": [[], (), ["library.Book.author", "shop.views:*"]],
}

REFUSED: dict[str, list[Any]] = {
    "MODE": ["on", "AUTO", "", True, None, 1, ["auto"]],
    "SCOPE": ["ALL", "library.Book", ["library.Bok"], ["Book"], [None], {"library.Book"}, True, None],
    "STORE": [
        MEMORY,
        None,
        {},
        {"BACKEND": "shop.stores.Unknown"},
        {"BACKEND": 1},
        {"BACKEND": FILE},
        {"BACKEND": FILE, "OPTIONS": {"PATH": 1}},
        {"BACKEND": FILE, "OPTIONS": {"PATH": "a.json", "FLUSH_INTERVAL": 0}},
        {"BACKEND": FILE, "OPTIONS": {"PATH": "a.json", "REFRESH_INTERVAL": "often"}},
        {"BACKEND": FILE, "OPTIONS": {"path": "a.json"}},
        {"BACKEND": CACHE, "OPTIONS": {"ALIAS": "nowhere"}},
        {"BACKEND": CACHE, "OPTIONS": {"TIMEOUT": 0}},
        {"BACKEND": DATABASE, "OPTIONS": {"ALIAS": "nowhere"}},
        {"BACKEND": MEMORY, "OPTIONS": {"limit": 1}},
        {"BACKEND": MEMORY, "OPTIONS": None},
        {"BACKEND": MEMORY, "LOCATION": "here"},
    ],
    "CALL_SITE_DEPTH": [0, -1, 1.5, "3", True, None],
    "MAX_CALL_SITES": [0, -1, 2e3, "2000", True, None],
    "MAX_BATCH": [0, -1, 2e3, "2000", False, None],
    "JOIN_UNORDERED": [1, 0, "yes", None],
    "AHEAD": [1, 0, "yes", None],
    "QUERY_THRESHOLD": [-1, 1.5, "50", True, None],
    "LOG_SUGGESTIONS": [1, 0, "yes", None],
    "IGNORE": ["library.Book.author", None, [1], [None], {"library.Book": "author"}],
}

ALLOWED = {
    "MODE": ['"auto"', '"learn"', '"apply"', '"strict"', '"off"'],
    "SCOPE": ['"explicit"', '"all"', "list of labels of installed models"],
    "STORE": ["BACKEND", MEMORY],
    "CALL_SITE_DEPTH": ["whole number", "1"],
    "MAX_CALL_SITES": ["whole number", "1"],
    "MAX_BATCH": ["whole number", "1"],
    "JOIN_UNORDERED": ["True", "False"],
    "AHEAD": ["True", "False"],
    "QUERY_THRESHOLD": ["whole number", "0"],
    "LOG_SUGGESTIONS": ["True", "False"],
    "IGNORE": ["list", "strings"],
}


def each(table: dict[str, list[Any]]) -> Any:
    return pytest.mark.parametrize(
        ("key", "value"), [(key, value) for key, values in table.items() for value in values]
    )


def value_of(key: str) -> Any:
    return getattr(conf.current(), key.lower())


def comparable(value: Any) -> Any:
    """Patterns and labels may come in any kind of list, and labels in any case."""
    return {item.lower() for item in value} if isinstance(value, list | tuple | frozenset) else value


# What is accepted ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("key", "value"), DEFAULTS.items())
def test_each_key_has_its_default(key, value):
    """A project that sets nothing gets what the documentation promises."""
    found = value_of(key)
    assert (list(found) if isinstance(value, list) else found) == value


def test_every_key_is_described_with_its_default():
    """On the page that the system check names."""
    page = (Path(__file__).parents[1] / "docs" / "reference" / "settings.md").read_text()
    rows = [[cell.strip() for cell in line.split(" | ")] for line in page.splitlines() if line.startswith("| `")]
    described = {row[0].strip("|` "): row[2].strip("`") for row in rows if row[0].strip("|` ").isupper()}
    assert described == {key: repr(value).replace("'", '"') for key, value in DEFAULTS.items()}


def test_every_key_has_a_rule_and_no_rule_is_left_over():
    """The tables of this file cover all keys."""
    assert set(RULES) == set(DEFAULTS) == set(ACCEPTED) == set(REFUSED) == set(ALLOWED)


@each(ACCEPTED)
def test_an_accepted_value_is_in_force(key, value):
    """The value is what the package then reads."""
    with override_settings(AUTOPREFETCH={key: value}):
        assert comparable(value_of(key)) == comparable(value)


@each(REFUSED)
def test_a_refused_value_is_named_with_its_key_and_what_is_allowed(key, value):
    """The message says all that is needed to mend the setting."""
    [problem] = conf.problems_of({key: value})
    assert key in problem
    assert repr(value) in problem
    assert all(allowed in problem for allowed in ALLOWED[key])


@pytest.mark.parametrize(
    ("store", "fault"),
    [
        ({"BACKEND": "shop.stores.Unknown"}, "The backend cannot be imported: No module named 'shop'. "),
        ({"BACKEND": MEMORY, "OPTIONS": {"LIMIT": 1}}, "The backend takes no option 'LIMIT', but none. "),
        (
            {"BACKEND": FILE, "OPTIONS": {"FILE": "a.json"}},
            "The backend takes no option 'FILE', but PATH, FLUSH_INTERVAL, REFRESH_INTERVAL. ",
        ),
        ({"BACKEND": FILE, "OPTIONS": {}}, "PATH must name a file. "),
        ({"BACKEND": CACHE, "OPTIONS": {"ALIAS": "nowhere"}}, "CACHES has no 'nowhere'. "),
        ({"BACKEND": DATABASE, "OPTIONS": {"ALIAS": "nowhere"}}, "DATABASES has no 'nowhere'. "),
        (
            {"BACKEND": FILE, "OPTIONS": {"PATH": "a.json", "FLUSH_INTERVAL": -1}},
            "FLUSH_INTERVAL must be a number of seconds above 0. ",
        ),
    ],
)
def test_what_is_wrong_with_a_store_is_said(store, fault):
    """A person should not have to guess which of its options it is."""
    [problem] = conf.problems_of({"STORE": store})
    assert fault in problem


def test_the_database_store_needs_its_app():
    """Without it there is no table."""
    apps = [app for app in settings.INSTALLED_APPS if app != "autoprefetch.database"]
    with override_settings(INSTALLED_APPS=apps):
        [problem] = conf.problems_of({"STORE": {"BACKEND": DATABASE}})
    assert '"autoprefetch.database" has to be in INSTALLED_APPS.' in problem


@pytest.mark.parametrize("key", ["MODUS", "mode", "Mode", "IGNORED", "", 1, None])
def test_an_unknown_key_is_named_with_the_known_ones(key):
    """A misspelt key is an error, and the right one stands in the message."""
    [problem] = conf.problems_of({key: "auto"})
    assert repr(key) in problem
    assert all(known in problem for known in DEFAULTS)


@pytest.mark.parametrize("value", [None, "auto", ["MODE"], ("MODE", "off"), 1, {"MODE"}])
def test_a_setting_that_is_no_dict_is_named(value):
    """The whole setting may be wrong."""
    [problem] = conf.problems_of(value)
    assert repr(value) in problem
    assert "dict" in problem


def test_each_problem_is_told():
    """Not only the first one."""
    problems = conf.problems_of({"MODE": "on", "AHEAD": 1, "MODUS": 1, "MAX_BATCH": 5})
    assert len(problems) == 3


# override_settings --------------------------------------------------------------------------------------------------


def test_override_settings_takes_effect_at_once():
    """Inside the block, and not after it; keys that are left out have their defaults."""
    assert value_of("MODE") == "auto"
    with override_settings(AUTOPREFETCH={"MODE": "learn", "AHEAD": False}):
        assert (value_of("MODE"), value_of("AHEAD")) == ("learn", False)
        with override_settings(AUTOPREFETCH={"MODE": "off"}):
            assert (value_of("MODE"), value_of("AHEAD")) == ("off", True)
        assert (value_of("MODE"), value_of("AHEAD")) == ("learn", False)
    assert value_of("MODE") == "auto"


def test_the_settings_fixture_takes_effect_at_once(settings):
    """As pytest-django changes settings."""
    settings.AUTOPREFETCH = {"MODE": "learn"}
    assert value_of("MODE") == "learn"
    settings.AUTOPREFETCH = {}
    assert value_of("MODE") == "auto"


@override_settings(AUTOPREFETCH={"MODE": "apply"})
def test_override_settings_works_as_a_decorator():
    """As in Django's own tests."""
    assert value_of("MODE") == "apply"


# override() ---------------------------------------------------------------------------------------------------------


@each(ACCEPTED)
def test_override_accepts_what_the_setting_accepts(key, value):
    """The same rules hold."""
    with override(**{key: value}):
        assert comparable(value_of(key)) == comparable(value)


@each(REFUSED)
def test_override_refuses_what_the_setting_refuses(key, value):
    """At once, before anything runs with it."""
    with pytest.raises(InvalidSettingsError) as raised:
        override(**{key: value})
    assert key in str(raised.value)
    assert repr(value) in str(raised.value)


def test_an_unknown_key_of_override_raises():
    """It names the key and the known ones, and is a ValueError."""
    with pytest.raises(InvalidSettingsError, match=r"MODUS.*MODE") as raised:
        override(MODUS="off")
    assert isinstance(raised.value, ValueError)
    assert len(raised.value.problems) == 1


def test_override_changes_its_keys_and_keeps_the_others():
    """Inside the block, and not after it."""
    with override_settings(AUTOPREFETCH={"MODE": "learn", "MAX_BATCH": 7}):
        with override(MODE="off"):
            assert (value_of("MODE"), value_of("MAX_BATCH")) == ("off", 7)
        assert (value_of("MODE"), value_of("MAX_BATCH")) == ("learn", 7)


def test_override_nests():
    """The inner block adds to the outer one, and leaves it as it was."""
    with override(MODE="learn", AHEAD=False):
        with override(MODE="strict"):
            assert (value_of("MODE"), value_of("AHEAD")) == ("strict", False)
            with override(AHEAD=True):
                assert (value_of("MODE"), value_of("AHEAD")) == ("strict", True)
        assert (value_of("MODE"), value_of("AHEAD")) == ("learn", False)
    assert (value_of("MODE"), value_of("AHEAD")) == ("auto", True)


def test_override_settings_within_override_changes_the_other_keys():
    """`override` keeps its keys, the project's settings give the rest."""
    with override(MODE="learn"):
        with override_settings(AUTOPREFETCH={"MODE": "off", "MAX_BATCH": 7}):
            assert (value_of("MODE"), value_of("MAX_BATCH")) == ("learn", 7)
        assert (value_of("MODE"), value_of("MAX_BATCH")) == ("learn", 2000)
    assert value_of("MODE") == "auto"


def test_settings_changed_within_two_overrides_hold_in_the_outer_one(settings):
    """Leaving the inner block does not bring the settings of before back."""
    with override(MODE="learn"):
        with override(AHEAD=False):
            settings.AUTOPREFETCH = {"MAX_BATCH": 7}
            assert value_of("MAX_BATCH") == 7
        assert (value_of("MODE"), value_of("AHEAD"), value_of("MAX_BATCH")) == ("learn", True, 7)


def test_override_ends_with_an_exception():
    """As every context manager should, and the exception passes."""
    with pytest.raises(KeyError), override(MODE="off"):
        raise KeyError
    assert value_of("MODE") == "auto"


def test_one_override_may_be_entered_twice():
    """An override kept in a variable can be used again, also inside itself."""
    off = override(MODE="off")
    with off:
        with off:
            assert value_of("MODE") == "off"
        assert value_of("MODE") == "off"
    assert value_of("MODE") == "auto"


@override(MODE="strict")
def decorated(levels: int = 0) -> tuple[str, int]:
    """Say the mode."""
    return (value_of("MODE"), levels) if not levels else decorated(levels - 1)


def test_override_decorates_a_function():
    """Each call runs with it, also a recursive one, and the function keeps its name and docstring."""
    assert decorated(3) == ("strict", 0)
    assert value_of("MODE") == "auto"
    assert (decorated.__name__, decorated.__doc__) == ("decorated", "Say the mode.")


@override(MODE="strict")
async def decorated_coroutine(pause: float = 0) -> str:
    await asyncio.sleep(pause)
    return str(value_of("MODE"))


async def test_override_decorates_a_coroutine_function():
    """It holds until the coroutine is done, not only until it is made."""
    assert await decorated_coroutine() == "strict"
    assert value_of("MODE") == "auto"
    assert inspect.iscoroutinefunction(decorated_coroutine)


async def test_a_decorated_coroutine_function_may_run_twice_at_a_time():
    """The tasks share the decorator, and nothing else."""
    found = await asyncio.gather(decorated_coroutine(0.01), decorated_coroutine(0.002), decorated_coroutine())
    assert found == ["strict"] * 3
    assert value_of("MODE") == "auto"


class AsyncPage(View):
    async def get(self, request: HttpRequest) -> HttpResponse:
        await asyncio.sleep(0)
        return HttpResponse(value_of("MODE"))


async def test_override_decorates_an_async_view():
    """Django marks the function of an async class-based view as a coroutine function; so is it taken."""
    request = HttpRequest()
    request.method = "GET"
    response = await override(MODE="strict")(AsyncPage.as_view())(request)
    assert response.content == b"strict"


async def test_override_is_an_async_context_manager():
    """`async with` does what `with` does."""
    async with override(MODE="off"):
        await asyncio.sleep(0)
        assert value_of("MODE") == "off"
    assert value_of("MODE") == "auto"


async def test_override_in_one_task_is_not_seen_by_another():
    """Each task has its own, whichever ends first."""

    async def task(mode: str, pause: float) -> list[str]:
        seen = [value_of("MODE")]
        with override(MODE=mode):
            await asyncio.sleep(pause)
            seen.append(value_of("MODE"))
        return [*seen, value_of("MODE")]

    first, second, third = await asyncio.gather(task("off", 0.01), task("learn", 0.002), task("strict", 0))
    assert (first, second, third) == (["auto", "off", "auto"], ["auto", "learn", "auto"], ["auto", "strict", "auto"])


async def test_override_is_seen_by_the_tasks_and_threads_it_starts():
    """Child tasks, and what `sync_to_async` runs in a thread."""

    async def child() -> Any:
        return value_of("MODE")

    with override(MODE="strict"):
        assert await asyncio.gather(child(), child()) == ["strict", "strict"]
        assert await sync_to_async(value_of)("MODE") == "strict"
        assert await asyncio.to_thread(value_of, "MODE") == "strict"


def test_override_in_one_thread_is_not_seen_by_another():
    """Two workers, each with its own mode."""
    ready, seen = threading.Barrier(2), {}

    def work(mode: str) -> None:
        with override(MODE=mode):
            ready.wait(5)
            seen[mode] = value_of("MODE")
            ready.wait(5)

    threads = [threading.Thread(target=work, args=(mode,)) for mode in ("off", "learn")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert seen == {"off": "off", "learn": "learn"}
    assert value_of("MODE") == "auto"


# Wrong settings at run time -----------------------------------------------------------------------------------------


@pytest.mark.django_db
@pytest.mark.parametrize("wrong", [{"MODE": "on"}, {"MODUS": "auto"}, None, "off", {"MODE": "auto", "AHEAD": "no"}])
def test_wrong_settings_switch_off_and_log_one_error(wrong, caplog):
    """A site that runs without the system checks goes on as plain Django, and its log says why."""
    caplog.set_level(logging.INFO, "autoprefetch")
    with override_settings(AUTOPREFETCH=wrong):
        for _ in range(3):
            books = Book.objects.all()
            assert auto(books) is books
            assert list(books) == []
        [record] = caplog.records
    assert record.levelno == logging.ERROR
    assert record.name == "autoprefetch"
    assert "AUTOPREFETCH" in record.getMessage()
    assert report().call_sites == ()


@pytest.mark.django_db
def test_settings_that_are_mended_are_in_force_again():
    """The next reading finds them."""
    with override_settings(AUTOPREFETCH={"MODE": "on"}):
        assert value_of("MODE") == "off"
    assert value_of("MODE") == "auto"


# What single keys do ------------------------------------------------------------------------------------------------


@pytest.mark.django_db
def test_max_call_sites_bounds_what_is_kept():
    """The least recently used call sites are forgotten first."""
    with override(MAX_CALL_SITES=3):
        for number in range(6):
            list(auto(Book.objects.all(), name=f"site {number}"))
        keys = {site.key.partition(" < ")[0] for site in report().call_sites}
    assert keys == {"site 3", "site 4", "site 5"}
