"""The pages of the shop, three times each."""

from __future__ import annotations

from django.urls import path

from demo_site.pages import SHOP

urlpatterns = [
    path(f"{page.name}/{view.replace('_', '-')}/", getattr(page, view).as_view(), name=name)
    for page in SHOP
    for view, name in page.links().items()
]
