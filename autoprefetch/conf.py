"""The settings: `AUTOPREFETCH = {...}` as one frozen `Config`. Nobody else reads Django's settings."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from contextlib import ContextDecorator
from contextvars import ContextVar, Token
from dataclasses import dataclass, field, fields
from functools import wraps
from typing import Any, Self, TypeVar, cast

from asgiref.sync import iscoroutinefunction
from django.apps import apps
from django.conf import settings
from django.core.signals import setting_changed

from autoprefetch.errors import InvalidSettingsError
from autoprefetch.rules import MEMORY_STORE, problems_of


@dataclass(frozen=True, slots=True)
class Config:
    """What the project chose; each attribute is the lower-case name of a key of `AUTOPREFETCH`."""

    mode: str = "auto"
    scope: str | frozenset[str] = "explicit"
    store: Mapping[str, object] = field(default_factory=lambda: {"BACKEND": MEMORY_STORE, "OPTIONS": {}})
    call_site_depth: int = 3
    max_call_sites: int = 2000
    max_batch: int = 2000
    join_unordered: bool = False
    ahead: bool = True
    query_threshold: int = 50
    log_suggestions: bool = True
    ignore: tuple[str, ...] = ()

    @property
    def widens(self) -> bool:
        """Whether querysets are automatic that nobody gave to `auto()`."""
        return self.scope != "explicit" and self.mode != "off"

    @property
    def applies(self) -> bool:
        """Whether plans are put on querysets."""
        return self.mode in ("auto", "apply", "strict")

    @property
    def learns(self) -> bool:
        """Whether recordings reach the profiles."""
        return self.mode in ("auto", "learn")


def _config_from(given: Mapping[str, object]) -> Config:
    values: dict[str, Any] = {key.lower(): value for key, value in given.items()}
    if "ignore" in values:
        values["ignore"] = tuple(values["ignore"])
    if not isinstance(values.get("scope", ""), (str, frozenset)):
        values["scope"] = frozenset(label.lower() for label in values["scope"])
    return Config(**values)


def given() -> Mapping[str, object]:
    """Return `AUTOPREFETCH` as the project's settings have it."""
    found: Mapping[str, object] = getattr(settings, "AUTOPREFETCH", {})
    return found


class _Cached:
    """The config that Django's settings give, read once and forgotten when they change."""

    def __init__(self) -> None:
        self.config: Config | None = None

    def read(self) -> Config:
        """Return what the settings say, or a config that is off when something in them is wrong."""
        project = given()
        if problems := problems_of(project):
            # A wrong setting must not bring a site down that runs without the system checks, nor switch on what the
            # project may have meant to switch off.
            logging.getLogger("autoprefetch").error("%s autoprefetch is off until this is mended.", " ".join(problems))
            return Config(mode="off")
        return _config_from(project)


@dataclass(slots=True)
class _Override:
    """What `override()` changes, and the config that follows from it and the settings around."""

    changes: Mapping[str, object]
    base: Config | None = None
    config: Config = field(default_factory=Config)

    def on(self, base: Config) -> Config:
        """Return the config that the changes make of another; the same one is made once."""
        if self.base is not base:
            given = {f.name.upper(): getattr(base, f.name) for f in fields(Config)}
            self.config, self.base = _config_from({**given, **self.changes}), base
        return self.config


_cached = _Cached()
_override: ContextVar[_Override | None] = ContextVar("autoprefetch_override", default=None)


def current() -> Config:
    """Return the config in force here: `override()` of this task or thread, else the project's settings."""
    config = _cached.config
    if config is None:
        config = _cached.config = _cached.read()
    overridden = _override.get()
    return config if overridden is None else overridden.on(config)


def is_debugging() -> bool:
    """Tell whether Django's own `DEBUG` is on."""
    return bool(settings.DEBUG)


_when_wider: list[Callable[[], None]] = []


def when_scope_widens(call: Callable[[], None]) -> None:
    """Have a function called each time that `SCOPE` may have become other than "explicit", or is in force again."""
    _when_wider.append(call)


def announce_scope() -> None:
    """Tell those who asked when querysets are automatic here that nobody gave to `auto()`."""
    if current().widens:
        for call in _when_wider:
            call()


def _forget(*, setting: str, **kwargs: object) -> None:
    if setting == "AUTOPREFETCH":
        _cached.config = None
        if apps.ready:
            announce_scope()


setting_changed.connect(_forget, dispatch_uid="autoprefetch.conf")

F = TypeVar("F", bound=Callable[..., Any])


class override(ContextDecorator):  # noqa: N801  (a context manager, named as Django names its own)
    """Change settings for a block, a function or a coroutine function.

    Args:
        **changes: keys of `AUTOPREFETCH`, in upper case, with their values; other keys keep the value around.

    Raises:
        InvalidSettingsError: a key is unknown or a value is not allowed.

    The change is seen by this thread or task, by the tasks that it starts and by `sync_to_async`; a plain thread keeps
    the settings. Blocks nest.
    """

    def __init__(self, **changes: object) -> None:
        if problems := problems_of(changes, source="override()"):
            raise InvalidSettingsError(problems)
        self._changes = changes
        self._tokens: list[Token[_Override | None]] = []

    def _recreate_cm(self) -> Self:
        return type(self)(**self._changes)

    def __enter__(self) -> Self:
        around = _override.get()
        changes = {**(around.changes if around else {}), **self._changes}
        self._tokens.append(_override.set(_Override(changes)))
        if changes.keys() & {"MODE", "SCOPE"}:
            announce_scope()
        return self

    def __exit__(self, *exc_info: object) -> None:
        _override.reset(self._tokens.pop())

    async def __aenter__(self) -> Self:
        return self.__enter__()

    async def __aexit__(self, *exc_info: object) -> None:
        self.__exit__(*exc_info)

    def __call__(self, func: F) -> F:
        """Decorate a function or a coroutine function."""
        if not iscoroutinefunction(func):
            return super().__call__(func)

        @wraps(func)
        async def overridden(*args: object, **kwargs: object) -> object:
            with self._recreate_cm():
                return await func(*args, **kwargs)

        return cast("F", overridden)


def project_packages() -> frozenset[str]:
    """Return the top-level packages that the project names as its own: those of its settings and its URLs."""
    named = (getattr(settings, "SETTINGS_MODULE", None), getattr(settings, "ROOT_URLCONF", None))
    return frozenset(name.partition(".")[0] for name in named if isinstance(name, str) and name)


def current_problems() -> tuple[str, ...]:
    """Say what is wrong with the project's settings, one message for each problem."""
    return problems_of(given())
