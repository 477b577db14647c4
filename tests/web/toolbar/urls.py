"""The routes of a project with the debug toolbar."""

from __future__ import annotations

from django.urls import include, path

from tests.web.toolbar import views

NAMES = [
    "titles",
    "books",
    "maybe",
    "one",
    "given",
    "twice",
    "secrets",
    "plain",
    "broken",
    "asynchronous",
    "related",
    "stream",
]

urlpatterns = [
    *(path(f"{name}/", getattr(views, name)) for name in NAMES),
    path("__debug__/", include("debug_toolbar.urls")),
]
