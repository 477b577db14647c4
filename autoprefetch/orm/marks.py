"""The mark that makes a queryset automatic, as a value that rides along with the query.

It lies in the `__dict__` of `queryset.query`, which `Query.clone()` copies (models/sql/query.py, Django 5.2 to 6.1):
so it survives `filter()`, slices, `values()`, `|` and pickling, and no class is replaced. A `RawQuery` is shared
between the clones of its `RawQuerySet`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

from django.db.models import QuerySet
from django.db.models.query import RawQuerySet

ATTRIBUTE = "autoprefetch"
AnyQuerySet: TypeAlias = "QuerySet[Any] | RawQuerySet[Any]"


def query_state(queryset: AnyQuerySet) -> dict[str, Any]:
    """Return the dict of a queryset's query, without running a filter that Django has put off (`_deferred_filter`)."""
    query = queryset.query if isinstance(queryset, RawQuerySet) else queryset._query
    return query.__dict__


def marked(queryset: Any, mark: object) -> Any:
    """Return a copy of a queryset that carries a mark, with the rows that the queryset has loaded already."""
    copy = unmarked(queryset)
    copy._result_cache = queryset._result_cache
    copy._prefetch_done = queryset._prefetch_done
    query_state(copy)[ATTRIBUTE] = mark
    return copy


def unmarked(queryset: Any) -> Any:
    """Return a copy of a queryset that is not automatic."""
    copy = queryset._clone() if isinstance(queryset, RawQuerySet) else queryset._chain()
    if isinstance(queryset, RawQuerySet):
        copy.query = queryset.query.chain(queryset.query.using)
    query_state(copy).pop(ATTRIBUTE, None)
    return copy


def fetch_unmarked(queryset: Any, source: Any, fetch_all: Callable[[Any], None]) -> None:
    """Fill the result cache of a queryset with the rows of a source that is itself or a rewritten copy.

    A `RawQuerySet` fetches through its `iterator()`, which is hooked too, so it always runs as an unmarked copy.
    """
    if source is queryset and isinstance(queryset, RawQuerySet):
        source = unmarked(queryset)
    fetch_all(source)
    if source is not queryset:
        queryset._result_cache = source._result_cache
        queryset._prefetch_done = source._prefetch_done
