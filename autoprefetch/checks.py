"""System checks: what is wrong with the settings, found before the first request."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.core import checks
from django.core.checks import CheckMessage, Error, Tags, register

from autoprefetch import conf, stores
from autoprefetch.conf import Config
from autoprefetch.rules import FILE_STORE, MEMORY_STORE

HINT = "autoprefetch is off until this is mended. The settings are described in docs/reference/settings.md."


@register(Tags.compatibility)
def settings_are_accepted(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    """Return one error (autoprefetch.E001) for each key of `AUTOPREFETCH` that is unknown or has a wrong value."""
    return [Error(problem, hint=HINT, id="autoprefetch.E001") for problem in conf.current_problems()]


@register(Tags.compatibility)
def there_is_something_to_apply(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    """Return a warning (autoprefetch.W001) where `MODE` is "apply" and nothing can be known: all would run plain."""
    fact = "" if conf.current_problems() else _nothing_to_apply(conf.current())
    hint = "Every queryset runs as plain Django. Name a store with what was learned, see docs/how-to."
    return [checks.Warning(fact, hint=hint, id="autoprefetch.W001")] if fact else []


def _nothing_to_apply(config: Config) -> str:
    backend = config.store["BACKEND"]
    if config.mode == "apply" and backend == MEMORY_STORE:
        return "AUTOPREFETCH['MODE'] is \"apply\", and the store is the memory of the process, which begins empty."
    path = stores.options_of(config.store).get("path", "")
    if config.mode == "apply" and backend == FILE_STORE and not Path(path).exists():
        return f"AUTOPREFETCH['MODE'] is \"apply\", and there is no file {path}."
    return ""
