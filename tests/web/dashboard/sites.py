"""Call sites for the tests of the dashboard: some evaluated here, others as a store knows them from other processes."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.models import Permission, User
from django.contrib.contenttypes.models import ContentType
from django.test import Client

from autoprefetch.database.models import CallSite
from autoprefetch.learn.histories import History
from autoprefetch.learn.profiles import Profile, Usage
from autoprefetch.web.dashboard.entries import digest_of
from tests.sites import MIDDLEWARE, TEMPLATES

LIST = "/autoprefetch/"

SETTINGS: dict[str, Any] = {
    "STATIC_URL": "static/",  # the server of the tests asks for it
    "MIDDLEWARE": [
        "django.middleware.security.SecurityMiddleware",
        "django.middleware.common.CommonMiddleware",
        *MIDDLEWARE,
    ],
    "TEMPLATES": TEMPLATES,
}


def used(times: float, loads: float, *, ahead: float = 0, rows: float | None = None, place: str = "") -> Usage:
    """Return the usage of a path in so many evaluations, with the lazy loads of each."""
    total = times * loads
    brought = total if rows is None else rows
    return Usage(times, total, total, brought, eager=ahead, first_access=place, distinct=loads)


def history(times: int, rows: int, warm: int = 0, queries: int = 0, **usages: Usage) -> History:
    """Return what is known of a call site that was evaluated so often; the names of paths are lookups."""
    paths = {tuple(name.split("__")): usage for name, usage in usages.items()}
    return History.of(Profile(times, times * rows, times, warm, warm * queries, usages=paths), 0)


COLD = "library.loans:OverdueView.get/auto#0@1f2e3d4c < GET loans/overdue/ < library.Loan"
WARM = "library.shelves:ShelfListView.get_queryset/auto#0@99aa88bb < GET branches/<int:pk>/shelves/ < library.Shelf"
UNUSED = "library.feeds:NewBooksFeed.items/auto#0@0a0b0c0d < GET feeds/new/ < library.Book"
NAMED = "the search results < library.Book"
GONE = "library.old:report/auto#0@12121212 < GET old/ < library.Vanished"

OTHERS = {
    COLD: history(
        2,
        180,
        copy__book=used(2, 180, place="library/templates/loans/overdue.html:14"),
        reader=used(2, 180, place="library/loans.py:52 OverdueView.row"),
        reader__branch=used(2, 140, place="library/loans.py:53 OverdueView.row"),
    ),
    WARM: history(
        412,
        24,
        409,
        2,
        branch=used(412, 24, ahead=409, rows=412 * 24, place="library/shelves.py:31 ShelfListView.row"),
        branch__street=used(412, 6, ahead=409, place="library/models.py:48 Street.__str__"),
        copies=used(95, 24, rows=95 * 300, place="library/templates/shelves.html:9"),
    ),
    UNUSED: history(64, 20, 63, 2, author=used(64, 20, ahead=63), tags=Usage(eager=63)),
    NAMED: history(31, 50, 30, 1, author=used(31, 50, ahead=30), publisher=used(31, 12, ahead=30)),
    GONE: history(3, 10, owner=used(3, 10)),
}
"""What other processes have learned."""


def address(key: str, *more: str) -> str:
    """Return the address of a call site."""
    return "/".join([f"{LIST}call-sites/{digest_of(key)}", *more, ""])


def user(name: str = "staff", *, is_staff: bool = True, permissions: tuple[str, ...] = ()) -> User:
    """Return a user of that name; the permissions are those of the database store."""
    found, _ = User.objects.get_or_create(username=name, defaults={"is_staff": is_staff})
    kind = ContentType.objects.get_for_model(CallSite)
    found.user_permissions.set(Permission.objects.filter(content_type=kind, codename__in=permissions))
    return found


def client(*permissions: str, enforce_csrf_checks: bool = False) -> Client:
    """Return the client of somebody of the staff."""
    found = Client(enforce_csrf_checks=enforce_csrf_checks)
    found.force_login(user(permissions=permissions))
    return found
