"""Subqueries: what is aggregated for each row, as subqueries of its queryset, which no other join multiplies."""

from __future__ import annotations

from django.db.models import Avg, FloatField, IntegerField, Model, Q, Subquery, Sum
from django.db.models.functions import Coalesce

from autoprefetch.advise.aggregating import Aggregate
from autoprefetch.advise.writing import Change, DerivedQuery, Writer, edits_of, free_name, quoted
from autoprefetch.plan.relations import Kind, may_hide_rows


def aggregated(writer: Writer, query: DerivedQuery, model: type[Model]) -> Change | None:
    """Write `aggregate()` of a relation of the root model as subqueries, which no other join multiplies."""
    if reason := why_not(query):
        writer.leave(query, reason)
        return None
    chain, methods, values = query.chain, "", {}
    for aggregate in chain.aggregates:
        if not chain.key or chain.key == aggregate.alias:
            name = free_name(model, f"{query.relation.name}_{aggregate.alias}".replace("__", "_"), writer.taken)
            methods += f".annotate({name}={_subquery(writer, query, aggregate)})"
            values[aggregate.alias] = f"{chain.receiver}.{name}"
    pairs = ", ".join(f"{quoted(alias)}: {value}" for alias, value in values.items())
    code = values[chain.key] if chain.key else f"{{{pairs}}}"
    return Change(query.path, edits_of(query, code, name), method=methods)


def _subquery(writer: Writer, query: DerivedQuery, aggregate: Aggregate) -> str:
    """Write an aggregate of the rows of each parent; without a row it gives what `aggregate()` gives."""
    [column] = query.relation.known_columns
    inner = free_name(query.relation.target or Model, "value", set())
    function = writer.imported("django.db.models", aggregate.function.__name__, aggregate.function)
    only = ", ".join(f"{lookup}={_literal(value)}" for lookup, value in aggregate.only)
    only = f", filter={writer.imported('django.db.models', 'Q', Q)}({only})" if only else ""
    rows = f"{writer.of_parent(query.relation)}{query.chain.tail}.order_by().values({quoted(column)})"
    rows += f".annotate({inner}={function}({quoted(aggregate.column)}{only})).values({quoted(inner)})"
    found = f"{writer.imported('django.db.models', 'Subquery', Subquery)}({rows})"
    if aggregate.default is None:
        return found
    return f"{writer.imported('django.db.models.functions', 'Coalesce', Coalesce)}({found}, {aggregate.default})"


def why_not(query: DerivedQuery) -> str:
    """Say why the aggregates of a derived query cannot be written as subqueries with certainty; "" where they can."""
    known = query.relation
    if len(query.path) > 1:
        return "it is not asked of the rows of the queryset itself"
    if known.kind is not Kind.REVERSE_FOREIGN_KEY or len(known.known_columns) != 1 or known.target is None:
        return f"{known.name} is a {known.kind}, and only a reverse foreign key is written as a subquery"
    if may_hide_rows(known.target._default_manager):
        return f"the default manager of {known.target._meta.label} has a queryset of its own"
    return next(filter(None, (_why_not_of(aggregate, known.target) for aggregate in query.chain.aggregates)), "")


def _why_not_of(aggregate: Aggregate, target: type[Model]) -> str:
    column = next((field for field in target._meta.concrete_fields if field.name == aggregate.column), None)
    if column is None:
        return f"{aggregate.column} is no column of {target._meta.label}"
    if isinstance(column, FloatField) and aggregate.function in (Avg, Sum):
        return "a sum of floats depends on the order in which they are added"
    if aggregate.default is not None and (not isinstance(column, IntegerField) or aggregate.function is Avg):
        return "its default is of another type than its value"
    return ""


def _literal(value: object) -> str:
    """Write a literal value."""
    is_plain = isinstance(value, str) and value.isprintable() and not set(value) & set('"\\')
    return quoted(str(value)) if is_plain else repr(value)
