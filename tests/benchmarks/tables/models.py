"""Wide rows, orders with three foreign keys, shops with visits, four nested levels, and a hub with twenty spokes.

All are ordered by their key, which is total, so that joins are allowed wherever they pay.
"""

from __future__ import annotations

from django.db import models


class Ordered(models.Model):
    class Meta:
        abstract = True
        ordering = ["pk"]


# W: many rows that point to few wide ones ---------------------------------------------------------------------------


class Wide(Ordered):
    """A row of twenty columns beside its key."""

    name = models.CharField(max_length=50)
    column_02 = models.CharField(max_length=50, default="a value of usual length")
    column_03 = models.CharField(max_length=50, default="a value of usual length")
    column_04 = models.CharField(max_length=50, default="a value of usual length")
    column_05 = models.CharField(max_length=50, default="a value of usual length")
    column_06 = models.CharField(max_length=50, default="a value of usual length")
    column_07 = models.CharField(max_length=50, default="a value of usual length")
    column_08 = models.CharField(max_length=50, default="a value of usual length")
    column_09 = models.CharField(max_length=50, default="a value of usual length")
    column_10 = models.CharField(max_length=50, default="a value of usual length")
    column_11 = models.TextField(default="a longer value " * 4)
    column_12 = models.TextField(default="a longer value " * 4)
    column_13 = models.IntegerField(default=13)
    column_14 = models.IntegerField(default=14)
    column_15 = models.IntegerField(default=15)
    column_16 = models.IntegerField(default=16)
    column_17 = models.FloatField(default=17.0)
    column_18 = models.FloatField(default=18.0)
    column_19 = models.BooleanField(default=True)
    column_20 = models.BooleanField(default=False)

    class Meta(Ordered.Meta):
        abstract = True


class Maker(Wide): ...


class Series(Wide): ...


class Item(Ordered):
    name = models.CharField(max_length=50)
    maker = models.ForeignKey(Maker, models.CASCADE, related_name="items")
    series = models.ForeignKey(Series, models.CASCADE, related_name="items")


# J, N, O, P, X: rows that share nothing -----------------------------------------------------------------------------


class Customer(Ordered):
    name = models.CharField(max_length=50)
    email = models.CharField(max_length=50)
    city = models.CharField(max_length=50)


class Invoice(Ordered):
    number = models.CharField(max_length=20)
    total = models.IntegerField()
    is_paid = models.BooleanField(default=True)


class Parcel(Ordered):
    code = models.CharField(max_length=20)
    weight = models.IntegerField()
    carrier = models.CharField(max_length=50)


class Order(Ordered):
    number = models.CharField(max_length=20)
    placed = models.DateField()
    note = models.CharField(max_length=100)
    customer = models.ForeignKey(Customer, models.CASCADE, related_name="orders")
    invoice = models.ForeignKey(Invoice, models.CASCADE, related_name="orders")
    parcel = models.ForeignKey(Parcel, models.CASCADE, related_name="orders")


# C, Q: parents that are counted, and asked by derived queries -------------------------------------------------------


class Shop(Ordered):
    name = models.CharField(max_length=50)


class Visit(Ordered):
    shop = models.ForeignKey(Shop, models.CASCADE, related_name="visits")
    is_paid = models.BooleanField()
    amount = models.IntegerField()


# D: three nested to-many levels, with a foreign key at each ---------------------------------------------------------


class Person(Ordered):
    name = models.CharField(max_length=50)


class Region(Ordered):
    name = models.CharField(max_length=50)
    head = models.ForeignKey(Person, models.CASCADE, related_name="+")


class Depot(Ordered):
    name = models.CharField(max_length=50)
    region = models.ForeignKey(Region, models.CASCADE, related_name="depots")
    head = models.ForeignKey(Person, models.CASCADE, related_name="+")


class Van(Ordered):
    name = models.CharField(max_length=50)
    depot = models.ForeignKey(Depot, models.CASCADE, related_name="vans")
    driver = models.ForeignKey(Person, models.CASCADE, related_name="+")


class Trip(Ordered):
    name = models.CharField(max_length=50)
    van = models.ForeignKey(Van, models.CASCADE, related_name="trips")
    guide = models.ForeignKey(Person, models.CASCADE, related_name="+")


# M: a row with twenty relations -------------------------------------------------------------------------------------


class Spoke(Ordered):
    name = models.CharField(max_length=50)


class Hub(Ordered):
    name = models.CharField(max_length=50)


SPOKES = [f"spoke_{number:02d}" for number in range(1, 21)]
for spoke in SPOKES:
    Hub.add_to_class(spoke, models.ForeignKey(Spoke, models.CASCADE, related_name="+"))
