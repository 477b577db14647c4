"""The Django app of the database store."""

from django.apps import AppConfig


class DatabaseConfig(AppConfig):
    """`"autoprefetch.database"` in `INSTALLED_APPS`."""

    name = "autoprefetch.database"
    label = "autoprefetch_database"
    verbose_name = "autoprefetch"
    default_auto_field = "django.db.models.BigAutoField"
