"""Sequences of a database, after rows were added with keys of their own."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.core.management.color import no_style
from django.db import connection

if TYPE_CHECKING:
    from collections.abc import Sequence

    from django.db import models


def advance_sequences(seeded: Sequence[type[models.Model]]) -> None:
    """Tell the database which keys are taken, so that rows added later get others."""
    with connection.cursor() as cursor:
        for statement in connection.ops.sequence_reset_sql(no_style(), list(seeded)):
            cursor.execute(statement)
