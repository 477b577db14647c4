"""The tables of the shop: each kind of relation stands here once, and is used by the pages in ``views``.

All orderings are total, so that rows have one order only, and joins may be made.
"""

from __future__ import annotations

from django.contrib.contenttypes.fields import GenericForeignKey, GenericRelation
from django.contrib.contenttypes.models import ContentType
from django.db import models


class Country(models.Model):
    """Where a brand is at home."""

    name = models.CharField(max_length=100)

    class Meta:
        verbose_name_plural = "countries"

    def __str__(self) -> str:
        return self.name


class Brand(models.Model):
    """Who makes a product; with its country the end of a chain of foreign keys."""

    name = models.CharField(max_length=100)
    country = models.ForeignKey(Country, on_delete=models.CASCADE, related_name="brands")

    def __str__(self) -> str:
        return self.name


class Category(models.Model):
    """A shelf of the shop, in a tree: it refers to itself."""

    name = models.CharField(max_length=100, unique=True)
    parent = models.ForeignKey("self", on_delete=models.CASCADE, null=True, blank=True, related_name="children")

    class Meta:
        ordering = ["name"]
        verbose_name_plural = "categories"

    def __str__(self) -> str:
        return self.name


class Tag(models.Model):
    """A word that products share: many to many, read from both ends."""

    name = models.CharField(max_length=100, unique=True)

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name


class Note(models.Model):
    """What somebody of the staff wrote about any row of the shop: a generic foreign key."""

    content_type = models.ForeignKey(ContentType, on_delete=models.CASCADE)
    object_id = models.PositiveBigIntegerField()
    subject = GenericForeignKey()
    text = models.CharField(max_length=100)

    class Meta:
        ordering = ["-pk"]
        indexes = [models.Index(fields=["content_type", "object_id"], name="notes_of_a_subject")]

    def __str__(self) -> str:
        return self.text


class Product(models.Model):
    """Something for sale; its notes are a generic relation."""

    name = models.CharField(max_length=100, unique=True)
    price = models.DecimalField(max_digits=8, decimal_places=2)
    brand = models.ForeignKey(Brand, on_delete=models.CASCADE, related_name="products")
    category = models.ForeignKey(Category, on_delete=models.CASCADE, related_name="products")
    tags = models.ManyToManyField(Tag, related_name="products")
    notes = GenericRelation(Note)

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name


class Garment(Product):
    """A product to wear: a table of its own that continues the parent's (multi-table inheritance)."""

    size = models.CharField(max_length=10)
    fabric = models.CharField(max_length=100)

    def __str__(self) -> str:
        return f"{self.name} ({self.size})"


class Stock(models.Model):
    """How many of a product are left: one-to-one, read from both ends."""

    product = models.OneToOneField(Product, on_delete=models.CASCADE, related_name="stock")
    place = models.CharField(max_length=10, unique=True)
    left = models.PositiveIntegerField()

    class Meta:
        ordering = ["place"]

    def __str__(self) -> str:
        return f"{self.left} at {self.place}"


class Customer(models.Model):
    """Who orders and reviews."""

    name = models.CharField(max_length=100, unique=True)

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name


class Membership(models.Model):
    """What a regular customer has, and others have not: one-to-one, where the other end may be missing."""

    customer = models.OneToOneField(Customer, on_delete=models.CASCADE, related_name="membership")
    number = models.CharField(max_length=10)

    def __str__(self) -> str:
        return self.number


class Order(models.Model):
    """What a customer bought at one time."""

    customer = models.ForeignKey(Customer, on_delete=models.CASCADE, related_name="orders")
    placed = models.DateTimeField(unique=True)

    class Meta:
        ordering = ["-placed"]

    def __str__(self) -> str:
        return f"order {self.pk}"


class OrderLine(models.Model):
    """One product of an order: from the order a reverse foreign key."""

    order = models.ForeignKey(Order, on_delete=models.CASCADE, related_name="lines")
    product = models.ForeignKey(Product, on_delete=models.CASCADE, related_name="order_lines")
    quantity = models.PositiveIntegerField()

    class Meta:
        ordering = ["pk"]

    def __str__(self) -> str:
        return f"{self.quantity} of product {self.product_id}"


class Review(models.Model):
    """What a customer thinks of a product; each product asks for a count, an average, the worst and the latest."""

    product = models.ForeignKey(Product, on_delete=models.CASCADE, related_name="reviews")
    customer = models.ForeignKey(Customer, on_delete=models.CASCADE, related_name="reviews")
    stars = models.PositiveIntegerField()
    written = models.DateTimeField()
    text = models.CharField(max_length=100)

    class Meta:
        # The index behind this constraint, read backwards, also answers "the latest of one product".
        constraints = [models.UniqueConstraint(fields=["product", "written"], name="one_review_at_a_time")]

    def __str__(self) -> str:
        return f"{self.stars} stars: {self.text}"
