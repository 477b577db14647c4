"""Who may look, who may forget, and who may ignore: as in the admin."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client, override_settings
from django.urls import include, path

from autoprefetch.evaluation import engine
from tests.web.dashboard.sites import COLD, LIST, OTHERS, SETTINGS, WARM, address, client, user

FORGET = address(COLD, "forget")
IGNORE, STOP = address(COLD, "ignore"), address(COLD, "stop-ignoring")
PAGES = [LIST, address(COLD), FORGET, IGNORE, STOP]

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
    for answer in (Client().get(page), Client().head(page), Client().post(page, {"name": "*"})):
        assert (answer.status_code, answer.headers["Location"]) == (302, f"/admin/login/?next={page}")
    assert dict(engine.store.items()) == OTHERS


@pytest.mark.parametrize("page", PAGES)
@pytest.mark.parametrize("permissions", [(), ("delete_callsite", "change_callsite")])
def test_other_users_get_403(page, permissions):
    """Whatever permissions they have."""
    found = Client()
    found.force_login(user(is_staff=False, permissions=permissions))
    asked = found.get(page), found.head(page), found.post(page, {"name": "*"})
    assert {answer.status_code for answer in asked} == {403}
    assert dict(engine.store.items()) == OTHERS


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
    staff = client("view_callsite", "add_callsite")
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


def decisions(key: str = COLD) -> dict[str, bool]:
    found = engine.store.load(key)
    assert found is not None
    return {name: decision.ignores for name, decision in found.decisions.items()}


def test_who_may_not_ignore_can_look_at_everything():
    """And reads what it takes, also of what is ignored."""
    staff = client("view_callsite", "delete_callsite", "add_callsite")
    page = staff.get(address(COLD)).content.decode()
    assert IGNORE not in page
    assert "You may look, and not ignore: that takes the permission <code>autoprefetch_database.change_callsite" in page
    assert {staff.post(IGNORE, {"name": "*"}).status_code, staff.post(STOP, {"name": "*"}).status_code} == {403}
    assert decisions() == {}
    client("change_callsite").post(IGNORE, {"name": "*"})
    page = client().get(address(COLD)).content.decode()
    assert "<strong>Ignored</strong> since " in page
    assert "Who has the permission <code>autoprefetch_database.change_callsite</code> can take that back" in page
    assert client().post(STOP, {"name": "*"}).status_code == 403
    assert decisions() == {"*": True}


@pytest.mark.parametrize(("name", "title"), [("*", "all of it"), ("reader", "reader"), ("copy__book", "copy__book")])
def test_who_may_change_in_the_admin_may_ignore_here(name: str, title: str):
    """A call site or one of its relations, by a form, and take it back by another; twice does no harm."""
    staff = client("change_callsite")
    for _ in range(2):
        answer = staff.post(IGNORE, {"name": name}, follow=True)
        assert answer.redirect_chain == [(f"{address(COLD)}?ignored", 302)]
        page = answer.content.decode()
        assert "Ignored from now on" in page
        assert f'formaction="{STOP}">Stop ignoring<span class="visually-hidden"> {title}</span>' in page
        assert decisions() == {name: True}
    for _ in range(2):
        answer = staff.post(STOP, {"name": name}, follow=True)
        assert answer.redirect_chain == [(f"{address(COLD)}?heeded", 302)]
        page = answer.content.decode()
        assert "Ignored no longer" in page
        assert f'name="name" value="{name}">Ignore<span class="visually-hidden"> {title}</span>' in page
        assert "Stop ignoring" not in page
        assert decisions() == {name: False}


@pytest.mark.parametrize("name", ["", "book", "reader__", "library.Loan.reader", "<script>"])
def test_what_the_call_site_does_not_have_cannot_be_ignored(name: str):
    """Nor can nothing at all."""
    staff = client("change_callsite")
    assert {staff.post(IGNORE, {"name": name}).status_code, staff.post(STOP, {"name": name}).status_code} == {400}
    assert staff.post(IGNORE).status_code == 400
    assert dict(engine.store.items()) == OTHERS


def test_what_another_has_forgotten_meanwhile_is_not_ignored():
    """The page says that nothing is known of it."""
    engine.store.delete(COLD)
    answer = client("change_callsite").post(IGNORE, {"name": "*"}, follow=True)
    assert answer.status_code == 404
    assert known() == set(OTHERS) - {COLD}


def test_forgetting_drops_what_was_decided():
    """With all else."""
    staff = client("change_callsite", "delete_callsite")
    staff.post(IGNORE, {"name": "*"})
    staff.post(FORGET)
    engine.store.merge(COLD, OTHERS[COLD])
    assert decisions() == {}
    assert "Stop ignoring" not in staff.get(address(COLD)).content.decode()


@pytest.mark.parametrize("middleware", [SETTINGS["MIDDLEWARE"], [m for m in SETTINGS["MIDDLEWARE"] if "Csrf" not in m]])
def test_no_other_site_can_ignore_anything(middleware: Any):
    """Nor take it back."""
    with override_settings(MIDDLEWARE=middleware):
        staff = client("change_callsite", enforce_csrf_checks=True)
        assert {staff.post(IGNORE, {"name": "*"}).status_code, staff.post(STOP, {"name": "*"}).status_code} == {403}
        assert decisions() == {}
        page = staff.get(address(COLD)).content.decode()
        token = page.partition('name="csrfmiddlewaretoken" value="')[2].partition('"')[0]
        assert staff.post(IGNORE, {"name": "*", "csrfmiddlewaretoken": token}).status_code == 302
        assert staff.post(STOP, {"name": "*"}).status_code == 403
        assert decisions() == {"*": True}
        assert staff.post(STOP, {"name": "*", "csrfmiddlewaretoken": token}).status_code == 302
    assert decisions() == {"*": False}


def test_nothing_is_changed_by_looking():
    """Who comes back to the address of the form after logging in is shown the call site."""
    staff = client("delete_callsite", "change_callsite")
    assert {staff.get(page).headers["Location"] for page in (FORGET, IGNORE, STOP)} == {address(COLD)}
    assert {staff.get(page).status_code for page in (LIST, address(WARM))} == {200}
    assert {staff.post(page).status_code for page in (LIST, address(WARM))} == {405}
    assert dict(engine.store.items()) == OTHERS
