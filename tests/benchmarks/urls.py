"""The dashboards that row S requests."""

from django.urls import path

from demo_site.bank.urls import urlpatterns as bank_patterns
from tests.benchmarks.rows.dashboard_views import VIEWS

urlpatterns = [
    *bank_patterns,
    *(path(f"{name}/", view.as_view(), name=name) for name, view in VIEWS.items()),
]
