"""The demo site, run and served in processes of its own, as people do."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from http.cookiejar import CookieJar
from pathlib import Path
from typing import Any
from urllib.error import URLError
from urllib.parse import urlencode
from urllib.request import HTTPCookieProcessor, OpenerDirector, build_opener

import pytest

ROOT = Path(__file__).resolve().parents[2]
SECONDS = 120


def environment(**variables: str) -> dict[str, str]:
    """Leave out what would point the demo at another database or other settings."""
    inherited = {key: value for key, value in os.environ.items() if key != "DATABASE_URL"}
    return inherited | variables


def command(*arguments: str) -> list[str]:
    return [sys.executable, "-W", "error", "-m", "demo_site", *arguments]


def demo(*arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command(*arguments),
        cwd=ROOT,
        env=environment(**variables),
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )


def measured(*arguments: str, **variables: str) -> dict[str, Any]:
    finished = demo("--format", "json", "--latency", "0", *arguments, **variables)
    assert finished.returncode == 0, finished.stderr
    assert "Traceback" not in finished.stderr, "a fault inside autoprefetch is logged, though it never reaches the view"
    return json.loads(finished.stdout)


@dataclass(frozen=True)
class Site:
    """A served demo site and a visitor with cookies."""

    url: str
    visitor: OpenerDirector
    server: subprocess.Popen[bytes]

    def page(self, path: str = "/", data: Mapping[str, str] | None = None) -> tuple[str, Any]:
        body = urlencode(data).encode() if data else None
        with self.visitor.open(self.url + path, body, timeout=30) as response:
            return response.read().decode(), response.headers


@contextmanager
def served(*arguments: str, **variables: str) -> Iterator[Site]:
    """Serve a small bank and the shop at a free port, until the block ends."""
    port = free_port()
    small = ["--latency", "0", "--accounts", "3", "--transactions", "7", "--serve", str(port)]
    server = subprocess.Popen(
        command(*small, *arguments),
        cwd=ROOT,
        env=environment(**variables),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    site = Site(f"http://127.0.0.1:{port}", build_opener(HTTPCookieProcessor(CookieJar())), server)
    try:
        wait_until_it_answers(site)
        yield site
    finally:
        server.send_signal(signal.SIGTERM)
        server.wait(timeout=30)


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


def wait_until_it_answers(site: Site) -> None:
    deadline = time.monotonic() + 60
    while True:
        try:
            site.page("/ready/")
        except URLError as error:
            if hasattr(error, "code"):  # an answer, though a refusal: nobody has signed in yet
                return
            if site.server.poll() is not None or time.monotonic() > deadline:
                pytest.fail("the demo site does not answer")
            time.sleep(0.1)
        else:
            return
