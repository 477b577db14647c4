"""Annotations: what is counted for each row, as an annotation of its queryset."""

from __future__ import annotations

from typing import Any

from django.db.models import Count, Exists, Model

from autoprefetch.advise.writing import Change, DerivedQuery, Writer, edits_of, free_name, quoted
from autoprefetch.plan.forms import unique_keys
from autoprefetch.plan.relations import Kind, Relation, may_hide_rows


def annotated(writer: Writer, query: DerivedQuery, model: type[Model]) -> Change | None:
    """Write `count()` or `exists()` of a relation of the root model as an annotation."""
    known = query.relation
    if reason := _why_not(writer, query, model):
        writer.leave(query, reason)
        return None
    if query.chain.ending == "exists":
        return _exists(writer, query, model)
    writer.is_grouped = True
    name = free_name(model, f"{known.name}_count", writer.taken)
    value = f"{writer.imported('django.db.models', 'Count', Count)}({quoted(known.query_name)}, distinct=True)"
    return _change(query, name, value)


def _exists(writer: Writer, query: DerivedQuery, model: type[Model]) -> Change:
    name = free_name(model, f"has_{query.relation.name}", writer.taken)
    exists = writer.imported("django.db.models", "Exists", Exists)
    return _change(query, name, f"{exists}({writer.of_parent(query.relation)})")


def _change(query: DerivedQuery, name: str, value: str) -> Change:
    edits = edits_of(query, f"{query.chain.receiver}.{name}", name)
    return Change(query.path, edits, method=f".annotate({name}={value})")


def _why_not(writer: Writer, query: DerivedQuery, model: type[Model]) -> str:
    """Say why it is not written as an annotation; "" where it is."""
    if len(query.path) > 1:
        return "it is not asked of the rows of the queryset itself"
    if query.chain.tail not in ("", ".all()"):
        return "only all rows of a relation are counted by an annotation"
    known = query.relation
    if query.chain.ending == "exists":
        is_reverse = known.kind is Kind.REVERSE_FOREIGN_KEY
        return "" if is_reverse else f"{known.name} is a {known.kind}, and Exists is for a reverse foreign key"
    if not all(isinstance(part, str) for part in writer.ordering):
        return "its model is ordered by an expression, which a count would lose"
    return _why_not_counted(known, model)


def _why_not_counted(known: Relation, model: type[Model]) -> str:
    """Say why the related rows are not what `Count` of a relation counts; "" where they are."""
    target: Any = known.target
    if may_hide_rows(target._default_manager):
        return f"the default manager of {target._meta.label} has a queryset of its own"
    if known.kind is Kind.MANY_TO_MANY and (through := _repeating(known, model)):
        return f"{through} may have the same pair more than once, and Count counts it once"
    return ""


def _repeating(known: Relation, model: type[Model]) -> str:
    """Return the model that a many-to-many relation goes through, if it may hold a pair twice; else ""."""
    for found in model._meta.get_fields():
        if not found.many_to_many or known.query_name != found.name:
            continue
        field: Any = found.remote_field if found.auto_created else found
        through = field.remote_field.through
        ends = [through._meta.get_field(name) for name in (field.m2m_field_name(), field.m2m_reverse_field_name())]
        pair = {end.attname for end in ends}
        return "" if any(key <= pair for key in unique_keys(through)) else str(through._meta.label)
    return known.owner  # it is not found, so nothing is known of it
