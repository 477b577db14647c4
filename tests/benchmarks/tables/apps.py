"""The app that holds the tables."""

from django.apps import AppConfig


class TablesConfig(AppConfig):
    name = "tests.benchmarks.tables"
    label = "benchmark_tables"
