"""Start the demo: check what is installed, choose the database, set up Django, run."""

from __future__ import annotations

import os
import signal
import sys
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from demo_site.databases import database_settings
from demo_site.errors import DemoError
from demo_site.options import Options, parsed

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

NEEDED = {"django": "Django", "rest_framework": "Django REST framework", "autoprefetch": "autoprefetch"}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the demo.

    Returns:
        The exit status: 0 when all went well, 1 with a message on standard error, 130 after Ctrl-C.
    """
    options = parsed(arguments)
    # A stop from outside ends like Ctrl-C, so that the temporary database goes, too.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        refuse_missing_packages()
        with database_in_environment():
            return run_with_django(options)
    except DemoError as error:
        print(f"demo_site: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\ndemo_site: stopped.", file=sys.stderr)
        return 130


def refuse_missing_packages() -> None:
    """Name what is not installed before an import fails half-way."""
    missing = [title for name, title in NEEDED.items() if find_spec(name) is None]
    if missing:
        msg = f"the demo needs {' and '.join(missing)}, not found in {sys.prefix}. Run: pip install '.[demo]'"
        raise DemoError(msg)


@contextmanager
def database_in_environment() -> Iterator[None]:
    """Leave a good ``DATABASE_URL`` in the environment: the given one, or that of a temporary SQLite file."""
    if url := os.environ.get("DATABASE_URL"):
        database_settings(url)
        yield
        return
    with TemporaryDirectory(prefix="demo_site-", ignore_cleanup_errors=True) as directory:
        os.environ["DATABASE_URL"] = f"sqlite:///{Path(directory, 'bank.sqlite3')}"
        try:
            yield
        finally:
            del os.environ["DATABASE_URL"]


def run_with_django(options: Options) -> int:
    """Set up Django, and only then import what needs it."""
    os.environ["DJANGO_SETTINGS_MODULE"] = "demo_site.settings"
    import django
    from django.core.exceptions import ImproperlyConfigured
    from django.db import connections

    try:
        django.setup()
    except ImproperlyConfigured as error:
        msg = f"Django cannot start: {' '.join(str(error).split())} Mend the setting or install what it asks for."
        raise DemoError(msg) from error
    from demo_site.running import run

    try:
        return run(options)
    finally:
        connections.close_all()
