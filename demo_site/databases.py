"""Read ``DATABASE_URL`` into Django's ``DATABASES`` entry.

The demo accepts three forms and nothing else, so it needs no dependency for them.
"""

from __future__ import annotations

import re
from typing import TypedDict
from urllib.parse import SplitResult, unquote, urlsplit

from demo_site.errors import DemoError

ACCEPTED_FORMS = "sqlite:///path, postgres://user@host:port/name or mysql://user@host:port/name"

ENGINES = {
    "sqlite": "django.db.backends.sqlite3",
    "postgres": "django.db.backends.postgresql",
    "postgresql": "django.db.backends.postgresql",
    "mysql": "django.db.backends.mysql",
    "mariadb": "django.db.backends.mysql",
}


class DatabaseSettings(TypedDict, total=False):
    """One entry of Django's ``DATABASES`` setting."""

    ENGINE: str
    NAME: str
    USER: str
    PASSWORD: str
    HOST: str
    PORT: str


def database_settings(url: str) -> DatabaseSettings:
    """Translate a database URL into one entry of ``DATABASES``.

    Args:
        url: ``sqlite:///relative/path``, ``sqlite:////absolute/path``, ``postgres://user:password@host:port/name``
            or ``mysql://user:password@host:port/name``; reserved characters are percent-encoded.

    Raises:
        DemoError: The URL has none of these forms; the message shows it without its password.
    """
    try:
        parts = urlsplit(url)
        port = str(parts.port or "")
    except ValueError as error:
        raise refused(url, str(error)) from error
    if parts.scheme not in ENGINES:
        raise refused(url, f"its scheme is {parts.scheme!r}")
    if parts.query or parts.fragment:
        raise refused(url, "it has options after the name")
    if parts.scheme == "sqlite" and parts.netloc:
        raise refused(
            url, f"SQLite has no host, yet {parts.netloc!r} stands where one would (three slashes are needed)"
        )
    name = unquote(parts.path.removeprefix("/"))
    if not name:
        raise refused(url, "it names no database")
    if parts.scheme == "sqlite":
        return {"ENGINE": ENGINES["sqlite"], "NAME": name}
    return server_settings(parts, name, port)


def server_settings(parts: SplitResult, name: str, port: str) -> DatabaseSettings:
    """Describe a database on a server."""
    return {
        "ENGINE": ENGINES[parts.scheme],
        "NAME": name,
        "USER": unquote(parts.username or ""),
        "PASSWORD": unquote(parts.password or ""),
        "HOST": parts.hostname or "",
        "PORT": port,
    }


def refused(url: str, reason: str) -> DemoError:
    """Make the error for a URL that the demo does not understand."""
    return DemoError(f"DATABASE_URL={without_password(url)} cannot be used: {reason}. Write {ACCEPTED_FORMS}.")


def without_password(url: str) -> str:
    """Show a database URL with its password hidden."""
    return re.sub(r"(://[^:@/]*):.*@", r"\1:***@", url)
