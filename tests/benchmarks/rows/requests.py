"""H: a request with the middleware that counts its queries, beside one without."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.http import HttpRequest, HttpResponse

from autoprefetch.web.middleware import QueryCountMiddleware
from tests.benchmarks.measuring import Variant, interleaved
from tests.benchmarks.outcomes import Outcome, Ratio, named, setting
from tests.benchmarks.scales import Scale
from tests.benchmarks.tables.models import Order

SIZES = (1, 10, 100)
REQUESTS = 100


def counted(scale: Scale, at: str) -> Outcome:
    """H: requests of 1, 10 and 100 queries, none of which is above the threshold."""
    outcome = Outcome()
    for size in SIZES:
        here = setting(f"{size} quer{'ies' if size > 1 else 'y'}", at)
        repeat = max(REQUESTS // size, 1)
        variants = [
            Variant("plain", requesting(answering(size)), repeat=repeat, result=said(size)),
            Variant("counted", requesting(QueryCountMiddleware(answering(size))), repeat=repeat, result=said(size)),
        ]
        outcome.add(interleaved(variants, 0.0, scale.pace), here)
        outcome.compare("counted", "plain", at=here)
        plain, own = (outcome.variants[named(name, here)].median_s for name in ("plain", "counted"))
        outcome.ratios.append(Ratio(named("counted - plain", here), (own - plain) * 1e6, unit="us"))
        outcome.limit("counted", size, at=here)
    return outcome


def answering(size: int) -> Callable[[HttpRequest], HttpResponse]:
    def answer(request: HttpRequest) -> HttpResponse:
        for key in range(size):
            Order.objects.filter(pk=key).exists()
        return HttpResponse("ok")

    return answer


def requesting(answer: Callable[[Any], Any]) -> Callable[[], Any]:
    return lambda: answer(HttpRequest())


def said(size: int) -> Callable[[Any], Any]:
    """Return what compares responses: a count in the header that is not the right one is another result."""
    return lambda response: (response.content, response.headers.get("X-Query-Count", str(size)))
