"""Ties: what a join may do to rows with equal sort keys, which the database puts in any order."""

from __future__ import annotations

from django.db.models.constants import LOOKUP_SEP

from autoprefetch.advise.writing import quoted
from autoprefetch.plan.forms import Form
from autoprefetch.plan.plans import Plan

IN_SLICE = "other rows with equal sort keys may be in the slice"
"""What a join may do where the ordering chooses the rows: another result, and not another order of the same."""

_IN_ORDER = "rows with equal sort keys may change places"


def note_on(plan: Plan, form: Form) -> tuple[str, ...]:
    """Return what to know about the joins that are advised and not made, as one sentence; nothing where there is none.

    Args:
        plan: what is loaded ahead.
        form: how the queryset is written.
    """
    joined = [LOOKUP_SEP.join(branch.path) for branch in plan.walk() if branch.advises_join]
    if not joined:
        return ()
    lookups = ", ".join(map(quoted, joined))
    what = IN_SLICE if form.is_sliced else _IN_ORDER
    note = f"the ordering is not total, so with select_related({lookups}) {what}; autoprefetch prefetches instead."
    return (note,)
