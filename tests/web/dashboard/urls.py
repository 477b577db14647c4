"""The routes of a project that includes the dashboard, beside its admin."""

from __future__ import annotations

from django.contrib import admin
from django.urls import include, path

urlpatterns = [
    path("admin/", admin.AdminSite().urls),
    path("autoprefetch/", include("autoprefetch.web.dashboard.urls")),
]
