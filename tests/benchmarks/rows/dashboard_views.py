"""The demo's dashboard in the forms that row S compares beside those of the demo itself."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import count
from typing import TYPE_CHECKING, Any

from django.db import connection
from django.db.models import QuerySet

from autoprefetch import auto
from demo_site.bank.models import Account, Category, Merchant, Transaction
from demo_site.bank.views import DashboardView, HandWrittenDashboardView
from tests.benchmarks import optional

if TYPE_CHECKING:
    from rest_framework.request import Request

_visits: Iterator[int] = count()


class ColdDashboardView(DashboardView):
    """A call site that has never been seen: the first request after the deployment of a new line."""

    def accounts(self, request: Request) -> QuerySet[Account]:
        return auto(Account.objects.filter(org_id=request.user.org_id), name=f"dashboard {next(_visits)}")


class FetchPeersDashboardView(DashboardView):
    """Django 6.1's own batching."""

    def accounts(self, request: Request) -> QuerySet[Account]:
        accounts: Any = Account.objects.filter(org_id=request.user.org_id)
        return accounts.fetch_mode(optional.FETCH_PEERS)


class AutoPrefetchDashboardView(DashboardView):
    """django-auto-prefetch: the same tables under its base classes."""

    def accounts(self, request: Request) -> QuerySet[Account]:
        # The twins that the serializers reach from an account backwards have to be there as well.
        account, _ = optional.twin(Account), optional.twin(Transaction)
        accounts: QuerySet[Account] = account.objects.filter(org_id=request.user.org_id)
        return accounts


class BestHandWrittenDashboardView(HandWrittenDashboardView):
    """The best form by hand that we know: two statements, no window, each category and merchant made once."""

    def accounts(self, request: Request) -> Any:
        accounts = list(
            Account.objects.filter(org_id=request.user.org_id).select_related("owner__department", "branch")
        )
        attach_latest(accounts)
        return accounts


VIEWS: dict[str, type[DashboardView]] = {
    "cold": ColdDashboardView,
    "best_hand_written": BestHandWrittenDashboardView,
    **({"fetch_peers": FetchPeersDashboardView} if optional.FETCH_PEERS else {}),
    **({"auto_prefetch": AutoPrefetchDashboardView} if optional.AUTO_PREFETCH else {}),
}


def attach_latest(accounts: list[Account]) -> None:
    """Give each account its five latest transactions, with their categories and merchants."""
    found: dict[int, list[Transaction]] = {account.pk: [] for account in accounts}
    categories: dict[int, Category] = {}
    merchants: dict[int, Merchant] = {}
    statement = lateral() if connection.vendor == "postgresql" else arms(len(found))
    params = [list(found)] if connection.vendor == "postgresql" else list(found)
    row: Any
    for row in Transaction.objects.raw(statement, params):
        row.category = made_once(categories, Category, row.category_id, row.category_name)
        row.merchant = made_once(merchants, Merchant, row.merchant_id, row.merchant_name)
        found[row.account_id].append(row)
    for account in accounts:
        account.latest_transactions = found[account.pk]  # type: ignore[attr-defined]


def made_once(known: dict[int, Any], model: type[Any], key: int, name: str) -> Any:
    if key not in known:
        known[key] = model(key, name)
    return known[key]


COLUMNS = "t.*, c.name AS category_name, m.name AS merchant_name"
JOINS = "JOIN bank_category c ON c.id = t.category_id JOIN bank_merchant m ON m.id = t.merchant_id"
LATEST = "SELECT * FROM bank_transaction WHERE account_id = {} ORDER BY created DESC LIMIT 5"


def lateral() -> str:
    return (
        f"SELECT {COLUMNS} FROM unnest(%s::bigint[]) AS parents (key) "
        f"CROSS JOIN LATERAL ({LATEST.format('parents.key')}) AS t {JOINS} ORDER BY t.account_id, t.created DESC"
    )


def arms(size: int) -> str:
    every: Iterable[str] = [f"SELECT * FROM ({LATEST.format('%s')})"] * size
    return f"SELECT {COLUMNS} FROM ({' UNION ALL '.join(every)}) AS t {JOINS} ORDER BY t.account_id, t.created DESC"
