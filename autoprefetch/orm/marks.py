"""The mark that makes a queryset automatic, as a value that rides along with the query.

It lies in the `__dict__` of `queryset.query`, which `Query.clone()` copies (models/sql/query.py, Django 5.2 to 6.1):
so it survives `filter()`, slices, `values()`, `|` and pickling, and no class is replaced. A `RawQuery` is shared
between the clones of its `RawQuerySet`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias, cast

from django.db.models.query import RawQuerySet

from autoprefetch.orm.counting import OneQuery, QueryCount

ATTRIBUTE = "autoprefetch"
AnyQuerySet: TypeAlias = Any
"""A `QuerySet` or a `RawQuerySet`; their private attributes, which both have, are in no stubs."""


def query_state(queryset: AnyQuerySet) -> dict[str, Any]:
    """Return the dict of a queryset's query, without running a filter that Django has put off (`_deferred_filter`)."""
    query: Any = queryset.query if isinstance(queryset, RawQuerySet) else queryset._query
    return cast("dict[str, Any]", query.__dict__)


def unmarked(queryset: AnyQuerySet) -> AnyQuerySet:
    """Return a copy of a queryset that is not automatic."""
    if isinstance(queryset, RawQuerySet):
        copy = cast("AnyQuerySet", queryset)._clone()
        copy.query = queryset.query.chain(queryset.query.using)  # its clones share one query, and with it the mark
        if hasattr(queryset, "_fetch_mode"):  # Django 6.1 forgets it here
            copy._fetch_mode = queryset._fetch_mode
    else:
        copy = queryset._chain()
    query_state(copy).pop(ATTRIBUTE, None)
    return copy


def marked(queryset: Any, mark: object) -> Any:
    """Return a copy of a queryset that carries a mark, with the rows that the queryset has loaded already."""
    copy = unmarked(queryset)
    copy._result_cache = queryset._result_cache
    copy._prefetch_done = queryset._prefetch_done
    query_state(copy)[ATTRIBUTE] = mark
    return copy


def fetch_as(queryset: Any, source: Any, fetch_all: Callable[[Any], None]) -> None:
    """Fill the result cache of a queryset with the rows of a source, which is itself or a rewritten copy."""
    fetch_all(source)
    if source is not queryset:
        queryset._result_cache = source._result_cache
        queryset._prefetch_done = source._prefetch_done


def runnable(queryset: Any) -> Any:
    """Return what runs an automatic queryset plainly.

    A `RawQuerySet` fetches through its `iterator()`, which is hooked too, so a marked one has to run as an unmarked
    copy.
    """
    is_marked_raw = isinstance(queryset, RawQuerySet) and ATTRIBUTE in query_state(queryset)
    return unmarked(queryset) if is_marked_raw else queryset


def rows_of(queryset: Any) -> list[Any]:
    """Return the rows of a queryset that is evaluated."""
    return cast("list[Any]", queryset._result_cache)


def counting(queryset: AnyQuerySet) -> QueryCount:
    """Return what counts the queries of a queryset; without prefetches there is one, and nothing to count."""
    return QueryCount() if queryset._prefetch_related_lookups else OneQuery()
