"""The Django app of the bank."""

from __future__ import annotations

from django.apps import AppConfig


class BankConfig(AppConfig):
    """Register the bank under the short label that its tables carry."""

    name = "demo_site.bank"
    label = "bank"
