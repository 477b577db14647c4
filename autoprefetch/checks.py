"""System checks: what is wrong with the settings, found before the first request."""

from __future__ import annotations

from typing import Any

from django.core.checks import CheckMessage, Error, Tags, register

from autoprefetch import conf

HINT = "autoprefetch is off until this is mended. The settings are described in docs/reference/settings.md."


@register(Tags.compatibility)
def settings_are_accepted(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    """Return one error (autoprefetch.E001) for each key of `AUTOPREFETCH` that is unknown or has a wrong value."""
    return [Error(problem, hint=HINT, id="autoprefetch.E001") for problem in conf.current_problems()]
