"""`SCOPE` "all" covers `django.contrib.auth`: users, groups, permissions and sessions of requests."""

from __future__ import annotations

import pytest
from django.contrib.auth import authenticate
from django.contrib.auth.models import Group, Permission, User
from django.contrib.contenttypes.models import ContentType
from django.http import HttpResponse
from django.test import Client, override_settings
from django.urls import path

from autoprefetch import override, report
from tests.equivalence.comparing import plain_cold_warm
from tests.library.models import Book
from tests.scope.sites import page

pytestmark = [pytest.mark.usefixtures("database"), pytest.mark.urls(__name__)]


def permissions_of(request):
    user = request.user
    lines = [f"{group.name}: {sorted(p.codename for p in group.permissions.all())}" for group in user.groups.all()]
    return HttpResponse(f"{user.username} {sorted(user.get_all_permissions())} {user.has_perm('library.lend')} {lines}")


urlpatterns = [path("permissions/", permissions_of)]
MIDDLEWARE = [
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
]


@pytest.fixture
def user(database):
    content_type = ContentType.objects.get_for_model(Book)
    user = User.objects.create_user("ines", password="secret")
    for name in ("lend", "buy", "sort"):
        group = Group.objects.create(name=f"may {name}")
        group.permissions.add(Permission.objects.create(name=name, codename=name, content_type=content_type))
        user.groups.add(group)
    return user


def test_a_request_with_user_and_session_is_the_same(user):
    """The permissions of three groups come in one query, with a session from the database."""
    with override_settings(MIDDLEWARE=MIDDLEWARE):
        client = Client()
        client.force_login(user)
        plain, cold, warm = plain_cold_warm(page(client, "/permissions/"), SCOPE="all")
    assert "may lend: ['lend']" in plain.value[1]
    assert cold.queries == plain.queries - 2, cold.log
    assert warm.queries <= cold.queries, warm.log


def test_a_session_that_no_application_frame_reads_has_a_call_site(user):
    """The nearest frame of a library, and the route where it is known."""
    with override_settings(MIDDLEWARE=MIDDLEWARE):
        client = Client()
        client.force_login(user)
        with override(SCOPE="all"):
            page(client, "/permissions/")()
    [session] = [site for site in report().call_sites if site.model == "sessions.Session"]
    assert "GET permissions/" in session.key


def test_authentication_and_permissions_are_the_same(user):
    """By password, right and wrong, and by permission, per user, group and model."""

    def view():
        right = authenticate(username="ines", password="secret")
        return (
            right and right.username,
            authenticate(username="ines", password="wrong"),
            sorted(right.get_group_permissions()),
            [found.username for found in User.objects.with_perm("library.lend", backend=BACKEND)],
            sorted(str(permission) for permission in Permission.objects.all()),
        )

    plain, cold, warm = plain_cold_warm(view, SCOPE="all")
    assert plain.error is None
    assert warm.queries <= cold.queries <= plain.queries


BACKEND = "django.contrib.auth.backends.ModelBackend"


def test_content_types_that_the_process_keeps_do_not_mix_requests_up(user):
    """Cached content types are instances that live on; what is asked of them later is asked afresh."""
    ContentType.objects.clear_cache()
    with override(SCOPE="all"):
        types = ContentType.objects.get_for_models(Book, User).values()
        before = [each.permission_set.count() for each in types]
        Permission.objects.create(name="read", codename="read", content_type=ContentType.objects.get_for_model(Book))
        after = [each.permission_set.count() for each in types]
    assert sum(after) == sum(before) + 1
