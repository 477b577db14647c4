"""Serve the demo site for a browser."""

from __future__ import annotations

import socket
import sys

from django.conf import settings
from django.core.management import call_command

from demo_site.errors import DemoError

HOST = "127.0.0.1"


def serve(port: int, latency: float) -> int:
    """Run Django's development server until Ctrl-C.

    Args:
        port: A free port of this machine.
        latency: Seconds of the round trip that each query of a dashboard simulates.

    Raises:
        DemoError: Something else listens at the port.
    """
    refuse_taken_port(port)
    settings.DEMO_LATENCY = latency
    settings.MIDDLEWARE = ["demo_site.visits.VisitMiddleware", *settings.MIDDLEWARE]
    print(f"Open http://{HOST}:{port}/ in a browser.", file=sys.stderr)
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
