"""Who may look, and who may forget: as in the admin."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client, override_settings
from django.urls import include, path

from autoprefetch.evaluation import engine
from tests.web.dashboard.sites import COLD, LIST, OTHERS, SETTINGS, WARM, address, client, user

FORGET = address(COLD, "forget")
PAGES = [LIST, address(COLD), FORGET]

urlpatterns = [path("tools/", include("autoprefetch.web.dashboard.urls", namespace="tools"))]

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _others() -> None:
    for key, history in OTHERS.items():
        engine.store.merge(key, history)


def known() -> set[str]:
    return {key for key, _ in engine.store.items()}


@pytest.mark.parametrize("page", PAGES)
def test_who_has_not_logged_in_is_asked_to(page):
    """In the admin, and comes back to the page."""
    for answer in (Client().get(page), Client().head(page), Client().post(page)):
        assert (answer.status_code, answer.headers["Location"]) == (302, f"/admin/login/?next={page}")


@pytest.mark.parametrize("page", PAGES)
@pytest.mark.parametrize("permissions", [(), ("delete_callsite",)])
def test_other_users_get_403(page, permissions):
    """Whatever permissions they have."""
    found = Client()
    found.force_login(user(is_staff=False, permissions=permissions))
    assert {found.get(page).status_code, found.head(page).status_code, found.post(page).status_code} == {403}
    assert known() == set(OTHERS)


def test_staff_that_was_dismissed_is_nobody():
    """Its session ends with it."""
    found = client("delete_callsite")
    assert found.get(LIST).status_code == 200
    user_of_it = user("other")
    user_of_it.is_active = False
    user_of_it.save()
    found.force_login(user_of_it)
    assert found.get(LIST).status_code == 302


def test_without_an_admin_one_logs_in_where_the_settings_say():
    """The dashboard needs no admin."""
    with override_settings(ROOT_URLCONF=__name__, LOGIN_URL="/log-in/"):
        assert Client().get("/tools/").headers["Location"] == "/log-in/?next=/tools/"


def test_it_can_be_included_under_another_name():
    """Its pages lead to each other all the same."""
    with override_settings(ROOT_URLCONF=__name__):
        staff = client("delete_callsite")
        page = staff.get("/tools/").content.decode()
        there = address(COLD).replace(LIST, "/tools/")
        assert f'href="{there}"' in page
        assert f'action="{there}forget/"' in staff.get(there).content.decode()
        assert staff.post(f"{there}forget/").headers["Location"] == "/tools/?forgotten"


def test_who_may_not_forget_can_look_at_everything():
    """And reads what it takes."""
    staff = client("view_callsite", "change_callsite", "add_callsite")
    page = staff.get(address(COLD)).content.decode()
    assert "<form" not in page
    assert "autoprefetch_database.delete_callsite" in page
    assert staff.post(FORGET).status_code == 403
    assert known() == set(OTHERS)


def test_who_may_delete_in_the_admin_may_forget_here():
    """One call site, by a form; twice does no harm."""
    staff = client("delete_callsite")
    assert f'<form method="post" action="{FORGET}">' in staff.get(address(COLD)).content.decode()
    answer = staff.post(FORGET, follow=True)
    assert answer.redirect_chain == [(f"{LIST}?forgotten", 302)]
    assert "Forgotten." in answer.content.decode()
    assert known() == set(OTHERS) - {COLD}
    assert staff.post(FORGET).status_code == 302
    assert staff.get(address(COLD)).status_code == 404


@pytest.mark.parametrize("middleware", [SETTINGS["MIDDLEWARE"], [m for m in SETTINGS["MIDDLEWARE"] if "Csrf" not in m]])
def test_no_other_site_can_forget_anything(middleware: Any):
    """The form has a token, also in a project that does without the middleware."""
    with override_settings(MIDDLEWARE=middleware):
        staff = client("delete_callsite", enforce_csrf_checks=True)
        assert staff.post(FORGET).status_code == 403
        assert known() == set(OTHERS)
        page = staff.get(address(COLD)).content.decode()
        token = page.partition('name="csrfmiddlewaretoken" value="')[2].partition('"')[0]
        assert staff.post(FORGET, {"csrfmiddlewaretoken": token}).status_code == 302
    assert known() == set(OTHERS) - {COLD}


def test_nothing_is_changed_by_looking():
    """Who comes back to the address of the form after logging in is shown the call site."""
    staff = client("delete_callsite")
    assert staff.get(FORGET).headers["Location"] == address(COLD)
    assert {staff.get(page).status_code for page in (LIST, address(WARM))} == {200}
    assert {staff.post(page).status_code for page in (LIST, address(WARM))} == {405}
    assert dict(engine.store.items()) == OTHERS
