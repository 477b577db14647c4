"""The Django app: it brings the system checks."""

from django.apps import AppConfig


class AutoprefetchConfig(AppConfig):
    """`"autoprefetch"` in `INSTALLED_APPS`."""

    name = "autoprefetch"
    verbose_name = "autoprefetch"

    def ready(self) -> None:
        """Register the checks."""
        from autoprefetch import checks  # noqa: F401  (the import registers them)
