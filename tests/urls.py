"""The routes of the test project; a test that needs others overrides ROOT_URLCONF."""

from django.urls import URLPattern, URLResolver

urlpatterns: list[URLPattern | URLResolver] = []
