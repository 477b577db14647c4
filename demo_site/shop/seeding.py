"""Fill the shop with made-up rows, the same ones each time, whatever the database."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import islice
from random import Random
from typing import TYPE_CHECKING

from django.contrib.contenttypes.models import ContentType
from django.db import models
from django.db.transaction import atomic

from demo_site.progress import ProgressBar
from demo_site.sequences import advance_sequences
from demo_site.shop.models import (
    Brand,
    Category,
    Country,
    Customer,
    Garment,
    Membership,
    Note,
    Order,
    OrderLine,
    Product,
    Review,
    Stock,
    Tag,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

NEWEST = datetime(2026, 3, 31, 16, 0, tzinfo=UTC)
PRODUCTS, ORDERS, REVIEWS_OF_A_PRODUCT, NOTES = 36, 24, 12, 30

COUNTRIES = ["Austria", "Finland", "Italy", "Norway", "Portugal"]
BRANDS = ["Auerhahn", "Bergfink", "Dipper", "Gannet", "Merlin", "Ouzel", "Plover", "Wheatear"]
TREE = {
    "Camp": ["Cooking", "Light", "Tents"],
    "Clothing": ["Hats", "Jackets", "Socks"],
    "Travel": ["Maps", "Packs", "Water"],
}
THINGS = {
    "Cooking": "Stove",
    "Light": "Lantern",
    "Tents": "Tent",
    "Hats": "Cap",
    "Jackets": "Anorak",
    "Socks": "Socks",
    "Maps": "Compass",
    "Packs": "Rucksack",
    "Water": "Bottle",
}
PLACES = ["Fjord", "Heath", "Moor", "Ridge"]
TAGS = ["durable", "foldable", "gift", "light", "mended free", "new", "recycled", "waterproof"]
FABRICS = ["hemp", "linen", "loden", "merino"]
SIZES = ["S", "M", "L"]
CUSTOMERS = ["Aino", "Bela", "Carla", "Dag", "Elin", "Fabio", "Greta", "Hugo", "Ines", "Jonas", "Kaja", "Luca"]
OPINIONS = ["Came apart.", "Does not fit.", "As described.", "Would buy again.", "Has been up every hill with me."]

# Parents before their children.
SEEDED_MODELS: list[type[models.Model]] = [
    Country,
    Brand,
    Category,
    Tag,
    Customer,
    Membership,
    Product,
    Garment,
    Stock,
    Order,
    OrderLine,
    Review,
    Note,
]


def is_seeded() -> bool:
    """Tell whether the shop is filled; it has one scale only."""
    return Product.objects.count() == PRODUCTS and Note.objects.count() == NOTES


def seed() -> None:
    """Replace the shop, or leave it as it was when interrupted."""
    parts = [seed_surroundings, seed_products, seed_orders, seed_reviews, seed_notes]
    with atomic(), ProgressBar("Filling the shop", len(parts)) as progress:
        for model in reversed(SEEDED_MODELS):
            models.QuerySet(model).delete()
        for part in parts:
            part()
            progress.advance(1)
        advance_sequences(SEEDED_MODELS)


def seed_surroundings() -> None:
    """Create what products and orders point to."""
    Country.objects.bulk_create(Country(pk=key, name=name) for key, name in enumerate(COUNTRIES, 1))
    Brand.objects.bulk_create(
        Brand(pk=key, name=name, country_id=key % len(COUNTRIES) + 1) for key, name in enumerate(BRANDS, 1)
    )
    Category.objects.bulk_create(categories())
    Tag.objects.bulk_create(Tag(pk=key, name=name) for key, name in enumerate(TAGS, 1))
    Customer.objects.bulk_create(Customer(pk=key, name=name) for key, name in enumerate(CUSTOMERS, 1))
    Membership.objects.bulk_create(
        Membership(customer_id=key, number=f"M{key:03d}") for key in range(1, len(CUSTOMERS) + 1) if key % 3
    )


def categories() -> Iterator[Category]:
    """Make the tree: the roots first, so that their keys are known to the leaves."""
    for key, name in enumerate(TREE, 1):
        yield Category(pk=key, name=name)
    leaves = [(parent, leaf) for parent, names in enumerate(TREE.values(), 1) for leaf in names]
    for key, (parent, name) in enumerate(leaves, len(TREE) + 1):
        yield Category(pk=key, name=name, parent_id=parent)


def seed_products() -> None:
    """Create the products, those to wear as garments, with their stock and tags."""
    random = Random(PRODUCTS)
    leaves = [leaf for names in TREE.values() for leaf in names]
    names = [(place, position) for place in PLACES for position in range(len(leaves))]
    for key, (place, position) in enumerate(islice(names, PRODUCTS), 1):
        leaf = leaves[position]
        fields = {
            "pk": key,
            "name": f"{place} {THINGS[leaf]}",
            "price": Decimal(random.randrange(5_00, 400_00)).scaleb(-2),
            "brand_id": key % len(BRANDS) + 1,
            "category_id": len(TREE) + position + 1,
        }
        if leaf in TREE["Clothing"]:
            Garment.objects.create(**fields, size=SIZES[key % 3], fabric=FABRICS[key % len(FABRICS)])
        else:
            Product.objects.create(**fields)
    Stock.objects.bulk_create(
        Stock(product_id=key, place=f"{'ABCD'[key % 4]}{key:02d}", left=random.randrange(40))
        for key in range(1, PRODUCTS + 1)
    )
    Product.tags.through.objects.bulk_create(
        Product.tags.through(product_id=product, tag_id=tag)
        for product in range(1, PRODUCTS + 1)
        for tag in sorted(random.sample(range(1, len(TAGS) + 1), 3))
    )


def seed_orders() -> None:
    """Create the orders, the oldest first, with one to five lines each."""
    random = Random(ORDERS)
    Order.objects.bulk_create(
        Order(pk=key, customer_id=random.randint(1, len(CUSTOMERS)), placed=NEWEST - timedelta(hours=5 * (99 - key)))
        for key in range(1, ORDERS + 1)
    )
    OrderLine.objects.bulk_create(
        OrderLine(order_id=order, product_id=random.randint(1, PRODUCTS), quantity=random.randint(1, 4))
        for order in range(1, ORDERS + 1)
        for _ in range(random.randint(1, 5))
    )


def seed_reviews() -> None:
    """Create the reviews of each product, but for one that nobody has reviewed yet."""
    random = Random(REVIEWS_OF_A_PRODUCT)
    stars = [random.randint(1, 5) for _ in range((PRODUCTS - 1) * REVIEWS_OF_A_PRODUCT)]
    Review.objects.bulk_create(
        Review(
            product_id=number // REVIEWS_OF_A_PRODUCT + 1,
            customer_id=random.randint(1, len(CUSTOMERS)),
            stars=given,
            written=NEWEST - timedelta(hours=11 * (number % REVIEWS_OF_A_PRODUCT), minutes=number),
            text=OPINIONS[given - 1],
        )
        for number, given in enumerate(stars)
    )


def seed_notes() -> None:
    """Create notes about products, orders and customers in turn."""
    subjects = [(Product, PRODUCTS), (Order, ORDERS), (Customer, len(CUSTOMERS))]
    random = Random(NOTES)
    Note.objects.bulk_create(
        Note(
            pk=key,
            content_type=ContentType.objects.get_for_model(subjects[key % 3][0]),
            object_id=random.randint(1, subjects[key % 3][1]),
            text=f"Asked about on day {key}",
        )
        for key in range(1, NOTES + 1)
    )
