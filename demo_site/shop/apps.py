"""The Django app of the shop."""

from __future__ import annotations

from django.apps import AppConfig


class ShopConfig(AppConfig):
    """Register the shop under the short label that its tables carry."""

    name = "demo_site.shop"
    label = "shop"
