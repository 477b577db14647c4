"""The routes of the dashboard: `path("autoprefetch/", include("autoprefetch.web.dashboard.urls"))`."""

from __future__ import annotations

from django.urls import path

from autoprefetch.web.dashboard.assets import serve
from autoprefetch.web.dashboard.views import CallSitesView, CallSiteView, ForgetView, IgnoreView

app_name = "autoprefetch"

urlpatterns = [
    path("", CallSitesView.as_view(), name="call_sites"),
    path("call-sites/<slug:digest>/", CallSiteView.as_view(), name="call_site"),
    path("call-sites/<slug:digest>/forget/", ForgetView.as_view(), name="forget"),
    path("call-sites/<slug:digest>/ignore/", IgnoreView.as_view(), name="ignore"),
    path("call-sites/<slug:digest>/stop-ignoring/", IgnoreView.as_view(ignores=False), name="stop_ignoring"),
    path("assets/<slug:digest>/<str:name>", serve, name="asset"),
]
