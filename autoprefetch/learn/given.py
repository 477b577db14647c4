"""Given: what the caller's own query loads, and in how many evaluations that was used."""

from __future__ import annotations

from dataclasses import dataclass, fields

from autoprefetch.learn.sums import Sums

JOIN, PREFETCH, ANNOTATION = METHODS = ("select_related", "prefetch_related", "annotate")


@dataclass(frozen=True, slots=True)
class Given(Sums):
    """How one thing was used that the caller's own query loads.

    It is known of evaluations that were inspected, and now and then of others: then it was used. One that was seen, and
    in no inspected evaluation yet, has no counts at all.

    Attributes:
        evaluations: the inspected evaluations that loaded it for some row.
        used: evaluations that used it.
        queries: what it took in the inspected evaluations (queries).
        microseconds: how long those took, with the making of their rows.
        rows: the rows that it was loaded for, in the inspected evaluations.
    """

    evaluations: int = 0
    used: int = 0
    queries: int = 0
    microseconds: int = 0
    rows: int = 0


COUNTS = tuple(f.name for f in fields(Given))
