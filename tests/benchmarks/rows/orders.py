"""W, J, N, O, P: rows and the rows they point to, joined, prefetched or not touched at all."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import count
from typing import Any

from django.db.models import QuerySet

from autoprefetch import auto
from tests.benchmarks import optional
from tests.benchmarks.measuring import Variant, compared, in_turn, interleaved
from tests.benchmarks.outcomes import Figure, Outcome, Ratio, named, setting
from tests.benchmarks.scales import Scale
from tests.benchmarks.tables.models import Item, Order
from tests.benchmarks.unhooked import side_by_side

_sites: Iterator[int] = count()

Reading = Callable[[Iterable[Any]], Any]
Rows = Callable[[type[Any]], Any]


def names_of_items(items: Iterable[Any]) -> Any:
    return [(item.name, item.maker.name, item.series.name) for item in items]


def names_of_orders(orders: Iterable[Any]) -> Any:
    return [(order.number, order.customer.name, order.invoice.number, order.parcel.code) for order in orders]


def numbers(orders: Iterable[Any]) -> Any:
    return [order.number for order in orders]


def never_seen(queryset: QuerySet[Any]) -> Any:
    """Make a queryset automatic at a call site that was never seen."""
    return auto(queryset, name=f"never seen {next(_sites)}")


def first(size: int) -> Callable[[type[Any]], Any]:
    """Return what chooses the first rows of a model."""

    def rows(model: type[Any]) -> Any:
        return model.objects.filter(pk__lte=size)

    return rows


def batchers(model: type[Any], rows: Rows, read: Reading) -> list[Variant]:
    """Return the variants of Django's own batching and of the packages that are installed."""
    found = []
    if optional.FETCH_PEERS:
        found.append(Variant("fetch_peers", lambda: read(rows(model).fetch_mode(optional.FETCH_PEERS)), may_fail=True))
    if optional.AUTO_PREFETCH:
        found.append(Variant("auto_prefetch", lambda: read(rows(optional.twin(model))), may_fail=True))
    return found


def read_with_relations(
    scale: Scale, at: str, model: type[Any], size: int, read: Reading, by_hand: dict[str, Callable[[Any], Any]]
) -> tuple[Outcome, list[str]]:
    """Measure rows that are read with their relations, at every round trip; return the settings as well."""
    rows = first(size)
    outcome = Outcome(skipped=optional.skipped())
    outcome.add(interleaved([Variant("plain", lambda: read(rows(model)), is_slow=True)], 0.0, scale.pace), at)
    variants = [
        *(Variant(name, lambda improve=improve: read(improve(rows(model)))) for name, improve in by_hand.items()),
        Variant("cold", lambda: read(never_seen(rows(model)))),
        Variant("warm", lambda: read(auto(rows(model)))),
        *batchers(model, rows, read),
    ]
    settings = []
    able = compared(variants)
    for latency in scale.latencies_of(at):
        here = setting(at, f"{latency * 1000:g}ms" if latency else "")
        # The network tells how many queries each runs; batching is compared over it in P.
        chosen = [variant for variant in able if not latency or variant.name in (*by_hand, "warm")]
        outcome.add(in_turn(chosen, latency, scale.short_pace), here)
        settings.append(here)
    return outcome, settings


def wide(scale: Scale, at: str) -> Outcome:
    """W: a join repeats wide rows, a prefetch loads each once."""
    by_hand = {
        "hand_written": lambda rows: rows.select_related("maker", "series"),
        "best_hand_written": lambda rows: rows.prefetch_related("maker", "series"),
    }
    outcome, settings = read_with_relations(scale, at, Item, scale.items, names_of_items, by_hand)
    for here in settings:
        outcome.compare("warm", "hand_written", at=here, at_most=0.6)
        outcome.compare("warm", "best_hand_written", at=here)
    outcome.limit("warm", 3, at=at)
    outcome.limit("cold", 3, at=at)
    return outcome


def joined(scale: Scale, at: str) -> Outcome:
    """J: three foreign keys that no two rows share; nothing beats a join."""
    by_hand = {"hand_written": lambda rows: rows.select_related("customer", "invoice", "parcel")}
    outcome, settings = read_with_relations(scale, at, Order, scale.orders, names_of_orders, by_hand)
    for here in settings:
        outcome.compare("warm", "hand_written", at=here, at_most=1.05)
    outcome.limit("warm", 1, at=at)
    outcome.limit("cold", 4, at=at)
    return outcome


def cold(scale: Scale, at: str) -> Outcome:
    """P: the first evaluation of a call site, beside Django's own batching."""
    rows = first(scale.orders)
    outcome = Outcome(skipped=optional.skipped())
    variants = [
        Variant("cold", lambda: names_of_orders(never_seen(rows(Order)))),
        *batchers(Order, rows, names_of_orders),
    ]
    able = compared(variants)
    for latency in scale.latencies_of(at):
        here = setting(at, f"{latency * 1000:g}ms" if latency else "")
        outcome.add(in_turn(able, latency, scale.short_pace), here)
        outcome.compare("cold", "fetch_peers", at=here, at_most=1.10)
        outcome.compare("cold", "auto_prefetch", at=here)
    outcome.limit("cold", 4, at=at)
    return outcome


def untouched(scale: Scale, at: str) -> Outcome:
    """N: nothing is loaded lazily, so there is nothing to win."""
    rows = first(scale.orders)
    outcome = Outcome(skipped=optional.skipped())
    variants = side_by_side(
        Variant("plain", lambda: numbers(rows(Order))),
        Variant("hooked", lambda: numbers(rows(Order))),
        Variant("warm", lambda: numbers(auto(rows(Order)))),
        *batchers(Order, rows, numbers),
    )
    outcome.add(interleaved(variants, 0.0, scale.pace), at)
    outcome.compare("warm", "plain", at=at, at_most=1.03 if optional.FETCH_PEERS else 1.06)
    outcome.compare("fetch_peers", "plain", at=at)
    outcome.limit("warm", 1, at=at)
    return outcome


def one_row(scale: Scale, at: str) -> Outcome:
    """O: one row by `get()`, which no batch can help."""
    outcome = Outcome(skipped=optional.skipped())
    keys = [key * 5 for key in range(1, scale.gets + 1)]

    def plain() -> Any:
        return [Order.objects.get(pk=key).number for key in keys]

    def warm() -> Any:
        return [auto(Order.objects.all()).get(pk=key).number for key in keys]

    variants = side_by_side(Variant("plain", plain), Variant("hooked", plain), Variant("warm", warm))
    figures = interleaved(variants, 0.0, scale.pace)
    each = {
        name: Figure(figure.median_s / scale.gets, figure.queries / scale.gets, figure.rounds)
        for name, figure in figures.items()
    }
    outcome.add(each, at)
    more = (each["warm"].median_s - each["plain"].median_s) * 1e6
    outcome.ratios.append(Ratio(named("warm - plain", at), more, at_most=25.0, unit="us"))
    inert = (each["hooked"].median_s - each["plain"].median_s) * 1e6
    outcome.ratios.append(Ratio(named("hooked - plain", at), inert, unit="us"))
    outcome.limit("warm", 1, at=at)
    return outcome
