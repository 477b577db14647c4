"""The dashboards that row S requests."""

from django.urls import path

from demo_site.urls import urlpatterns as demo_patterns
from tests.benchmarks.rows.dashboard_views import VIEWS

urlpatterns = [
    *demo_patterns,
    *(path(f"{name}/", view.as_view(), name=name) for name, view in VIEWS.items()),
]
