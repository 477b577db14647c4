"""What a queryset loads by the caller's own choice: joins, prefetches and annotations, read from the queryset.

An annotation may do more than be there: it may be filtered or ordered by, group the rows, or multiply them. It is told
as needed unless the query is seen to be the same without it, but for the column.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextvars import ContextVar
from dataclasses import dataclass
from functools import wraps
from time import perf_counter
from typing import Any

from django.db.models import Model, Prefetch, query
from django.db.models.constants import LOOKUP_SEP
from django.db.models.expressions import Col
from django.db.models.query import RawQuerySet

from autoprefetch.learn.given import ANNOTATION, JOIN, PREFETCH
from autoprefetch.learn.profiles import Path
from autoprefetch.orm import caches, forms
from autoprefetch.orm.counting import QueryCount
from autoprefetch.orm.marks import AnyQuerySet
from autoprefetch.plan.relations import Relation, relation, relations


@dataclass(frozen=True, slots=True)
class Load:
    """One thing that the caller's own query loads.

    Attributes:
        method: the method that asks for it.
        place: where it ends up, as attribute names from the root model.
        above: what has loaded the instances that it belongs to; None for the rows of the query.
        relation: what it follows; None for an annotation.
        attribute: the attribute of the instance that it is put in; "" where Django has a cache for it.
        is_chosen: whether the caller chose the rows of a set that stands for the relation itself.
        is_needed: whether the query is not the same without it, or nobody can tell.
    """

    method: str
    place: Path
    above: Load | None
    relation: Relation | None = None
    attribute: str = ""
    is_chosen: bool = False
    is_needed: bool = False

    @property
    def text(self) -> str:
        """The method and the lookup."""
        return f"{self.method} {LOOKUP_SEP.join(self.place)}"

    @property
    def model(self) -> type[Model] | None:
        """The model of what it loads, where that is known."""
        return self.relation.target if self.relation is not None else None

    def rows(self, parents: Iterable[Any]) -> list[Any]:
        """Return what it has loaded for some instances."""
        if self.attribute:
            found = (parent.__dict__.get(self.attribute) for parent in parents)
            return [row for rows in found for row in (rows if isinstance(rows, list) else [rows]) if row is not None]
        if self.relation is None:
            return []
        if not self.relation.is_to_many:
            return [row for parent in parents if (row := caches.peek(parent, self.relation.cache)) is not None]
        sets = (caches.prefetched(parent, self.relation) for parent in parents)
        return [row for rows in sets if rows is not None for row in rows._result_cache or ()]


def loads_of(queryset: AnyQuerySet) -> list[Load]:
    """Return what a queryset loads by the caller's choice, parents before children."""
    found: dict[Path, Load] = {}
    if not isinstance(queryset, RawQuerySet) and queryset.query.select_related:
        for load in _joined(queryset.model, queryset.query.select_related, None, is_needed=_needs_joins(queryset)):
            found[load.place] = load
    for lookup in queryset._prefetch_related_lookups:
        _prefetched(lookup, queryset.model, found)
    return [*found.values(), *annotations_of(queryset)]


def annotations_of(queryset: AnyQuerySet) -> list[Load]:
    """Return the annotations of a queryset."""
    if isinstance(queryset, RawQuerySet) or not queryset.query.annotations:
        return []
    return [
        Load(ANNOTATION, (name,), None, attribute=name, is_needed=_is_needed(queryset.query, name))
        for name in queryset.query.annotation_select
    ]


def annotates(queryset: AnyQuerySet) -> bool:
    """Tell whether a queryset has annotations."""
    return not isinstance(queryset, RawQuerySet) and bool(queryset.query.annotations)


def annotated(queryset: AnyQuerySet) -> list[str]:
    """Return the method and the name of each annotation."""
    return [f"{ANNOTATION} {name}" for name in queryset.query.annotation_select]


def _needs_joins(queryset: AnyQuerySet) -> bool:
    """Tell whether a query may be another one without what it joins: locked rows, compared columns, named columns."""
    query = queryset.query
    names, _ = query.deferred_loading
    is_nested = any(LOOKUP_SEP in name for name in names)
    return bool(query.select_for_update or query.distinct or query.combinator or is_nested or query.extra)


def _joined(model: type[Model], names: Any, above: Load | None, *, is_needed: bool) -> Iterator[Load]:
    if not isinstance(names, dict):
        return
    by_query_name = {known.query_name: known for known in relations(model).values() if not known.is_to_many}
    for name, nested in names.items():
        known = by_query_name.get(name)
        if known is None or known.target is None:
            continue
        # Where a join may drop rows, or show what a lazy load would not, it is more than a way to load.
        needed = is_needed or bool(known.no_join)
        place = (*(above.place if above else ()), known.name)
        yield (load := Load(JOIN, place, above, known, is_needed=needed))
        yield from _joined(known.target, nested, load, is_needed=needed)


def _prefetched(lookup: str | Prefetch[Any], root: type[Model], found: dict[Path, Load]) -> None:
    through = lookup.prefetch_through if isinstance(lookup, Prefetch) else lookup
    to = lookup.prefetch_to if isinstance(lookup, Prefetch) else lookup
    steps, names = through.split(LOOKUP_SEP), tuple(to.split(LOOKUP_SEP))
    above: Load | None = None
    for size, step in enumerate(steps, 1):
        place = names[:size]
        if place in found:
            above = found[place]
            continue
        model = root if above is None else above.model
        known = relation(model, step) if model is not None else None
        if known is None:
            return
        is_last = size == len(steps)
        chosen = is_last and isinstance(lookup, Prefetch)
        attribute = place[-1] if chosen and lookup.to_attr else ""  # type: ignore[union-attr]
        has_rows = chosen and getattr(lookup, "queryset", None) is not None
        above = Load(PREFETCH, place, above, known, attribute, is_chosen=has_rows and not attribute)
        found[place] = above


# What an annotation is needed for


def _is_needed(query: Any, name: str) -> bool:
    """Tell whether a query may give other rows, or in another order, without an annotation."""
    if query.combinator or query.distinct or query.extra or query.extra_tables or query.extra_order_by:
        return True
    if isinstance(query.group_by, tuple) or query._filtered_relations or forms.has_raw(query):
        return True
    own = query.annotations[name]
    others = [other for known, other in query.annotations.items() if known != name]
    ordering = query.order_by or ()
    if any(_names(part, name) for part in ordering):
        return True
    around = list(_within([*query.where.children, *others, *(part for part in ordering if not isinstance(part, str))]))
    if any(found is own or _names(found, name) or type(found) is type(own) for found in around):
        return True
    if any(_is_query(found) for found in around):
        return True  # it may refer to anything outside of it
    if not getattr(own, "contains_aggregate", False):
        return any(map(_multiplies, _joins(query)))
    return _is_grouped_for_more(query, around, others)


def _is_grouped_for_more(query: Any, around: list[Any], others: list[Any]) -> bool:
    """Tell whether rows are grouped, or joined, for more than one annotation's sake."""
    base = query.get_initial_alias()
    if any(isinstance(found, Col) and found.alias != base for found in around):
        return True
    if any(isinstance(part, str) and LOOKUP_SEP in part for part in query.order_by):
        return True
    # Django forgets the ordering of the model where it groups the rows.
    is_ordered_by_model = query.default_ordering and not query.order_by and bool(query.get_meta().ordering)
    return is_ordered_by_model or any(getattr(other, "contains_aggregate", False) for other in others)


def _joins(query: Any) -> list[Any]:
    return [join for alias, join in query.alias_map.items() if query.alias_refcount.get(alias)]


def _multiplies(join: Any) -> bool:
    """Tell whether a join may find several rows for one."""
    followed = getattr(join, "join_field", None)
    return followed is not None and not (followed.many_to_one or followed.one_to_one)


def _within(expressions: Iterable[Any]) -> Iterator[Any]:
    found = list(expressions)
    for expression in found:  # which grows while it is gone through
        yield expression
        found += getattr(expression, "children", None) or ()
        if hasattr(expression, "get_source_expressions") and not _is_query(expression):
            found += [part for part in expression.get_source_expressions() if part is not None]


def _names(expression: Any, name: str) -> bool:
    """Tell whether an expression that is not resolved yet, a reference or an ordering names an annotation."""
    written = expression if isinstance(expression, str) else None
    for attribute in ("name", "refs"):
        if written is None and isinstance(named := getattr(expression, attribute, None), str):
            written = named
    return written is not None and written.lstrip("-+").split(LOOKUP_SEP)[0] == name


def _is_query(expression: Any) -> bool:
    return hasattr(expression, "alias_map")


# What prefetches take


@dataclass(slots=True)
class Spent:
    """What one prefetch took: queries, and seconds with the making of its rows."""

    queries: int = 0
    seconds: float = 0.0


class Measured(QueryCount):
    """Counts the queries of a block, and what each prefetch in it takes."""

    def __init__(self) -> None:
        super().__init__()
        self.spent: dict[str, Spent] = {}

    def __enter__(self) -> Measured:
        self._token = _here.set(self)
        super().__enter__()
        return self

    def __exit__(self, *exc_info: object) -> None:
        super().__exit__(*exc_info)
        _here.reset(self._token)


_here: ContextVar[Measured | None] = ContextVar("autoprefetch_measured", default=None)


def install() -> None:
    """Measure the prefetches of what is inspected, level by level (`prefetch_one_level`, models/query.py)."""
    query.prefetch_one_level = _measured(query.prefetch_one_level)


def _measured(plain: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(plain)
    def prefetch_one_level(instances: Any, prefetcher: Any, lookup: Any, level: int) -> Any:
        measured = _here.get()
        if measured is None:
            return plain(instances, prefetcher, lookup, level)
        before, began = measured.queries, perf_counter()
        found = plain(instances, prefetcher, lookup, level)
        spent = measured.spent.setdefault(f"{PREFETCH} {lookup.get_current_prefetch_to(level)}", Spent())
        spent.queries += measured.queries - before
        spent.seconds += perf_counter() - began
        return found

    return prefetch_one_level
