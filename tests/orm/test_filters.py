"""Filters of related managers: what is repeated for a parent is what Django builds for it."""

from __future__ import annotations

from typing import Any

import pytest
from django.db.models import Q, QuerySet

from autoprefetch import auto
from autoprefetch.orm import filters
from autoprefetch.orm.states import group_of
from tests.batching.kinds import KINDS, Kind
from tests.library.models import Author, BookManager

pytestmark = [
    pytest.mark.usefixtures("library"),
    pytest.mark.parametrize("database", ["sqlite"], indirect=True),
]

PARENTS = 4


def described(value: Any) -> Any:
    """Describe a part of a query by what it is made of."""
    if isinstance(value, dict):
        return {key: described(part) for key, part in value.items()}
    if isinstance(value, (list, tuple)):
        return [described(part) for part in value]
    if hasattr(value, "children"):
        return type(value), value.connector, value.negated, described(value.children)
    if hasattr(value, "rhs"):
        return type(value), repr(value.lhs), value.rhs, value.rhs_is_direct_value()
    return value


def beside_the_query(queryset: Any) -> dict[str, Any]:
    """Return what Django keeps on a queryset once its filter is run, with the parent by its key."""
    assert queryset.query is queryset._query
    known = {field: [*parents] for field, parents in queryset._known_related_objects.items()}
    hints = {name: instance.pk for name, instance in queryset._hints.items()}
    kept = {name: value for name, value in vars(queryset).items() if name not in ("_query", "_hints")}
    mode = type(kept.pop("_fetch_mode", None)).__name__.replace("_Tracked", "FetchOne")
    return kept | {"class": type(queryset), "hints": hints, "_known_related_objects": known, "mode": mode}


def state_of(queryset: Any) -> dict[str, Any]:
    """Return what Django keeps on a query; what we keep there besides is no part of the statement."""
    state = vars(queryset.query).items()
    return {name: described(value) for name, value in state if not name.startswith("autoprefetch")}


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_a_query_of_each_parent_is_the_one_that_django_builds(kind: Kind) -> None:
    tracked = list(auto(kind.parents()))[:PARENTS]
    plain = list(kind.parents())[:PARENTS]
    assert all(group_of(parent) is not None for parent in tracked)
    for own, other in zip(tracked, plain, strict=True):
        assert state_of(kind.rows(own).all()) == state_of(kind.rows(other).all())
        assert beside_the_query(kind.rows(own).all()) == beside_the_query(kind.rows(other).all())
        chained, expected = (kind.rows(parent).filter(**conditions(kind)) for parent in (own, other))
        assert state_of(chained) == state_of(expected)
        assert str(chained.query) == str(expected.query)


def conditions(kind: Kind) -> dict[str, Any]:
    """Filter by a column of the rows, and by a relation that has to be joined."""
    return {f"{kind.number}__gte": 1, f"{kind.many}__isnull": False}


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_what_is_added_to_the_query_of_one_parent_stays_out_of_those_of_others(kind: Kind) -> None:
    first, second, third = list(auto(kind.parents()))[:3]
    kind.rows(first).all()
    before = state_of(kind.rows(second).all())
    # In place, as code that reaches for `queryset.query` does.
    kind.rows(first).all().query.add_q(Q(**conditions(kind)))
    kind.rows(second).all().query.add_q(Q(**conditions(kind)))
    assert state_of(kind.rows(second).all()) == before
    assert state_of(kind.rows(third).all()).keys() == before.keys()


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_the_filter_is_built_once_for_all_parents(kind: Kind) -> None:
    first, second = list(auto(kind.parents()))[:2]
    kind.rows(first).all()
    filters_run: list[Any] = []
    plain = QuerySet._filter_or_exclude_inplace

    def noted(self: Any, negate: bool, args: Any, kwargs: Any) -> None:
        filters_run.append(kwargs)
        plain(self, negate, args, kwargs)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(QuerySet, "_filter_or_exclude_inplace", noted)
        kind.rows(second).all()
    # The filter of a generic relation is not put off, and a manager that filters has its own built each time as well.
    assert len(filters_run) == {"generic relation": 1, "soft-deleting manager": 2}.get(kind.name, 0)


def test_a_parent_that_has_lost_its_key_is_refused_as_by_django() -> None:
    tracked, plain = list(auto(Author.objects.all())), list(Author.objects.all())
    messages = []
    for _, author in ([author.books.all() for author in authors] and authors[:2] for authors in (tracked, plain)):
        author.pk = None
        with pytest.raises(ValueError, match="needs to have a primary key value") as refused:
            list(author.books.all())
        messages.append(str(refused.value))
    assert messages[0] == messages[1]


def test_a_manager_that_hands_out_querysets_of_its_own_is_asked_for_each_parent(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What it does may depend on anything."""
    asked: list[int] = []

    def get_queryset(self: Any) -> Any:
        asked.append(self.instance.pk)
        return plain(self).filter(pages__gt=len(asked))

    plain = BookManager.get_queryset
    monkeypatch.setattr(BookManager, "get_queryset", get_queryset)
    manager_class = type(Author().books)
    monkeypatch.setitem(filters._built, manager_class, None)
    monkeypatch.delitem(filters._built, manager_class)
    first, second, third = list(auto(Author.objects.all()))[:3]
    sql = [str(author.books.all().query) for author in (first, second, third)]
    assert asked == [first.pk, second.pk, third.pk]
    assert [f"> {number}" in statement for number, statement in enumerate(sql, 1)] == [True, True, True]


def test_a_manager_for_another_database_is_left_to_django() -> None:
    first, second = list(auto(Author.objects.all()))[:2]
    assert first.books.all()._db is None
    manager = second.books
    manager._db = "default"
    assert manager.all()._db == "default"
    assert manager.using("default").all()._db == "default"
