"""Measure each visit of a page in the browser, for the start page to show."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING

from django.conf import settings
from django.shortcuts import redirect
from django.urls import reverse

from demo_site.measuring import IS_MEASURED, metered
from demo_site.pages import PAGES

if TYPE_CHECKING:
    from collections.abc import Callable

    from django.http import HttpRequest, HttpResponseBase


@dataclass(frozen=True, slots=True)
class Visit:
    """What one visit cost.

    Args:
        endpoint: The name of the endpoint's URL.
        queries: Statements sent to the database.
        milliseconds: From the request to the complete response.
    """

    endpoint: str
    queries: int
    milliseconds: float


# The newest first. Threads of the server share it: appending to a deque is atomic.
latest_visits: deque[Visit] = deque(maxlen=12)


class VisitMiddleware:
    """Measure the pages, and send those who are not signed in to the start page.

    The response carries the figures, too: ``X-Query-Count``, and ``Server-Timing`` for the browser's network panel.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response
        self.endpoints = {reverse(name): name for page in PAGES.values() for name in page.links().values()}

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        endpoint = self.endpoints.get(request.path)
        if endpoint is None or IS_MEASURED in request.META:
            return self.get_response(request)
        return self.measured(request, endpoint)

    def measured(self, request: HttpRequest, endpoint: str) -> HttpResponseBase:
        """Answer a request for a page, and note what it cost."""
        with metered(settings.DEMO_LATENCY) as meter:
            response = self.get_response(request)
            milliseconds = meter.seconds() * 1000
        if response.status_code == HTTPStatus.FORBIDDEN:
            return redirect("start")
        latest_visits.appendleft(Visit(endpoint, meter.queries, milliseconds))
        response.headers["X-Query-Count"] = str(meter.queries)
        response.headers["Server-Timing"] = f'view;dur={milliseconds:.1f};desc="{meter.queries} queries"'
        return response
