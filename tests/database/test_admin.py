"""The admin of the database store: what is known can be found and forgotten, and nothing else."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib import admin
from django.contrib.auth.models import Permission, User
from django.contrib.contenttypes.models import ContentType
from django.test import Client, override_settings
from django.urls import path

from autoprefetch.database.admin import CallSiteAdmin
from autoprefetch.database.models import CallSite
from autoprefetch.database.store import DatabaseStore
from autoprefetch.learn.histories import History
from autoprefetch.learn.profiles import Profile, Usage
from tests.sites import MIDDLEWARE, TEMPLATES

site = admin.AdminSite()
site.register(CallSite, CallSiteAdmin)
urlpatterns = [path("admin/", site.urls)]

pytestmark = [pytest.mark.django_db, pytest.mark.urls(__name__)]

LIST = "/admin/autoprefetch_database/callsite/"
ONE = History.of(Profile(3, 48, usages={("author",): Usage(3, 48, 48)}), 0)


@pytest.fixture(autouse=True)
def _settings() -> Any:
    with override_settings(MIDDLEWARE=MIDDLEWARE, TEMPLATES=TEMPLATES):
        yield


@pytest.fixture
def known() -> list[str]:
    keys = ["shop.views:books/auto#0 < library.Book", "shop.views:tags/auto#0 < library.Tag"]
    DatabaseStore()._merge(dict.fromkeys(keys, ONE))  # within the transaction of the test
    return keys


def client(*permissions: str) -> Client:
    user = User.objects.create_user("staff", is_staff=True)
    kind = ContentType.objects.get_for_model(CallSite)
    user.user_permissions.set(Permission.objects.filter(content_type=kind, codename__in=permissions))
    found = Client()
    found.force_login(user)
    return found


def test_call_sites_can_be_looked_at_and_searched(known: list[str]) -> None:
    """With their evaluations."""
    staff = client("view_callsite")
    page = staff.get(LIST).content.decode()
    assert "shop.views:books" in page
    assert "shop.views:tags" in page
    assert '<td class="field-evaluations">3</td>' in page
    found = staff.get(LIST, {"q": "tags"}).content.decode()
    assert "shop.views:tags" in found
    assert "shop.views:books" not in found


def test_what_was_learned_can_be_forgotten(known: list[str]) -> None:
    """By those who may delete."""
    staff = client("view_callsite", "delete_callsite")
    chosen = CallSite.objects.get(key=known[0]).pk
    data = {"action": "forget", "_selected_action": [chosen]}
    page = staff.post(LIST, data, follow=True).content.decode()
    assert "Forgot 1 call site." in page
    assert [call_site.key for call_site in CallSite.objects.all()] == known[1:]
    assert "delete_selected" not in page


def test_nothing_can_be_forgotten_without_the_permission(known: list[str]) -> None:
    """Looking is another right."""
    staff = client("view_callsite")
    staff.post(LIST, {"action": "forget", "_selected_action": [CallSite.objects.all()[0].pk]})
    assert CallSite.objects.count() == len(known)
    assert "Forget what was learned" not in staff.get(LIST).content.decode()


@pytest.mark.parametrize("permissions", [["view_callsite", "add_callsite", "change_callsite"], []])
def test_nothing_can_be_added_or_changed(permissions: list[str], known: list[str]) -> None:
    """Counts are not made up; who may not look sees nothing."""
    staff = client(*permissions)
    pk = CallSite.objects.all()[0].pk
    assert staff.get(f"{LIST}add/").status_code == 403
    assert staff.post(f"{LIST}{pk}/change/", {"evaluations": 9}).status_code == 403
    assert staff.get(LIST).status_code == (200 if permissions else 403)


def test_nobody_sees_anything_without_logging_in(known: list[str]) -> None:
    """As in each admin."""
    assert Client().get(LIST).status_code == 302
