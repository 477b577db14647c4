"""What a database gives for an aggregate where there is no row, as far as that is known without asking it."""

from __future__ import annotations

from typing import Any

from django.db.models import Avg, Count, IntegerField, Max, Min, Sum, Value
from django.db.models.functions import Coalesce

_WITHOUT_ROWS = {Count: 0, Sum: None, Avg: None, Max: None, Min: None}
"""What a database gives for the aggregates that Django writes as they stand, where there is no row."""

UNKNOWN: Any = object()


def without_rows(aggregate: Any) -> Any:
    """Return the raw value that a database gives for an aggregate where there is no row, or `UNKNOWN`."""
    if type(aggregate) in _WITHOUT_ROWS:
        return _WITHOUT_ROWS[type(aggregate)]
    if type(aggregate) is Coalesce and isinstance(aggregate.output_field, IntegerField):
        # A decimal, for one, looks otherwise in the database.
        sources = map(without_rows, aggregate.get_source_expressions())
        return next((found for found in sources if found is not None), None)
    return aggregate.value if type(aggregate) is Value and type(aggregate.value) is int else UNKNOWN
