"""T, C, Q: queries derived from each parent, which nobody else batches."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.db import connection
from django.db.models import Count, Exists, F, OuterRef, Prefetch, Q, Sum, Window
from django.db.models.functions import RowNumber

from autoprefetch import auto
from demo_site.bank.models import Account, Transaction
from tests.benchmarks.measuring import ANYTHING, Variant, interleaved
from tests.benchmarks.outcomes import Outcome, Ratio, named, setting
from tests.benchmarks.scales import Scale
from tests.benchmarks.tables.models import Shop, Visit
from tests.benchmarks.without_database import compiled_only

TOP = 5


# T: the top of each parent ------------------------------------------------------------------------------------------


def top(scale: Scale, at: str) -> Outcome:
    """T: the statement alone beside the best by hand, and the window that Django's sliced `Prefetch` makes."""
    outcome = Outcome()
    here = setting(at, "" if scale.many == 5_000 else f"{scale.many:,} each")
    statement = captured(lambda: tops(auto(Account.objects.all())))
    # The window reads the whole table, and throws out of the caches what the next one to run needs: each runs twice.
    variants = [
        Variant("statement", executing(*statement), result=len, runs_before=1),
        Variant("best_sql", executing(*best_sql(account_keys())), result=len, runs_before=1),
        Variant("window_sql", executing(*window_sql()), result=len, runs_before=1),
    ]
    outcome.add(interleaved(variants, 0.0, scale.pace), here)
    outcome.compare("statement", "best_sql", at=here, at_most=1.3)
    bar = {} if scale.is_quick else {"at_least": 50.0}
    outcome.compare("window_sql", "statement", at=here, **bar)
    whole = [
        Variant("plain", lambda: tops(Account.objects.all()), is_slow=True),
        Variant("hand_written", lambda: tops(with_window(), lambda account: account.tops)),
        Variant("best_hand_written", best_tops),
        Variant("warm", lambda: tops(auto(Account.objects.all()))),
    ]
    outcome.add(interleaved(whole, 0.0, scale.short_pace), here)
    outcome.compare("warm", "best_hand_written", at=here)
    outcome.compare("hand_written", "warm", at=here)
    outcome.limit("warm", 2, at=here)
    return outcome


def latest(account: Any) -> Any:
    return account.transactions.order_by("-created")[:TOP]


def tops(accounts: Any, read: Callable[[Any], Any] = latest) -> Any:
    return [[row.pk for row in read(account)] for account in accounts]


def with_window() -> Any:
    rows = Transaction.objects.order_by("-created")[:TOP]
    return Account.objects.prefetch_related(Prefetch("transactions", queryset=rows, to_attr="tops"))


def best_tops() -> Any:
    accounts = list(Account.objects.all())
    found: dict[int, list[Any]] = {account.pk: [] for account in accounts}
    statement, params = best_sql(list(found))
    for row in Transaction.objects.raw(statement, params):
        found[row.account_id].append(row)
    return [[row.pk for row in found[account.pk]] for account in accounts]


def executing(sql: str, params: Any) -> Callable[[], Any]:
    def run() -> Any:
        with connection.cursor() as cursor:
            cursor.execute(sql, params)
            return cursor.fetchall()

    return run


def account_keys() -> list[int]:
    return list(Account.objects.values_list("pk", flat=True))


def best_sql(keys: list[int]) -> tuple[str, list[Any]]:
    """Return the best statement by hand that we know: as many rows are read as are wanted."""
    arm = "SELECT * FROM bank_transaction WHERE account_id = {} ORDER BY created DESC LIMIT 5"
    if connection.vendor == "postgresql":
        parents = "unnest(%s::bigint[]) AS parents (key)"
        return f"SELECT t.* FROM {parents} CROSS JOIN LATERAL ({arm.format('parents.key')}) AS t", [keys]
    return " UNION ALL ".join([f"SELECT * FROM ({arm.format('%s')})"] * len(keys)), keys


def window_sql() -> tuple[str, Any]:
    """Return the statement that Django makes of a sliced `Prefetch`."""
    place = Window(RowNumber(), partition_by=F("account_id"), order_by=F("created").desc())
    rows = Transaction.objects.filter(account__in=account_keys()).annotate(place=place).filter(place__lte=TOP)
    statement: tuple[str, Any] = rows.query.sql_with_params()
    return statement


# C: counts of each parent -------------------------------------------------------------------------------------------


def paid(shop: Any) -> Any:
    return shop.visits.filter(is_paid=True)


CONSUMERS: dict[str, Callable[[Any], Any]] = {
    "count": lambda shop: paid(shop).count(),
    "exists": lambda shop: paid(shop).exists(),
    "aggregate": lambda shop: paid(shop).aggregate(total=Sum("amount"))["total"],
}
ANNOTATIONS: dict[str, Any] = {
    "count": Count("visits", filter=Q(visits__is_paid=True)),
    "exists": Exists(Visit.objects.filter(shop=OuterRef("pk"), is_paid=True)),
    "aggregate": Sum("visits__amount", filter=Q(visits__is_paid=True)),
}


def counted(scale: Scale, at: str) -> Outcome:
    """C: `count()`, `exists()` and `aggregate()` of each parent, beside one annotation by hand."""
    outcome = Outcome()
    for consumer in CONSUMERS:
        here = setting(consumer, at)
        outcome.add(interleaved(counting(consumer, scale.parents), 0.0, scale.short_pace), here)
        outcome.compare("warm", "hand_written", "building_and_compiling", at=here, at_most=1.2)
        outcome.limit("warm", 2, at=here)
    return outcome


def counting(consumer: str, parents: int) -> list[Variant]:
    read = CONSUMERS[consumer]

    def shops() -> Any:
        return Shop.objects.filter(pk__lte=parents)

    def by_hand() -> Any:
        # Django leaves the model's ordering out of a query that groups.
        return [shop.found for shop in shops().annotate(found=ANNOTATIONS[consumer]).order_by("pk")]

    return [
        Variant("plain", lambda: [read(shop) for shop in shops()], is_slow=True),
        Variant("hand_written", by_hand),
        compiling("building_and_compiling", shops, read),
        Variant("warm", lambda: [read(shop) for shop in auto(shops())]),
    ]


def compiling(name: str, parents: Callable[[], Any], read: Callable[[Any], Any]) -> Variant:
    """Build and compile each parent's own statement, as plain Django has to."""
    loaded: list[Any] = []

    def prepare() -> None:
        loaded[:] = parents()

    def run() -> None:
        with compiled_only():
            for parent in loaded:
                read(parent)

    return Variant(name, run, prepare, result=lambda returned: ANYTHING)


# Q: querysets of each parent, consumed once -------------------------------------------------------------------------


def consumed(scale: Scale, at: str) -> Outcome:
    """Q: a thousand derived querysets consumed once each, beside building and compiling them, the database aside."""
    outcome = Outcome()

    def shops() -> Any:
        return Shop.objects.filter(pk__lte=scale.parents)

    def read(shop: Any) -> Any:
        return [visit.pk for visit in paid(shop).order_by("-amount", "pk")]

    loaded: list[Any] = []

    def load() -> None:
        loaded[:] = auto(shops())

    def loop() -> Any:
        return [read(shop) for shop in loaded]

    variants = [
        Variant("warm", loop, load),
        Variant("database", executing(*captured(loop, load)), result=lambda returned: ANYTHING),
        compiling("building_and_compiling", shops, read),
    ]
    outcome.add(interleaved(variants, 0.0, scale.short_pace), at)
    aside = outcome.variants[named("warm", at)].median_s - outcome.variants[named("database", at)].median_s
    plain = outcome.variants[named("building_and_compiling", at)].median_s
    title = "(warm - database) / building_and_compiling"
    outcome.ratios.append(Ratio(named(title, at), aside / plain, at_most=1.5))
    outcome.limit("warm", 1, at=at)
    return outcome


def captured(run: Callable[[], Any], prepare: Callable[[], None] = lambda: None) -> tuple[str, Any]:
    """Return the last statement of some work that autoprefetch knows already, as it was sent."""
    sent: list[tuple[str, Any]] = []

    def note(execute: Callable[..., Any], sql: str, params: Any, many: bool, context: Any) -> Any:
        sent.append((sql, params))
        return execute(sql, params, many, context)

    for _ in range(3):
        prepare()
        with connection.execute_wrapper(note):
            run()
    return sent[-1]
