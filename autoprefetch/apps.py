"""The Django app: it brings the system checks, and `SCOPE` other than "explicit" from the start."""

from django.apps import AppConfig


class AutoprefetchConfig(AppConfig):
    """`"autoprefetch"` in `INSTALLED_APPS`."""

    name = "autoprefetch"
    verbose_name = "autoprefetch"

    def ready(self) -> None:
        """Register the checks, and hook Django where the settings make querysets automatic without `auto()`."""
        from autoprefetch import (
            checks,  # noqa: F401  (the import registers them)
            conf,
        )

        conf.when_scope_widens(_bring_engine)
        conf.announce_scope()


def _bring_engine() -> None:
    """Import the engine, which hooks Django; where `SCOPE` is "explicit", the project's own `auto` brings it."""
    from autoprefetch import evaluation

    evaluation.widened()
