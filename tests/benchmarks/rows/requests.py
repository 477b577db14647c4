"""H: what the middleware that counts queries costs a request."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse

from autoprefetch.web.middleware import COUNT, QueryCountMiddleware
from tests.benchmarks.measuring import Variant, interleaved
from tests.benchmarks.outcomes import Figure, Outcome, Ratio, named, setting
from tests.benchmarks.scales import Scale
from tests.benchmarks.tables.models import Order

REQUESTS = 20
SIZES = (1, 10, 100)


def counted(scale: Scale, at: str) -> Outcome:
    """H: requests that run more and more queries of one text, with the middleware and without."""
    outcome = Outcome()
    for size in SIZES:
        here = setting(f"{size} queries", at)
        figures = interleaved(variants(size), 0.0, scale.pace)
        each = {
            name: Figure(figure.median_s / REQUESTS, figure.queries / REQUESTS, figure.rounds)
            for name, figure in figures.items()
        }
        outcome.add(each, here)
        more = (each["counted"].median_s - each["plain"].median_s) * 1e6
        outcome.ratios.append(Ratio(named("counted - plain", here), more, unit="us"))
        outcome.limit("counted", size, at=here)
    return outcome


def variants(size: int) -> list[Variant]:
    """Return the variants of requests that run so many queries."""
    request = HttpRequest()

    def view(request: HttpRequest) -> HttpResponse:
        return HttpResponse(" ".join(str(Order.objects.get(pk=key).number) for key in range(1, size + 1)))

    middleware = QueryCountMiddleware(view)

    def plain() -> Any:
        return [view(request).content for _ in range(REQUESTS)]

    def counting() -> Any:
        responses: list[Any] = [middleware(request) for _ in range(REQUESTS)]
        if {response.headers[COUNT] for response in responses} != {str(size)}:
            msg = f"A request of {size} queries was counted otherwise."
            raise AssertionError(msg)
        return [response.content for response in responses]

    return [Variant("plain", plain), Variant("counted", counting)]
