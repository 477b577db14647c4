"""The pages of the bank: one dashboard, three times."""

from __future__ import annotations

from django.urls import path

from demo_site.bank.views import AutoDashboardView, DashboardView, HandWrittenDashboardView, ReadyView

urlpatterns = [
    path("plain/", DashboardView.as_view(), name="plain"),
    path("auto/", AutoDashboardView.as_view(), name="auto"),
    path("hand-written/", HandWrittenDashboardView.as_view(), name="hand_written"),
    path("ready/", ReadyView.as_view(), name="ready"),
]
