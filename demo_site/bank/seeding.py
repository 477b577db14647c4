"""Fill the bank with made-up rows, the same ones each time.

All rows get their keys here and not from the database, so that every database and every run gives equal JSON.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import islice, product
from random import Random
from typing import TYPE_CHECKING

from django.db import models
from django.db.transaction import atomic

from demo_site.bank.models import Account, Branch, Category, Department, Merchant, Organisation, Transaction, User
from demo_site.progress import ProgressBar
from demo_site.sequences import advance_sequences

if TYPE_CHECKING:
    from collections.abc import Iterator

DEMO_USERNAME = "demo"

DEPARTMENTS = ["Purchasing", "Sales", "Research", "Logistics", "Finance", "Service"]
CITIES = ["Bergen", "Ghent", "Graz", "Leiden", "Lyon", "Porto", "Turku", "Verona"]
CATEGORIES = ["Rent", "Wages", "Travel", "Software", "Energy", "Insurance", "Freight", "Taxes", "Meals", "Repairs"]
TRADES = ["Bakery", "Carriers", "Hardware", "Motors", "Office Supply", "Telecom", "Travel", "Works"]
OWNERS = ["Alder", "Birch", "Linden", "Maple", "Rowan"]
FIRST_NAMES = ["Ada", "Barbara", "Edsger", "Frances", "Grace", "Jean", "John", "Karen", "Leslie", "Margaret"]
LAST_NAMES = ["Amsel", "Drossel", "Falke", "Kranich", "Lerche", "Reiher", "Schwalbe"]
PURPOSES = ["Giro", "Payroll", "Reserve", "Project"]

NEWEST = datetime(2026, 3, 31, 16, 0, tzinfo=UTC)
BATCH = 2000

# Parents before their children.
SEEDED_MODELS: list[type[models.Model]] = [
    Organisation,
    Department,
    User,
    Branch,
    Category,
    Merchant,
    Account,
    Transaction,
]


@dataclass(frozen=True, slots=True)
class Scale:
    """How large the bank is.

    Args:
        accounts: Accounts in all; the last of them has no transactions yet.
        transactions: Transactions of each other account.
    """

    accounts: int = 61
    transactions: int = 50

    @property
    def all_transactions(self) -> int:
        """Count the transactions of the whole bank."""
        return (self.accounts - 1) * self.transactions


def is_seeded(scale: Scale) -> bool:
    """Tell whether the database already holds a bank of this scale."""
    return Account.objects.count() == scale.accounts and Transaction.objects.count() == scale.all_transactions


def seed(scale: Scale) -> None:
    """Replace the bank by one of this scale, or leave it as it was when interrupted."""
    with atomic(), ProgressBar("Seeding", scale.all_transactions) as progress:
        for model in reversed(SEEDED_MODELS):
            models.QuerySet(model).delete()
        seed_surroundings()
        User.objects.bulk_create(people(max(1, scale.accounts // 3)))
        Account.objects.bulk_create(accounts(scale.accounts))
        for batch in in_batches(transactions(scale)):
            Transaction.objects.bulk_create(batch)
            progress.advance(len(batch))
        advance_sequences(SEEDED_MODELS)


def seed_surroundings() -> None:
    """Create what people, accounts and transactions point to."""
    Organisation.objects.create(pk=1, name="Hollow Tree Cooperative")
    Department.objects.bulk_create(Department(pk=key, name=name) for key, name in enumerate(DEPARTMENTS, 1))
    Branch.objects.bulk_create(Branch(pk=key, name="Market Square", city=city) for key, city in enumerate(CITIES, 1))
    Category.objects.bulk_create(Category(pk=key, name=name) for key, name in enumerate(CATEGORIES, 1))
    Merchant.objects.bulk_create(Merchant(pk=key, name=name) for key, name in enumerate(merchant_names(), 1))


def merchant_names() -> list[str]:
    """Name the merchants: each owner in each trade."""
    return [f"{owner} {trade}" for owner, trade in product(OWNERS, TRADES)]


def people(count: int) -> Iterator[User]:
    """Make the people of the organisation; the first is the one who signs in."""
    for key in range(1, count + 1):
        username = DEMO_USERNAME if key == 1 else f"person{key}"
        yield User(
            pk=key,
            username=username,
            first_name=FIRST_NAMES[key % len(FIRST_NAMES)],
            last_name=LAST_NAMES[key % len(LAST_NAMES)],
            email=f"{username}@hollowtree.example",
            password="!",  # an unusable password: the demo signs people in itself
            org_id=1,
            department_id=key % len(DEPARTMENTS) + 1,
            date_joined=NEWEST,
        )


def accounts(count: int) -> Iterator[Account]:
    """Make the accounts, their keys in another order than their numbers, as in a bank that has grown."""
    random = Random(count)
    keys = list(range(1, count + 1))
    random.shuffle(keys)
    for position, key in enumerate(keys, 1):
        yield Account(
            pk=key,
            org_id=1,
            owner_id=position % max(1, count // 3) + 1,
            branch_id=position % len(CITIES) + 1,
            number=f"HT{position:08d}",
            name=f"{PURPOSES[position % len(PURPOSES)]} {position}",
            balance=Decimal(random.randrange(-50_000_00, 900_000_00)).scaleb(-2),
        )


def transactions(scale: Scale) -> Iterator[Transaction]:
    """Make the transactions, the oldest first, as they would have come in."""
    random = Random(scale.transactions)
    numbers = product(range(scale.transactions), range(1, scale.accounts))
    for key, (round_number, account_key) in enumerate(numbers, 1):
        age = timedelta(hours=7 * (scale.transactions - round_number), minutes=account_key % 60)
        yield Transaction(
            pk=key,
            account_id=account_key,
            category_id=random.randint(1, len(CATEGORIES)),
            merchant_id=random.randint(1, len(OWNERS) * len(TRADES)),
            created=NEWEST - age,
            amount=Decimal(random.randrange(-5_000_00, 5_000_00)).scaleb(-2),
            text=f"Reference {key:08d}",
        )


def in_batches(rows: Iterator[Transaction]) -> Iterator[list[Transaction]]:
    """Cut the rows into lists, so that a large bank is never in memory as a whole."""
    while batch := list(islice(rows, BATCH)):
        yield batch
