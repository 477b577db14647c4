"""F: what `auto()` costs where autoprefetch is off."""

from __future__ import annotations

from typing import Any

from django.test import override_settings

from autoprefetch import auto
from tests.benchmarks.measuring import Variant, interleaved
from tests.benchmarks.outcomes import Outcome, Ratio, named
from tests.benchmarks.scales import Scale
from tests.benchmarks.tables.models import Order

CALLS = 10_000


def off(scale: Scale, at: str) -> Outcome:
    """F: calls of `auto()` with `MODE` "off", beside calls of a function that returns what it is given."""
    outcome = Outcome()
    queryset = Order.objects.all()

    def plain() -> None:
        for _ in range(CALLS):
            returned(queryset)

    def wrapped() -> None:
        for _ in range(CALLS):
            auto(queryset)

    with override_settings(AUTOPREFETCH={"MODE": "off"}):
        figures = interleaved([Variant("plain", plain), Variant("off", wrapped)], 0.0, scale.pace)
    each = {
        name: type(figure)(figure.median_s / CALLS, figure.queries, figure.rounds) for name, figure in figures.items()
    }
    outcome.add(each, at)
    more = (each["off"].median_s - each["plain"].median_s) * 1e6
    outcome.ratios.append(Ratio(named("off - plain", at), more, at_most=1.0, unit="us"))
    outcome.limit("off", 0, at=at)
    return outcome


def returned(source: Any) -> Any:
    return source
