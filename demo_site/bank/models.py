"""The tables of the bank."""

from __future__ import annotations

from django.contrib.auth.models import AbstractUser
from django.db import models


class Organisation(models.Model):
    """A customer of the bank: a firm with many accounts."""

    name = models.CharField(max_length=100)

    def __str__(self) -> str:
        return self.name


class Department(models.Model):
    """A part of an organisation, such as its purchasing."""

    name = models.CharField(max_length=100)

    def __str__(self) -> str:
        return self.name


class User(AbstractUser):
    """A person who signs in, and may own accounts."""

    org = models.ForeignKey(Organisation, on_delete=models.CASCADE, related_name="users")
    department = models.ForeignKey(Department, on_delete=models.CASCADE, related_name="users")

    def __str__(self) -> str:
        return self.get_full_name()


class Branch(models.Model):
    """A place where the bank keeps accounts."""

    name = models.CharField(max_length=100)
    city = models.CharField(max_length=100)

    def __str__(self) -> str:
        return f"{self.name}, {self.city}"


class Account(models.Model):
    """An account of an organisation, looked after by one of its people."""

    org = models.ForeignKey(Organisation, on_delete=models.CASCADE, related_name="accounts")
    owner = models.ForeignKey(User, on_delete=models.CASCADE, related_name="accounts")
    branch = models.ForeignKey(Branch, on_delete=models.CASCADE, related_name="accounts")
    number = models.CharField(max_length=20, unique=True)
    name = models.CharField(max_length=100)
    balance = models.DecimalField(max_digits=14, decimal_places=2)

    class Meta:
        ordering = ["number"]

    def __str__(self) -> str:
        return f"{self.number} {self.name}"


class Category(models.Model):
    """What a transaction was for."""

    name = models.CharField(max_length=100)

    class Meta:
        verbose_name_plural = "categories"

    def __str__(self) -> str:
        return self.name


class Merchant(models.Model):
    """Who was paid."""

    name = models.CharField(max_length=100)

    def __str__(self) -> str:
        return self.name


class Transaction(models.Model):
    """Money that left an account or came in."""

    account = models.ForeignKey(Account, on_delete=models.CASCADE, related_name="transactions")
    category = models.ForeignKey(Category, on_delete=models.CASCADE, related_name="transactions")
    merchant = models.ForeignKey(Merchant, on_delete=models.CASCADE, related_name="transactions")
    created = models.DateTimeField()
    amount = models.DecimalField(max_digits=12, decimal_places=2)
    text = models.CharField(max_length=100)

    class Meta:
        # The index behind this constraint, read backwards, also answers "the latest of one account".
        constraints = [models.UniqueConstraint(fields=["account", "created"], name="one_transaction_at_a_time")]

    def __str__(self) -> str:
        return f"{self.created:%Y-%m-%d %H:%M} {self.amount}"
