"""Request the endpoints and measure them: queries and seconds, with a simulated network in between."""

from __future__ import annotations

import gc
from contextlib import contextmanager
from dataclasses import dataclass
from time import perf_counter, sleep
from typing import TYPE_CHECKING, Any

from django.db import connection
from django.test import Client
from django.urls import reverse

from autoprefetch import reset
from demo_site.bank.models import User
from demo_site.bank.seeding import DEMO_USERNAME
from demo_site.errors import DemoError
from demo_site.sent_queries import SentQuery

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from demo_site.pages import Page

ROUNDS = 15
SECONDS_FOR_ROUNDS = 3.0
# Stands in the WSGI environment of requests that are measured from here; no header of a browser can put it there.
IS_MEASURED = "demo_site.is_measured"
# A sleeping process may wake up this much late; the rest of a wait is spent counting it out.
WAKE_UP_SECONDS = 0.0003


@dataclass(frozen=True, slots=True)
class Measurement:
    """What one request cost, and what it answered.

    Args:
        sent: The statements sent to the database, in their order.
        seconds: From the request to the complete response.
        body: The response, to compare it with the others.
    """

    sent: tuple[SentQuery, ...]
    seconds: float
    body: bytes

    @property
    def queries(self) -> int:
        """Count the statements."""
        return len(self.sent)


class QueryMeter:
    """Note the queries of a connection, and make each one travel.

    Django calls it for each statement, whatever the setting ``DEBUG`` says (``connection.execute_wrapper``).

    Args:
        latency: Seconds of one simulated round trip.
    """

    def __init__(self, latency: float) -> None:
        self.latency = latency
        # As tuples, because this runs between the queries that are timed.
        self.noted: list[tuple[float, float, str, str]] = []
        self.began = perf_counter()

    @property
    def queries(self) -> int:
        """Count the queries so far."""
        return len(self.noted)

    def __call__(self, execute: Callable[..., Any], sql: str, params: Any, many: bool, context: dict[str, Any]) -> Any:
        started = perf_counter()
        try:
            wait(self.latency)
            return execute(sql, params, many, context)
        finally:
            self.noted.append((started, perf_counter(), sql, context["connection"].vendor))

    def sent(self) -> tuple[SentQuery, ...]:
        """Return the queries so far, timed from the beginning."""
        return tuple(
            SentQuery(started - self.began, ended - started, sql, vendor) for started, ended, sql, vendor in self.noted
        )

    def seconds(self) -> float:
        """Tell how long it has been metering."""
        return perf_counter() - self.began


def wait(seconds: float) -> None:
    """Wait to within some microseconds, which ``sleep`` alone does not."""
    end = perf_counter() + seconds
    if seconds > WAKE_UP_SECONDS:
        sleep(seconds - WAKE_UP_SECONDS)
    while perf_counter() < end:
        pass


@contextmanager
def metered(latency: float) -> Iterator[QueryMeter]:
    """Meter the queries of this thread's connection while the block runs."""
    # Opening a connection may send statements of its own, which are not the view's.
    connection.ensure_connection()
    meter = QueryMeter(latency)
    with connection.execute_wrapper(meter):
        yield meter


def measured(client: Client, endpoint: str, latency: float) -> Measurement:
    """Request one endpoint, and measure it.

    Raises:
        DemoError: It answered with another status than 200.
    """
    path = reverse(endpoint)
    gc.collect()
    with metered(latency) as meter:
        response = client.get(path)
        seconds = meter.seconds()
    if response.status_code != 200:
        msg = f"GET {path} answered {response.status_code}, not 200: {response.content[:200]!r}."
        raise DemoError(msg)
    return Measurement(meter.sent(), seconds, response.content)


def measure_endpoints(page: Page, latency: float, rounds: int = ROUNDS) -> dict[str, Measurement]:
    """Measure a page as written, with ``auto()`` cold and warm, and with the hand-written fix, in some rounds.

    Args:
        page: The page to request.
        latency: Seconds of one simulated round trip.
        rounds: How often, where that is cheap.

    Returns:
        One measurement for each of ``plain``, ``auto_cold``, ``auto_warm`` and ``hand_written``.
    """
    client = ready_client(page)

    def plain() -> dict[str, Measurement]:
        return measured_in_turn(client, page, ["plain"], latency)

    def others() -> dict[str, Measurement]:
        reset()
        return measured_in_turn(client, page, ["auto_cold", "auto_warm", "hand_written"], latency)

    return repeated(plain, rounds) | repeated(
        others, rounds
    )  # the latter in turn, so that they meet the same moods of the machine


def measured_in_turn(client: Client, page: Page, forms: Iterable[str], latency: float) -> dict[str, Measurement]:
    """Measure some forms of a page, one after the other."""
    endpoints = page.endpoints()
    return {form: measured(client, endpoints[form], latency) for form in forms}


def ready_client(page: Page) -> Client:
    """Make a client, and load all code and content types by a request of the page that teaches nothing."""
    client = signed_in_client()
    client.get(reverse(page.endpoints()["hand_written"]))
    return client


def signed_in_client() -> Client:
    """Make a test client that carries the session of the demo user, and says that its requests are measured."""
    client = Client(**{IS_MEASURED: "yes"})
    client.force_login(User.objects.get(username=DEMO_USERNAME))
    return client


def repeated(measure: Callable[[], dict[str, Measurement]], most: int) -> dict[str, Measurement]:
    """Measure some rounds while that is cheap, and keep of each endpoint the one with the median time."""
    rounds: list[dict[str, Measurement]] = []
    started = perf_counter()
    while len(rounds) < most and (not rounds or perf_counter() - started < SECONDS_FOR_ROUNDS):
        rounds.append(measure())
    return {name: median([measurements[name] for measurements in rounds]) for name in rounds[0]}


def median(measurements: list[Measurement]) -> Measurement:
    """Choose the measurement whose time is in the middle."""
    return sorted(measurements, key=lambda measurement: measurement.seconds)[(len(measurements) - 1) // 2]
