"""Four gunicorn workers: what one learns is warm in all, counts are exact, and no trouble of a store is a request's."""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.client import HTTPException
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import pytest

from tests import databases

ROOT = Path(__file__).parents[2]
FLUSH, REFRESH = 0.3, 1.0
WORKERS = 4
WARM = 2
"""Queries of a warm dashboard."""

pytestmark = [
    # Where the servers are required, as in CI, nothing is skipped, and what is missing fails.
    pytest.mark.skipif(
        importlib.util.find_spec("gunicorn") is None and not databases.REQUIRED, reason="gunicorn is not installed"
    ),
    pytest.mark.needs("redis"),
]

CACHE = {"BACKEND": "autoprefetch.learn.stores.cache.CacheStore", "OPTIONS": {}}
DATABASE = {"BACKEND": "autoprefetch.database.store.DatabaseStore", "OPTIONS": {}}


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_until(holds: Callable[[], Any], seconds: float = 20.0) -> None:
    until = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < until
        time.sleep(0.02)


def answers(port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", port)) == 0


@dataclass(frozen=True)
class Answer:
    at: float
    status: int
    worker: int
    queries: int


@dataclass
class Fleet:
    """The workers and what they answered."""

    port: int
    env: dict[str, str]
    process: subprocess.Popen[bytes]
    log: Path
    answers: list[Answer] = field(default_factory=list)

    def get(self, page: str = "auto") -> Answer:
        with urlopen(f"http://127.0.0.1:{self.port}/{page}/", timeout=30) as response:
            response.read()
            headers = response.headers
            answer = Answer(time.monotonic(), response.status, int(headers["X-Worker"]), int(headers["X-Queries"]))
        if page == "auto":
            self.answers.append(answer)
        return answer

    def wake_up(self) -> None:
        """Let every worker serve a page, other than the dashboard."""
        woken: set[int] = set()
        self.load(lambda: len(woken) < WORKERS, page="ready", met=woken)

    def load(self, holds: Callable[[], bool], page: str = "auto", met: set[int] | None = None) -> None:
        """Send requests from several threads as long as something holds; whatever goes wrong is raised."""
        errors: list[BaseException] = []

        def work() -> None:
            try:
                while holds() and not errors:
                    worker = self.get(page).worker
                    if met is not None:
                        met.add(worker)
            except BaseException as error:
                errors.append(error)

        running = [threading.Thread(target=work) for _ in range(8)]
        for thread in running:
            thread.start()
        for thread in running:
            thread.join()
        assert not errors, errors

    def request(self, times: int) -> list[Answer]:
        """Send that many requests, so that every worker gets some."""
        left = iter(range(times))
        before = len(self.answers)
        self.load(lambda: next(left, None) is not None)
        return self.answers[before:]

    def known(self) -> dict[str, Any]:
        """Read the store, as another process does."""
        script = (
            "import django; django.setup()\nimport json\nfrom autoprefetch import conf, stores\n"
            "from autoprefetch.learn.encoding import encoded\n"
            "store = stores.shared(conf.current().store)\n"
            "print(json.dumps({key: encoded(history) for key, history in store.items()}))"
        )
        run = subprocess.run(
            [sys.executable, "-c", script], env=self.env, cwd=ROOT, check=False, capture_output=True, text=True
        )
        assert run.returncode == 0, run.stderr
        found: dict[str, Any] = json.loads(run.stdout)
        return found

    def evaluations(self) -> int:
        """How often the store knows that the query of the accounts was evaluated."""
        counts = [entry["totals"].get("evaluations", 0) for key, entry in self.known().items() if "bank.Account" in key]
        return sum(counts)


@contextmanager
def fleet(
    tmp_path: Path, store: dict[str, Any], *options: str, url: str = "", redis: str = databases.REDIS
) -> Iterator[Fleet]:
    setting = {**store, "OPTIONS": {**store["OPTIONS"], "FLUSH_INTERVAL": FLUSH, "REFRESH_INTERVAL": REFRESH}}
    env = {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": "tests.fleet.settings",
        "DATABASE_URL": url or f"sqlite:///{tmp_path / 'bank.sqlite3'}",
        "FLEET_STORE": json.dumps(setting),
        "FLEET_REDIS": json.dumps({**databases.REDIS_CACHE, "LOCATION": redis}),
    }
    subprocess.run([sys.executable, "-m", "tests.fleet.prepare"], env=env, cwd=ROOT, check=True, capture_output=True)
    port, log = free_port(), tmp_path / "gunicorn.log"
    command = [sys.executable, "-m", "gunicorn", "--workers", str(WORKERS), "--bind", f"127.0.0.1:{port}", *options]
    with log.open("wb") as file:
        process = subprocess.Popen([*command, "tests.fleet.wsgi"], env=env, cwd=ROOT, stdout=file, stderr=file)
    try:
        wait_until(lambda: answers(port) and log.read_text().count("Booting worker") >= WORKERS)
        yield Fleet(port, env, process, log)
    finally:
        process.terminate()
        process.wait(20)


@pytest.fixture
def redis() -> Iterator[None]:
    databases.clear_redis()
    yield
    databases.clear_redis()


@pytest.fixture
def postgresql() -> Iterator[str]:
    import psycopg

    name = f"autoprefetch_fleet_{os.getpid()}"
    at = databases.POSTGRESQL
    arguments = {"host": at["HOST"], "port": at["PORT"], "user": at["USER"], "password": at["PASSWORD"]}
    with psycopg.connect(dbname=at["NAME"], autocommit=True, **arguments) as connection:
        connection.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
        connection.execute(f"CREATE DATABASE {name}")
        password = f":{at['PASSWORD']}" if at["PASSWORD"] else ""
        yield f"postgres://{at['USER']}{password}@{at['HOST']}:{at['PORT']}/{name}"
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture(params=["redis", "redis, preloaded", pytest.param("postgresql", marks=pytest.mark.needs("postgresql"))])
def workers(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Fleet]:
    if request.param == "postgresql":
        with fleet(tmp_path, DATABASE, url=request.getfixturevalue("postgresql")) as found:
            yield found
        return
    request.getfixturevalue("redis")
    options = ("--preload",) if "preloaded" in request.param else ()
    with fleet(tmp_path, CACHE, *options) as found:
        yield found


def test_what_one_worker_learns_is_warm_in_all_and_counted_exactly(workers: Fleet) -> None:
    """Within one refresh interval; each evaluation is counted once, whoever served it."""
    workers.wake_up()
    assert workers.get().queries > WARM
    wait_until(workers.evaluations)
    time.sleep(REFRESH + 1.0)
    later = workers.request(120)
    assert {answer.status for answer in later} == {200}
    assert len({answer.worker for answer in later}) == WORKERS
    assert {answer.queries for answer in later} == {WARM}, [(a.worker, a.queries) for a in later]
    wait_until(lambda: workers.evaluations() == len(workers.answers))
    time.sleep(FLUSH + REFRESH)
    assert workers.evaluations() == len(workers.answers)
    assert "Traceback" not in workers.log.read_text()


def test_a_worker_that_is_killed_loses_one_interval_at_the_most(workers: Fleet) -> None:
    """And corrupts nothing: the others and its successor go on.

    If it is killed while it holds the lock of the store, they write once that has expired.
    """
    workers.wake_up()
    workers.request(40)
    time.sleep(FLUSH + REFRESH + 1.0)
    victim = workers.answers[-1].worker
    until = time.monotonic() + 1.0
    killed: list[float] = []

    def kill() -> None:
        time.sleep(0.5)
        killed.append(time.monotonic())
        os.kill(victim, signal.SIGKILL)

    threading.Thread(target=kill).start()
    lost: list[int] = []

    def get() -> None:
        try:
            workers.get()
        except (OSError, HTTPException):  # the request that the victim was serving
            lost.append(1)

    while time.monotonic() < until:
        get()
    time.sleep(FLUSH * 3)
    workers.wake_up()  # the successor too
    time.sleep(REFRESH + 1.0)
    workers.request(40)
    served = [answer for answer in workers.answers if answer.worker == victim]
    unsaved = sum(answer.at > killed[0] - 2 * FLUSH for answer in served)
    wait_until(lambda: workers.evaluations() >= len(workers.answers) - unsaved)
    time.sleep(FLUSH + REFRESH)
    assert workers.evaluations() <= len(workers.answers) + len(lost)
    assert len({answer.worker for answer in workers.answers}) == WORKERS + 1
    assert max(answer.queries for answer in workers.answers[-40:]) <= WARM


# A Redis that stops and starts ----------------------------------------------------------------------------------------


@contextmanager
def redis_server(port: int, folder: Path) -> Iterator[None]:
    process = subprocess.Popen(
        ["redis-server", "--port", str(port), "--save", "", "--appendonly", "no", "--dir", str(folder)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        wait_until(lambda: answers(port))
        yield
    finally:
        process.kill()
        process.wait(10)


# It stops a server, which must be its own; where the servers are required, as in CI, it fails without.
@pytest.mark.skipif(
    shutil.which("redis-server") is None and not databases.REQUIRED, reason="redis-server is not installed"
)
def test_a_redis_that_stops_and_starts_again_costs_no_request(tmp_path: Path) -> None:
    """Under load; what the memories hold comes back to it, and one warning a worker says that it was away."""
    port = free_port()
    with redis_server(port, tmp_path):
        pass
    with fleet(tmp_path, CACHE, redis=f"redis://127.0.0.1:{port}/0") as workers:
        with redis_server(port, tmp_path):
            workers.wake_up()
            workers.request(60)
            time.sleep(FLUSH + REFRESH + 1.0)
            assert workers.evaluations() > 0
        until = time.monotonic() + 2.0
        workers.load(lambda: time.monotonic() < until)
        with redis_server(port, tmp_path):
            until = time.monotonic() + 4.0
            workers.load(lambda: time.monotonic() < until)
            wait_until(lambda: workers.evaluations() >= len(workers.answers))
        assert {answer.status for answer in workers.answers} == {200}
        assert max(answer.queries for answer in workers.answers[60:]) <= WARM
        log = workers.log.read_text()
    assert 1 <= log.count("autoprefetch.store: CacheStore cannot be") <= 2 * WORKERS
    assert "autoprefetch.store: CacheStore is well again" in log
    assert "Traceback" not in log
