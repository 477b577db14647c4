"""Importing on demand: a package has its public names without having imported them."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import autoprefetch
from autoprefetch import testing


def modules_imported_by(code: str) -> set[str]:
    """Return the modules that some code imports, in a process of its own."""
    report = f"import sys\n{code}\nprint(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", report], capture_output=True, text=True, check=True, cwd=Path(__file__).parents[1]
    )
    return set(done.stdout.split())


def imported_by(code: str) -> set[str]:
    """Return the top-level packages that some code imports, in a process of its own."""
    return {name.partition(".")[0] for name in modules_imported_by(code)}


@pytest.mark.parametrize("module", ["autoprefetch", "autoprefetch.testing", "autoprefetch.testing.plugin"])
def test_a_package_alone_imports_no_django(module):
    """So a plugin of it may be loaded before Django is set up."""
    assert "django" not in imported_by(f"import {module}")


@pytest.mark.parametrize("name", autoprefetch.__all__)
def test_any_public_name_brings_the_engine(name):
    """It listens for `SCOPE`, which `override()` changes too."""
    code = f"from autoprefetch import {name}\nassert 'autoprefetch.evaluation' in sys.modules"
    assert "django" in imported_by(code)


@pytest.mark.parametrize("package", [autoprefetch, testing])
def test_other_names_are_missing_as_usual(package):
    """With the message of Python."""
    with pytest.raises(AttributeError, match=rf"^module '{package.__name__}' has no attribute 'nonsense'$"):
        _ = package.nonsense
    assert not hasattr(package, "nonsense")


# The start of a process -----------------------------------------------------------------------------------------------


START = """
import django
from django.conf import settings

settings.configure(
    INSTALLED_APPS=["django.contrib.contenttypes", "django.contrib.auth", *{apps}],
    DATABASES={{"default": {{"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}}}},
    AUTOPREFETCH={setting},
)
django.setup()
"""

#: What comes with advice, with XML fixtures and with the parts that are asked for by name.
NOT_AT_THE_START = {
    "autoprefetch.advise.advising",
    "autoprefetch.database",
    "autoprefetch.management",
    "autoprefetch.surveying",
    "autoprefetch.testing",
    "autoprefetch.web",
    "debug_toolbar",
    "django.core.serializers.xml_serializer",
    "libcst",
    "structlog",
    "urllib.request",
    "xml",
}


def added_by(code: str, apps: list[str], setting: dict[str, object] | None = None) -> set[str]:
    """Return the modules that a project imports when it starts, beside those of Django's own start."""
    plain = modules_imported_by(START.format(apps=[], setting={}))
    return modules_imported_by(START.format(apps=apps, setting=setting or {}) + code) - plain


def test_the_app_alone_imports_the_settings_and_the_checks():
    """The engine comes with `auto`, which the project's own modules import."""
    added = added_by("", ["autoprefetch"])
    assert {"autoprefetch.checks", "autoprefetch.conf"} <= added
    assert not added & {"autoprefetch.evaluation", "autoprefetch.orm", "autoprefetch.plan", "wrapt"}
    assert not added & NOT_AT_THE_START


def test_the_engine_imports_no_advice_before_there_is_some():
    """Neither structlog nor what reads and writes source."""
    added = added_by("from autoprefetch import auto", ["autoprefetch"])
    assert {"autoprefetch.evaluation", "wrapt"} <= added
    assert not added & NOT_AT_THE_START


def test_the_middleware_imports_no_advice_before_there_is_some():
    """It has something to say above the threshold only."""
    added = added_by("import autoprefetch.web.middleware", ["autoprefetch"])
    assert not added & NOT_AT_THE_START - {"autoprefetch.web"}


def test_a_scope_brings_the_engine_and_what_django_reads_for_itself():
    """So that the first fixture that is loaded is left alone, whatever its format."""
    added = added_by("", ["autoprefetch"], {"SCOPE": "all"})
    assert {"autoprefetch.evaluation", "django.core.serializers.xml_serializer"} <= added
    assert "structlog" not in added


def test_threads_that_ask_for_the_first_advice_at_once_all_get_it():
    """Each has the names whole, whoever imports them."""
    code = """
import threading
from autoprefetch import advise, report

ready, found = threading.Barrier(8), []

def ask():
    ready.wait()
    found.append((advise.Report is type(report()), callable(advise.log_once), callable(advise.faulted)))

threads = [threading.Thread(target=ask) for _ in range(8)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
assert found == [(True, True, True)] * 8, found
"""
    assert "structlog" in added_by(code, ["autoprefetch"])
