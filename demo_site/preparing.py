"""Make the database ready: reachable, the demo's own, migrated and seeded."""

from __future__ import annotations

import os
import sys
from time import perf_counter

from django.core.exceptions import ImproperlyConfigured
from django.core.management import call_command
from django.db import Error, connection

from demo_site.bank.seeding import Scale, is_seeded, seed
from demo_site.databases import without_password
from demo_site.errors import DemoError
from demo_site.shop import seeding as shop


def prepare(scale: Scale) -> None:
    """Migrate the database, and seed it unless it already holds a bank of this scale.

    Raises:
        DemoError: The database cannot be opened, or holds tables that are not the demo's.
    """
    refuse_foreign_tables()
    call_command("migrate", verbosity=0, interactive=False)
    if is_seeded(scale):
        return
    started = perf_counter()
    seed(scale)
    print(
        f"Seeded {scale.accounts:,} accounts and {scale.all_transactions:,} transactions "
        f"in {perf_counter() - started:.1f} s.",
        file=sys.stderr,
    )


def prepare_shop() -> None:
    """Fill the shop of a database that is migrated, unless it is filled."""
    if not shop.is_seeded():
        shop.seed()
        print("Filled the shop.", file=sys.stderr)


def refuse_foreign_tables() -> None:
    """Protect somebody's real database, because seeding deletes what the demo's tables hold."""
    own = {*connection.introspection.django_table_names(), "django_migrations"}
    foreign = sorted(set(present_tables()) - own)
    if foreign:
        msg = (
            f"{shown_url()} holds tables that are not the demo's, such as {foreign[0]!r}. "
            "Name an empty database, or unset DATABASE_URL to use a temporary one."
        )
        raise DemoError(msg)


def present_tables() -> list[str]:
    """List the tables of the database, or say why it cannot be opened."""
    try:
        return connection.introspection.table_names()
    except (Error, ImproperlyConfigured) as error:
        raise unusable_database(error) from error


def unusable_database(error: Exception) -> DemoError:
    """Make the error for a database that cannot be opened, from what its driver says."""
    reason = " ".join(str(error).split()).rstrip(".?")
    return DemoError(
        f"{shown_url()} cannot be opened: {reason}. "
        "Start its server, create the database or install the driver, or unset DATABASE_URL to use a temporary one."
    )


def shown_url() -> str:
    """Name the database as the person who started the demo did."""
    return f"DATABASE_URL={without_password(os.environ['DATABASE_URL'])}"
