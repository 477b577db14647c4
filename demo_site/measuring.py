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

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

ROUNDS = 15
SECONDS_FOR_ROUNDS = 3.0
# A sleeping process may wake up this much late; the rest of a wait is spent counting it out.
WAKE_UP_SECONDS = 0.0003


@dataclass(frozen=True, slots=True)
class Measurement:
    """What one request cost, and what it answered.

    Args:
        queries: Statements sent to the database.
        seconds: From the request to the complete response.
        body: The response, to compare it with the others.
    """

    queries: int
    seconds: float
    body: bytes


class QueryMeter:
    """Count the queries of a connection, and make each one travel.

    Django calls it for each statement, whatever the setting ``DEBUG`` says (``connection.execute_wrapper``).

    Args:
        latency: Seconds of one simulated round trip.
    """

    def __init__(self, latency: float) -> None:
        self.latency = latency
        self.queries = 0

    def __call__(self, execute: Callable[..., Any], sql: str, params: Any, many: bool, context: dict[str, Any]) -> Any:
        self.queries += 1
        wait(self.latency)
        return execute(sql, params, many, context)


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
        started = perf_counter()
        response = client.get(path)
        seconds = perf_counter() - started
    if response.status_code != 200:
        msg = f"GET {path} answered {response.status_code}, not 200: {response.content[:200]!r}."
        raise DemoError(msg)
    return Measurement(meter.queries, seconds, response.content)


def measure_endpoints(latency: float) -> dict[str, Measurement]:
    """Measure the dashboard as written, with ``auto()`` cold and warm, and with the hand-written fix.

    Args:
        latency: Seconds of one simulated round trip.

    Returns:
        One measurement for each of ``plain``, ``auto_cold``, ``auto_warm`` and ``hand_written``.
    """
    client = signed_in_client()
    client.get(reverse("ready"))

    def plain() -> dict[str, Measurement]:
        return {"plain": measured(client, "plain", latency)}

    def others() -> dict[str, Measurement]:
        reset()
        endpoints = {"auto_cold": "auto", "auto_warm": "auto", "hand_written": "hand_written"}
        return {name: measured(client, endpoint, latency) for name, endpoint in endpoints.items()}

    return repeated(plain) | repeated(others)  # the latter in turn, so that they meet the same moods of the machine


def signed_in_client() -> Client:
    """Make a test client that carries the session of the demo user."""
    client = Client()
    client.force_login(User.objects.get(username=DEMO_USERNAME))
    return client


def repeated(measure: Callable[[], dict[str, Measurement]]) -> dict[str, Measurement]:
    """Measure some rounds while that is cheap, and keep of each endpoint the one with the median time."""
    rounds: list[dict[str, Measurement]] = []
    started = perf_counter()
    while len(rounds) < ROUNDS and (not rounds or perf_counter() - started < SECONDS_FOR_ROUNDS):
        rounds.append(measure())
    return {name: median([measurements[name] for measurements in rounds]) for name in rounds[0]}


def median(measurements: list[Measurement]) -> Measurement:
    """Choose the measurement whose time is in the middle."""
    return sorted(measurements, key=lambda measurement: measurement.seconds)[(len(measurements) - 1) // 2]
