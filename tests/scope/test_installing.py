"""When `SCOPE` takes effect: from `AppConfig.ready()`, and at once when the settings change.

Each test has a process of its own, because hooks stay for good.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

PROJECT = """
import django
from django.conf import settings

settings.configure(
    INSTALLED_APPS=["django.contrib.contenttypes", "django.contrib.auth", *{apps}],
    DATABASES={{"default": {{"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}}}},
    AUTOPREFETCH={setting},
)
django.setup()

from django.contrib.auth.models import Group, Permission
from django.core.management import call_command
from django.db import connection
from django.db.models import QuerySet
from django.test.utils import CaptureQueriesContext, override_settings

PLAIN = not hasattr(QuerySet._fetch_all, "__wrapped__")
call_command("migrate", verbosity=0)


def loop():
    with CaptureQueriesContext(connection) as queries:
        [permission.content_type.model for permission in Permission.objects.all()]
    return len(queries)
"""


def run(body: str, setting: dict[str, object], apps: list[str]) -> str:
    """Run a program in a project of its own; return what it printed."""
    program = PROJECT.format(apps=apps, setting=setting) + body
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", program],
        capture_output=True,
        text=True,
        check=False,
        cwd=Path(__file__).parents[2],
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_the_app_hooks_django_where_the_settings_ask_for_it():
    """No import and no call in the project's own code: the setting is enough."""
    printed = run("print(PLAIN, loop() < 4, loop() < 4)", {"SCOPE": "all"}, ["autoprefetch"])
    assert printed == "False True True"


@pytest.mark.parametrize("setting", [{}, {"SCOPE": "explicit"}, {"SCOPE": "all", "MODE": "off"}])
def test_nothing_is_hooked_where_nothing_is_asked_for(setting):
    """With the default, and with MODE "off", Django's methods are its own until `auto()` is called."""
    assert run("print(PLAIN)", setting, ["autoprefetch"]) == "True"


def test_override_settings_hooks_at_once():
    """The first change to another scope hooks Django; after the block nothing is automatic again."""
    body = """
with override_settings(AUTOPREFETCH={"SCOPE": ["auth.Permission"]}):
    inside = loop()
print(PLAIN, inside < 4, loop() > 10)
"""
    assert run(body, {}, ["autoprefetch"]) == "True True True"


def test_override_hooks_at_once():
    """Also where the app is not installed."""
    body = """
from autoprefetch import override

with override(SCOPE="all"):
    inside = loop()
print(PLAIN, inside < 4, loop() > 10)
"""
    assert run(body, {}, []) == "True True True"


def test_a_scope_that_waits_for_its_mode_takes_effect_with_the_mode():
    """In a project that has MODE "off", a block that switches it on has the scope of the settings."""
    body = """
from autoprefetch import override

with override(MODE="auto"):
    inside = loop()
print(PLAIN, inside < 4, loop() > 10)
"""
    assert run(body, {"SCOPE": "all", "MODE": "off"}, ["autoprefetch"]) == "True True True"


LEFT_ALONE = """
from django.core import serializers
from autoprefetch import auto, override, report

{widen}
text = serializers.serialize("xml", Group.objects.all())
Group.objects.create(name="a").permissions.add(*Permission.objects.all()[:3])
text = serializers.serialize("xml", Group.objects.all(), use_natural_foreign_keys=True)
learned = len(report().call_sites)
[group for group in serializers.deserialize("xml", text)]
print(len(report().call_sites) == learned > 0)
"""


@pytest.mark.parametrize("apps", [["autoprefetch"], []], ids=["the app", "auto() alone"])
def test_whatever_widens_the_scope_leaves_deserialisers_alone(apps):
    """With the app from the start, without it from the first `auto()`."""
    body = LEFT_ALONE.format(widen="list(auto(Permission))")
    assert run(body, {"SCOPE": "all", "LOG_SUGGESTIONS": False}, apps) == "True"


IN_A_VIEW = """
def page(request, page):
    return answer(autoprefetch.auto(Permission.objects.order_by("pk")))
"""
IN_A_CLASS = """
class Permissions(View):
    queryset = autoprefetch.auto(Permission.objects.order_by("pk"))

    def get(self, request, page):
        return answer(self.queryset.all())


page = Permissions.as_view()
"""


@pytest.mark.parametrize("page", [IN_A_VIEW, IN_A_CLASS], ids=["in a view", "in a class, while its URL is looked up"])
def test_the_first_request_of_a_process_has_its_route_too(page, tmp_path):
    """Its `auto()` call hooks Django in the midst of it; what it shows is of use to the second request."""
    (tmp_path / "pages.py").write_text(f"""
from django.contrib.auth.models import Permission
from django.http import HttpResponse
from django.urls import path
from django.views import View

import autoprefetch


def answer(permissions):
    return HttpResponse([permission.content_type.model for permission in permissions])

{page}
urlpatterns = [path("permissions/<int:page>/", page)]
""")
    body = f"""
import sys
from django.test import Client

sys.path.append({str(tmp_path)!r})
counts = []
with override_settings(ROOT_URLCONF="pages", ALLOWED_HOSTS=["*"], LOGGING_CONFIG=None):
    for page in range(3):
        with CaptureQueriesContext(connection) as queries:
            Client().get(f"/permissions/{{page}}/")
        counts.append(len(queries))
import autoprefetch
(site,) = autoprefetch.report().call_sites
print(PLAIN, counts, "GET permissions/<int:page>/" in site.key)
"""
    assert run(body, {"LOG_SUGGESTIONS": False}, []) == "True [2, 1, 1] True"


def test_a_label_of_no_installed_model_is_a_check_error_that_names_it():
    """And autoprefetch is off until it is mended."""
    body = """
import logging
logging.disable()
from django.core.checks import run_checks

[error] = [found for found in run_checks() if found.id == "autoprefetch.E001"]
print(error.msg)
print(loop() > 10)
"""
    printed = run(body, {"SCOPE": ["auth.Permission", "auth.Persmission"]}, ["autoprefetch"])
    assert "No installed model is called 'auth.Persmission'." in printed
    assert 'a list of labels of installed models, such as "bank.Account"' in printed
    assert printed.endswith("True")
