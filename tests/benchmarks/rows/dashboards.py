"""S: the story's dashboard, whole, and its database and hydration alone."""

from __future__ import annotations

import json
from collections.abc import Callable
from itertools import count
from typing import Any

from django.db.models import Prefetch
from django.test import Client
from django.urls import reverse

from autoprefetch import auto
from demo_site.bank.models import Account, Transaction
from demo_site.bank.seeding import Scale as BankScale
from demo_site.bank.seeding import seed as seed_bank
from demo_site.measuring import signed_in_client
from tests.benchmarks import optional
from tests.benchmarks.measuring import ANYTHING, Variant, compared, in_turn, interleaved
from tests.benchmarks.outcomes import Outcome, setting
from tests.benchmarks.rows.dashboard_views import attach_latest
from tests.benchmarks.scales import Scale
from tests.benchmarks.tables.seeding import analyse

USUAL = 0.0012
ACCOUNTS = 61
FEW = 50

OF_OTHERS = ("fetch_peers", "auto_prefetch")

#: Session and user beside the view's own queries.
MOST_WARM, MOST_COLD = 4, 12


def seed(transactions: int) -> None:
    """Fill the bank."""
    seed_bank(BankScale(ACCOUNTS, transactions))
    analyse()


def few(scale: Scale, at: str) -> Outcome:
    """Measure the dashboard of the story, with 50 transactions an account."""
    client = signed_in_client()
    outcome = Outcome(skipped=optional.skipped())
    slow = [visiting(client, name, is_slow=True) for name in ("plain", *OF_OTHERS)]
    slow = [variant for variant in slow if variant.name not in outcome.skipped]
    outcome.add(interleaved(slow, 0.0, scale.pace), setting(at, "0ms"))
    able = compared([*views(client), building()])
    for latency in dict.fromkeys((USUAL, *scale.latencies_of(at))):
        here = setting(at, "" if latency == USUAL else f"{latency * 1000:g}ms")
        outcome.add(in_turn(able, latency, scale.short_pace), here)
        bar = {"at_most": 1.05} if latency == USUAL else {}
        outcome.compare("warm", "best_hand_written", "building", at=here, **bar)
        outcome.compare("warm", "hand_written", "building", at=here)
        outcome.compare("cold", "hand_written", at=here, **({"at_most": 1.5} if latency == USUAL else {}))
    outcome.limit("warm", MOST_WARM, at=at)
    outcome.limit("cold", MOST_COLD, at=at)
    return outcome


def many(scale: Scale, at: str) -> Outcome:
    """Measure it where each account has thousands of transactions."""
    here = setting(at, f"{scale.many:,} each")
    outcome = Outcome()
    outcome.add(interleaved(views(signed_in_client()), USUAL, scale.short_pace), here)
    outcome.add(interleaved(data_only(), USUAL, scale.short_pace), here)
    bars = ({}, {}) if scale.is_quick else ({"at_least": 5.0}, {"at_least": 20.0})
    outcome.compare("hand_written", "warm", at=here, **bars[0])
    outcome.compare("hand_written_data", "warm_data", at=here, **bars[1])
    outcome.limit("warm", MOST_WARM, at=here)
    outcome.limit("cold", MOST_COLD, at=here)
    return outcome


def views(client: Client) -> list[Variant]:
    return [
        visiting(client, "hand_written"),
        visiting(client, "best_hand_written"),
        visiting(client, "cold"),
        visiting(client, "auto", name="warm"),
    ]


def visiting(client: Client, endpoint: str, name: str = "", is_slow: bool = False) -> Variant:
    """Request one of the dashboards."""

    def run() -> Any:
        return client.get(reverse(endpoint))

    return Variant(
        name or endpoint,
        run,
        is_slow=is_slow,
        may_fail=endpoint in OF_OTHERS,
        result=lambda response: json.loads(response.content),
    )


def building() -> Variant:
    """Build the view's own derived querysets, and leave them unevaluated: what any form that keeps the view pays."""
    accounts: list[Account] = []

    def prepare() -> None:
        accounts[:] = Account.objects.all()

    def run() -> None:
        for account in accounts:
            account.transactions.order_by("-created")[:5]

    return Variant("building", run, prepare, result=lambda returned: ANYTHING)


_visits = count()


def data_only() -> list[Variant]:
    """Load and make instances of all that the serializers read, without the serializers."""
    return [
        Variant(
            "hand_written_data",
            reading(hand_written, lambda account: account.latest_transactions),
        ),
        Variant(
            "best_hand_written_data",
            reading(best, lambda account: account.latest_transactions),
        ),
        Variant(
            "cold_data",
            reading(cold, latest),
        ),
        Variant(
            "warm_data",
            reading(warm, latest),
        ),
    ]


def latest(account: Any) -> Any:
    return account.transactions.order_by("-created")[:5]


def reading(load: Callable[[], Any], transactions_of: Callable[[Any], Any]) -> Callable[[], list[Any]]:
    def run() -> list[Any]:
        read = []
        for account in load():
            names = [account.owner.department.name, account.branch.name]
            rows = [(row.pk, row.category.name, row.merchant.name) for row in transactions_of(account)]
            read.append((account.pk, names, rows))
        return read

    return run


def accounts_of_one() -> Any:
    return Account.objects.filter(org_id=1)


def hand_written() -> Any:
    rows = Transaction.objects.select_related("category", "merchant").order_by("-created")[:5]
    prefetch = Prefetch("transactions", queryset=rows, to_attr="latest_transactions")
    return accounts_of_one().select_related("owner__department", "branch").prefetch_related(prefetch)


def best() -> Any:
    accounts = list(accounts_of_one().select_related("owner__department", "branch"))
    attach_latest(accounts)
    return accounts


def cold() -> Any:
    return auto(accounts_of_one(), name=f"data {next(_visits)}")


def warm() -> Any:
    return auto(accounts_of_one())
