"""Derived queries, as code: what each changes in the queryset and at the line that asks it of each row."""

from __future__ import annotations

from collections.abc import Iterable

from autoprefetch.advise.annotations import annotated
from autoprefetch.advise.subqueries import aggregated
from autoprefetch.advise.writing import Change, DerivedQuery, Writer
from autoprefetch.learn.profiles import Profile
from autoprefetch.plan.forms import Form


def changes_for(writer: Writer, queries: Iterable[DerivedQuery], form: Form, profile: Profile) -> list[Change]:
    """Write derived queries; what cannot be written with certainty is left, and the writer is told why.

    Args:
        writer: writes the code of the call site.
        queries: what is to be written.
        form: how its queryset is written.
        profile: the counts of the call site.
    """
    changes = (_change(writer, query, form, profile) for query in queries)
    return [change for change in changes if change is not None]


def _change(writer: Writer, query: DerivedQuery, form: Form, profile: Profile) -> Change | None:
    is_counted = query.chain.ending in ("count", "exists")
    is_annotation = is_counted or query.chain.ending == "aggregate"
    if reason := _why_asked_anew(query, profile):
        writer.leave(query, reason)
        return None
    if is_counted and (change := writer.of_loaded(query)):
        return change
    if reason := form.no_annotations if is_annotation else form.no_prefetches:
        writer.leave(query, reason)
        return None
    if not is_annotation:
        return writer.prefetched(query, form.model)
    return (annotated if is_counted else aggregated)(writer, query, form.model)


def _why_asked_anew(query: DerivedQuery, profile: Profile) -> str:
    """Say why the answer may change while the rows of the call site are in use; "" where it does not."""
    written, tables = profile.written.keys(), query.relation.tables
    if not written or (tables and not query.chain.steps and not tables & written):
        return ""
    return f"{', '.join(sorted(tables & written or written))} is written to at this call site"
