"""The ways to consume a queryset of a related manager: each takes the manager and gives plain values."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from asgiref.sync import async_to_sync
from django.db.models import Avg, Count, Exists, F, Max, Min, OuterRef, Q, Sum, Value
from django.db.models.functions import Coalesce, Upper

from tests.batching.kinds import Kind
from tests.equivalence.comparing import raised


@dataclass(frozen=True)
class Consumer:
    """One way to consume rows.

    Attributes:
        use: gives a value from the manager of one parent, its kind, and a row to look for.
        statements: how many statements plain Django sends for one parent at most.
        needs: the attributes of a kind without which there is nothing to consume.
    """

    use: Callable[[Any, Kind, Any], Any]
    statements: int
    needs: tuple[str, ...]

    @property
    def name(self) -> str:
        return self.use.__name__

    def suits(self, kind: Kind) -> bool:
        return all(getattr(kind, name) not in ("", ("pk", "")) for name in self.needs)


CONSUMERS: list[Consumer] = []


def consumer(statements: int = 1, *needs: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    def enter(use: Callable[..., Any]) -> Callable[..., Any]:
        CONSUMERS.append(Consumer(use, statements, needs))
        return use

    return enter


def keys(rows: Any) -> list[Any]:
    return [str(row.pk) for row in rows]


# All rows -----------------------------------------------------------------------------------------------------------


@consumer()
def iteration(rows: Any, kind: Kind, row: Any) -> Any:
    return kind.in_order(keys(rows.all()))


@consumer()
def length(rows: Any, kind: Kind, row: Any) -> Any:
    return len(rows.all())


@consumer()
def truth(rows: Any, kind: Kind, row: Any) -> Any:
    return bool(rows.all())


@consumer()
def membership(rows: Any, kind: Kind, row: Any) -> Any:
    return row in rows.all()


@consumer()
def rows_without_an_order(rows: Any, kind: Kind, row: Any) -> Any:
    return sorted(keys(rows.order_by()))


@consumer()
def rows_from_the_back(rows: Any, kind: Kind, row: Any) -> Any:
    return keys(rows.order_by(kind.text, "pk").reverse())


@consumer()
def rows_of_a_fresh_queryset(rows: Any, kind: Kind, row: Any) -> Any:
    return kind.in_order(keys(rows.get_queryset().all().all()))


@consumer()
def rows_of_the_named_database(rows: Any, kind: Kind, row: Any) -> Any:
    return kind.in_order(keys(rows.using(row._state.db)))


@consumer()
def streaming(rows: Any, kind: Kind, row: Any) -> Any:
    return kind.in_order(keys(rows.all().iterator()))


@consumer()
def streaming_in_chunks(rows: Any, kind: Kind, row: Any) -> Any:
    return kind.in_order(keys(rows.order_by("pk").iterator(chunk_size=2)))


@consumer()
def no_rows_at_all(rows: Any, kind: Kind, row: Any) -> Any:
    return [len(rows.none()), rows.none().count(), rows.filter(pk__in=[]).exists(), rows.filter(pk__in=[]).count()]


# Some rows ----------------------------------------------------------------------------------------------------------


@consumer()
def indexing(rows: Any, kind: Kind, row: Any) -> Any:
    return raised(lambda: keys([rows.order_by("-pk")[0]]))


@consumer()
def indexing_an_evaluated_queryset(rows: Any, kind: Kind, row: Any) -> Any:
    loaded = rows.order_by("-pk")
    return len(loaded), raised(lambda: keys([loaded[1]]))


@consumer()
def slice_as_they_come(rows: Any, kind: Kind, row: Any) -> Any:
    return keys(rows.all()[:2])


@consumer()
def slice_from_the_middle(rows: Any, kind: Kind, row: Any) -> Any:
    return keys(rows.order_by("-pk")[1:3])


@consumer()
def slice_to_the_end(rows: Any, kind: Kind, row: Any) -> Any:
    return keys(rows.order_by("pk")[1:])


@consumer()
def slice_with_a_step(rows: Any, kind: Kind, row: Any) -> Any:
    return keys(rows.order_by("pk")[0:4:2])


@consumer()
def slice_of_a_slice(rows: Any, kind: Kind, row: Any) -> Any:
    return keys(rows.order_by("pk")[:3][1:])


@consumer()
def slice_of_an_ordering_with_ties(rows: Any, kind: Kind, row: Any) -> Any:
    return keys(rows.order_by(kind.text)[:2])


@consumer()
def slice_of_a_total_ordering(rows: Any, kind: Kind, row: Any) -> Any:
    return keys(rows.order_by(f"-{kind.text}", "pk")[:2])


@consumer(1, "one")
def slice_ordered_by_a_joined_column(rows: Any, kind: Kind, row: Any) -> Any:
    return keys(rows.order_by("__".join(kind.one), "-pk")[:2])


@consumer()
def slice_ordered_by_an_expression(rows: Any, kind: Kind, row: Any) -> Any:
    return keys(rows.order_by(F(kind.number).desc(nulls_last=True), "-pk")[:2])


@consumer()
def slice_of_values(rows: Any, kind: Kind, row: Any) -> Any:
    return list(rows.order_by("-pk").values_list(kind.number, flat=True)[:2])


@consumer()
def slice_of_an_annotation(rows: Any, kind: Kind, row: Any) -> Any:
    return [(str(r.pk), r.n) for r in rows.annotate(n=Count(kind.many)).order_by("-n", "pk")[:2]]


@consumer()
def first(rows: Any, kind: Kind, row: Any) -> Any:
    return raised(lambda: str(rows.order_by("-pk").first().pk))


@consumer()
def first_as_it_comes(rows: Any, kind: Kind, row: Any) -> Any:
    return raised(lambda: str(rows.first().pk))


@consumer()
def first_with_ties(rows: Any, kind: Kind, row: Any) -> Any:
    return raised(lambda: str(rows.order_by(kind.text).first().pk))


@consumer()
def last(rows: Any, kind: Kind, row: Any) -> Any:
    return raised(lambda: str(rows.order_by(kind.text, "pk").last().pk))


@consumer()
def earliest(rows: Any, kind: Kind, row: Any) -> Any:
    return raised(lambda: str(rows.earliest(kind.number, "pk").pk))


@consumer()
def latest(rows: Any, kind: Kind, row: Any) -> Any:
    return raised(lambda: str(rows.latest(kind.number, "pk").pk))


@consumer()
def get_one_or_none(rows: Any, kind: Kind, row: Any) -> Any:
    return raised(lambda: str(rows.get(pk=row.pk).pk))


@consumer()
def get_from_all(rows: Any, kind: Kind, row: Any) -> Any:
    """One row, none or many: `DoesNotExist` and `MultipleObjectsReturned` with the messages of Django."""
    return raised(lambda: str(rows.get().pk))


@consumer()
def get_from_a_filter(rows: Any, kind: Kind, row: Any) -> Any:
    return raised(lambda: str(rows.filter(pk__lte=row.pk).get().pk))


@consumer()
def in_bulk(rows: Any, kind: Kind, row: Any) -> Any:
    return {str(key): str(found.pk) for key, found in rows.in_bulk().items()}


@consumer()
def in_bulk_of_keys(rows: Any, kind: Kind, row: Any) -> Any:
    return {str(key): str(found.pk) for key, found in rows.in_bulk([row.pk]).items()}


# Filters ------------------------------------------------------------------------------------------------------------


@consumer()
def rows_filtered(rows: Any, kind: Kind, row: Any) -> Any:
    return kind.in_order(keys(rows.filter(pk__gt=row.pk)))


@consumer()
def rows_excluded(rows: Any, kind: Kind, row: Any) -> Any:
    return kind.in_order(keys(rows.exclude(pk=row.pk)))


@consumer()
def rows_excluded_across_a_relation(rows: Any, kind: Kind, row: Any) -> Any:
    return kind.in_order(keys(rows.exclude(**{f"{kind.many}__isnull": True})))


@consumer()
def rows_of_either(rows: Any, kind: Kind, row: Any) -> Any:
    return kind.in_order(keys(rows.filter(Q(pk=row.pk) | Q(**{f"{kind.number}__gt": 2}))))


@consumer()
def rows_filtered_by_a_relation(rows: Any, kind: Kind, row: Any) -> Any:
    return kind.in_order(keys(rows.filter(**{f"{kind.many}__isnull": False})))


@consumer()
def rows_filtered_by_a_column_of_their_own(rows: Any, kind: Kind, row: Any) -> Any:
    return kind.in_order(keys(rows.filter(**{f"{kind.number}__lte": F(kind.number)})))


@consumer()
def rows_filtered_by_a_subquery(rows: Any, kind: Kind, row: Any) -> Any:
    others = type(row)._base_manager.filter(**{kind.number: OuterRef(kind.number)}).exclude(pk=OuterRef("pk"))
    return kind.in_order(keys(rows.filter(Exists(others))))


@consumer()
def rows_filtered_by_a_list(rows: Any, kind: Kind, row: Any) -> Any:
    return kind.in_order(keys(rows.filter(pk__in=[row.pk])))


@consumer()
def rows_made_distinct(rows: Any, kind: Kind, row: Any) -> Any:
    return kind.in_order(keys(rows.filter(**{f"{kind.many}__isnull": False}).distinct()))


# Columns ------------------------------------------------------------------------------------------------------------


@consumer()
def values(rows: Any, kind: Kind, row: Any) -> Any:
    return kind.in_order(rows.values("pk", kind.text))


@consumer()
def values_of_all_columns(rows: Any, kind: Kind, row: Any) -> Any:
    return kind.in_order(rows.values())


@consumer()
def values_list(rows: Any, kind: Kind, row: Any) -> Any:
    return kind.in_order(rows.values_list(kind.number, "pk"))


@consumer()
def values_list_flat(rows: Any, kind: Kind, row: Any) -> Any:
    return kind.in_order(rows.values_list("pk", flat=True))


@consumer()
def values_list_named(rows: Any, kind: Kind, row: Any) -> Any:
    return kind.in_order((found._fields, *found) for found in rows.values_list(kind.text, "pk", named=True))


@consumer(1, "one")
def values_of_a_joined_column(rows: Any, kind: Kind, row: Any) -> Any:
    return kind.in_order(rows.values_list("pk", "__".join(kind.one)))


@consumer()
def values_made_distinct(rows: Any, kind: Kind, row: Any) -> Any:
    return sorted(rows.order_by().values_list(kind.text, flat=True).distinct(), key=str)


@consumer()
def values_with_an_expression(rows: Any, kind: Kind, row: Any) -> Any:
    return kind.in_order(rows.values_list("pk", Coalesce(F(kind.number), Value(0))))


@consumer(1, "date")
def dates(rows: Any, kind: Kind, row: Any) -> Any:
    return list(rows.dates(kind.date, "month"))


@consumer(1)
def only_some_columns(rows: Any, kind: Kind, row: Any) -> Any:
    return kind.in_order((str(found.pk), sorted(found.get_deferred_fields())) for found in rows.only("pk"))


@consumer()
def deferred_columns_that_are_not_read(rows: Any, kind: Kind, row: Any) -> Any:
    name = rows.model._meta.concrete_fields[-1].name
    return kind.in_order((str(found.pk), sorted(found.get_deferred_fields())) for found in rows.defer(name))


@consumer(2)
def deferred_columns_that_are_read(rows: Any, kind: Kind, row: Any) -> Any:
    name = rows.model._meta.concrete_fields[-1].attname
    return kind.in_order((str(found.pk), getattr(found, name)) for found in rows.defer(name))


# What is loaded along -----------------------------------------------------------------------------------------------


@consumer(1, "one")
def rows_with_a_join(rows: Any, kind: Kind, row: Any) -> Any:
    name, column = kind.one
    found = rows.select_related(name)
    return kind.in_order((str(r.pk), getattr(getattr(r, name), column, None)) for r in found)


@consumer(2, "one")
def rows_with_a_prefetch(rows: Any, kind: Kind, row: Any) -> Any:
    name, column = kind.one
    found = rows.prefetch_related(name)
    return kind.in_order((str(r.pk), getattr(getattr(r, name), column, None)) for r in found)


@consumer(2, "one")
def rows_that_load_lazily(rows: Any, kind: Kind, row: Any) -> Any:
    name, column = kind.one
    return kind.in_order((str(r.pk), getattr(getattr(r, name), column, None)) for r in rows.all())


# Counts and aggregates ----------------------------------------------------------------------------------------------


@consumer()
def count(rows: Any, kind: Kind, row: Any) -> Any:
    return rows.count()


@consumer()
def count_of_all(rows: Any, kind: Kind, row: Any) -> Any:
    return rows.all().count()


@consumer()
def count_of_a_filter(rows: Any, kind: Kind, row: Any) -> Any:
    return rows.filter(pk__gte=row.pk).count()


@consumer()
def count_across_a_relation(rows: Any, kind: Kind, row: Any) -> Any:
    return rows.filter(**{f"{kind.many}__isnull": False}).count()


@consumer()
def count_with_an_order(rows: Any, kind: Kind, row: Any) -> Any:
    return rows.order_by("-pk").count()


@consumer()
def exists(rows: Any, kind: Kind, row: Any) -> Any:
    return rows.exists()


@consumer()
def exists_of_all(rows: Any, kind: Kind, row: Any) -> Any:
    return rows.all().exists()


@consumer()
def exists_of_a_filter(rows: Any, kind: Kind, row: Any) -> Any:
    return rows.filter(pk__gt=row.pk).exists()


@consumer()
def contains(rows: Any, kind: Kind, row: Any) -> Any:
    return rows.contains(row)


@consumer()
def aggregates(rows: Any, kind: Kind, row: Any) -> Any:
    return rows.aggregate(Max(kind.number), Min(kind.number), Sum(kind.number), n=Count("pk"), m=Avg(kind.number))


@consumer()
def aggregates_of_nothing(rows: Any, kind: Kind, row: Any) -> Any:
    nothing = rows.filter(**{f"{kind.number}__lt": -7})
    return nothing.aggregate(Max(kind.number), Sum(kind.number), n=Count("pk"), z=Sum(kind.number, default=0))


@consumer()
def aggregates_with_a_default(rows: Any, kind: Kind, row: Any) -> Any:
    return rows.aggregate(z=Sum(kind.number, default=-1), c=Coalesce(Max(kind.number), Value(-1)))


@consumer()
def aggregates_with_a_filter(rows: Any, kind: Kind, row: Any) -> Any:
    return rows.aggregate(n=Count("pk", filter=Q(pk__gt=row.pk)), d=Count(kind.text, distinct=True))


@consumer(2)  # what an empty set gives is asked once
def aggregates_computed(rows: Any, kind: Kind, row: Any) -> Any:
    return rows.aggregate(n=Count("pk") * 2 + 1, m=Max(kind.number) + Min(kind.number))


@consumer()
def aggregates_of_a_relation(rows: Any, kind: Kind, row: Any) -> Any:
    return rows.aggregate(n=Count(kind.many))


@consumer()
def annotation_of_a_column(rows: Any, kind: Kind, row: Any) -> Any:
    return kind.in_order((str(r.pk), r.more) for r in rows.annotate(more=F(kind.number) + 1))


@consumer()
def annotation_of_a_function(rows: Any, kind: Kind, row: Any) -> Any:
    return kind.in_order((str(r.pk), str(r.upper)) for r in rows.annotate(upper=Upper(kind.text)))


@consumer()
def annotation_of_a_value(rows: Any, kind: Kind, row: Any) -> Any:
    return kind.in_order((str(r.pk), r.seven) for r in rows.annotate(seven=Value(7)))


@consumer()
def annotation_of_a_count(rows: Any, kind: Kind, row: Any) -> Any:
    # Django leaves out the model's ordering where it groups, so this is in no order.
    return sorted((str(r.pk), r.n) for r in rows.annotate(n=Count(kind.many)))


@consumer()
def annotation_filtered(rows: Any, kind: Kind, row: Any) -> Any:
    return sorted((str(r.pk), r.n) for r in rows.annotate(n=Count(kind.many)).filter(n__gte=1))


@consumer()
def annotation_of_a_subquery(rows: Any, kind: Kind, row: Any) -> Any:
    others = type(row)._base_manager.filter(pk__gt=OuterRef("pk"))
    return kind.in_order((str(r.pk), r.has_more) for r in rows.annotate(has_more=Exists(others)))


@consumer()
def groups(rows: Any, kind: Kind, row: Any) -> Any:
    found = rows.order_by().values(kind.text).annotate(n=Count("pk"))
    return sorted(((r[kind.text], r["n"]) for r in found), key=repr)


@consumer()
def groups_in_order(rows: Any, kind: Kind, row: Any) -> Any:
    return list(rows.values(kind.text).annotate(n=Count("pk"), m=Max(kind.number)).order_by("-n", kind.text)[:2])


# Async forms --------------------------------------------------------------------------------------------------------


@consumer()
def async_iteration(rows: Any, kind: Kind, row: Any) -> Any:
    async def collect() -> list[str]:
        return [str(found.pk) async for found in rows.all()]

    return kind.in_order(async_to_sync(collect)())


@consumer()
def async_streaming(rows: Any, kind: Kind, row: Any) -> Any:
    async def collect() -> list[str]:
        return [str(found.pk) async for found in rows.order_by("pk").aiterator(chunk_size=2)]

    return async_to_sync(collect)()


@consumer(6)
def async_rows(rows: Any, kind: Kind, row: Any) -> Any:
    ordered = rows.order_by("-pk")

    async def each() -> list[Any]:
        return [
            await araised(lambda: ordered.afirst()),
            await araised(lambda: ordered.alast()),
            await araised(lambda: ordered.aearliest("pk")),
            await araised(lambda: ordered.alatest("pk")),
            await araised(lambda: ordered.aget(pk=row.pk)),
            sorted(map(str, await ordered.ain_bulk())),
        ]

    return async_to_sync(each)()


async def araised(load: Any) -> str:
    """Return the primary key of what a coroutine loads, or the error that it raises."""
    try:
        return str((await load()).pk)
    except Exception as error:
        return f"{type(error).__name__}: {error}"


@consumer(4)
def async_counts(rows: Any, kind: Kind, row: Any) -> Any:
    return [
        async_to_sync(rows.acount)(),
        async_to_sync(rows.aexists)(),
        async_to_sync(rows.acontains)(row),
        async_to_sync(rows.aaggregate)(Max(kind.number)),
    ]
