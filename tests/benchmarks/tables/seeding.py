"""Fill the tables, the same rows each time."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, timedelta
from typing import Any

from django.db import connection
from django.db.transaction import atomic

from tests.benchmarks.tables.models import (
    SPOKES,
    Customer,
    Depot,
    Hub,
    Invoice,
    Item,
    Maker,
    Order,
    Parcel,
    Person,
    Region,
    Series,
    Shop,
    Spoke,
    Trip,
    Van,
    Visit,
)

BATCH = 500


def seed() -> None:
    """Fill every table."""
    with atomic():
        seed_items(3_000, makers=8, series=200)
        seed_orders(1_000)
        seed_shops(1_000, visits=3)
        seed_levels(1_000, children=2)
        seed_hubs(3)
    analyse()


def create(rows: Iterable[Any], model: Any) -> None:
    model.objects.bulk_create(rows, batch_size=BATCH)


def seed_items(count: int, makers: int, series: int) -> None:
    create((Maker(pk=key, name=f"maker {key}") for key in range(1, makers + 1)), Maker)
    create((Series(pk=key, name=f"series {key}") for key in range(1, series + 1)), Series)
    items = (
        Item(pk=key, name=f"item {key}", maker_id=key % makers + 1, series_id=key % series + 1)
        for key in range(1, count + 1)
    )
    create(items, Item)


def seed_orders(count: int) -> None:
    keys = range(1, count + 1)
    create((Customer(pk=k, name=f"customer {k}", email=f"c{k}@example.com", city="Graz") for k in keys), Customer)
    create((Invoice(pk=k, number=f"I{k:06d}", total=k * 10) for k in keys), Invoice)
    create((Parcel(pk=k, code=f"P{k:06d}", weight=k % 30, carrier="Swift") for k in keys), Parcel)
    orders = (
        Order(
            pk=key,
            number=f"O{key:06d}",
            placed=date(2026, 1, 1) + timedelta(days=key % 365),
            note="to be left with the neighbours",
            customer_id=key,
            invoice_id=key,
            parcel_id=key,
        )
        for key in keys
    )
    create(orders, Order)


def seed_shops(count: int, visits: int) -> None:
    create((Shop(pk=key, name=f"shop {key}") for key in range(1, count + 1)), Shop)
    rows = (
        Visit(pk=key, shop_id=key % count + 1, is_paid=bool(key // count), amount=key % 97)
        for key in range(1, count * visits + 1)
    )
    create(rows, Visit)


def seed_levels(count: int, children: int) -> None:
    people = 100
    create((Person(pk=key, name=f"person {key}") for key in range(1, people + 1)), Person)
    create(
        (Region(pk=key, name=f"region {key}", head_id=key % people + 1) for key in range(1, count + 1)),
        Region,
    )
    levels = [(Depot, "region", "head"), (Van, "depot", "driver"), (Trip, "van", "guide")]
    parents = count
    for model, parent, person in levels:
        # In the order of their keys, the children of one parent stand together, as where each was filled at once.
        rows = (
            model(
                pk=key,
                name=f"{model._meta.model_name} {key}",
                **{f"{parent}_id": (key - 1) // children + 1, f"{person}_id": key % people + 1},
            )
            for key in range(1, parents * children + 1)
        )
        create(rows, model)
        parents *= children


def seed_hubs(count: int) -> None:
    create((Spoke(pk=key, name=f"spoke {key}") for key in range(1, count * len(SPOKES) + 1)), Spoke)
    hubs = (
        Hub(
            pk=key,
            name=f"hub {key}",
            **{f"{spoke}_id": (key - 1) * len(SPOKES) + number for number, spoke in enumerate(SPOKES, 1)},
        )
        for key in range(1, count + 1)
    )
    create(hubs, Hub)


def analyse() -> None:
    """Let the database know its tables, so that it plans as on a site that has run for a while."""
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE" if connection.vendor == "postgresql" else "ANALYZE")
