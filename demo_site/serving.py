"""Serve the demo site for a browser."""

from __future__ import annotations

import socket
import sys
import time
import webbrowser
from threading import Thread

from django.conf import settings
from django.core.management import call_command

from demo_site.errors import DemoError

HOST = "127.0.0.1"
SECONDS_UNTIL_IT_ANSWERS = 30


def serve(port: int, latency: float, is_opened: bool = False) -> int:
    """Run Django's development server until Ctrl-C.

    Args:
        port: A free port of this machine.
        latency: Seconds of the round trip that each query of a page simulates.
        is_opened: Whether the browser of this machine shows the site as soon as it answers.

    Raises:
        DemoError: Something else listens at the port.
    """
    refuse_taken_port(port)
    settings.DEMO_LATENCY = latency
    settings.MIDDLEWARE = ["demo_site.visits.VisitMiddleware", *settings.MIDDLEWARE]
    print(f"Open http://{HOST}:{port}/ in a browser.", file=sys.stderr)
    if is_opened:
        Thread(target=open_when_it_answers, args=[port], daemon=True).start()
    call_command("runserver", f"{HOST}:{port}", use_reloader=False)
    return 0


def refuse_taken_port(port: int) -> None:
    """Try the port first, because the development server ends the whole process without a farewell."""
    with socket.socket() as attempt:
        attempt.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            attempt.bind((HOST, port))
        except OSError as error:
            msg = f"port {port} of {HOST} cannot be used: {error.strerror}. Name another one: --serve {port + 1}"
            raise DemoError(msg) from error


def open_when_it_answers(port: int) -> None:
    """Wait for the server, which this process is about to start, and open the site in a browser."""
    if answers_in_time(port) and not webbrowser.open(f"http://{HOST}:{port}/"):
        print("demo_site: no browser was found on this machine; open the address yourself.", file=sys.stderr)


def answers_in_time(port: int) -> bool:
    """Wait until something listens at the port."""
    deadline = time.monotonic() + SECONDS_UNTIL_IT_ANSWERS
    while time.monotonic() < deadline:
        with socket.socket() as attempt:
            if attempt.connect_ex((HOST, port)) == 0:
                return True
        time.sleep(0.1)
    return False
