"""The routes of a project that includes the dashboard, beside its admin and its own views."""

from __future__ import annotations

from django.contrib import admin
from django.urls import include, path

from tests.library.views import AuthorsView, CatalogueView

urlpatterns = [
    path("admin/", admin.AdminSite().urls),
    path("catalogue/", CatalogueView.as_view()),
    path("authors/", AuthorsView.as_view()),
    path("autoprefetch/", include("autoprefetch.web.dashboard.urls")),
]
