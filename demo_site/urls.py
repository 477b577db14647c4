"""The demo site: the start page, the trials of the pages, and the pages themselves."""

from __future__ import annotations

from django.urls import include, path

from demo_site.assets import AssetView
from demo_site.start_page import StartPage
from demo_site.trial_page import TrialPage

urlpatterns = [
    path("", StartPage.as_view(), name="start"),
    path("", include("demo_site.bank.urls")),
    path("shop/", include("demo_site.shop.urls")),
    path("try/<slug:name>/", TrialPage.as_view(), name="try"),
    path("site.css", AssetView.as_view(file="site.css", content_type="text/css"), name="stylesheet"),
    path("icon.svg", AssetView.as_view(file="icon.svg", content_type="image/svg+xml"), name="icon"),
]
