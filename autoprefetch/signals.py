"""Signals, for Sentry, OpenTelemetry, StatsD and others that want to know what autoprefetch does.

The sender of each is the model of the call site, None where that is not known. A receiver that raises does no harm:
Django logs it (`django.dispatch`).
"""

from __future__ import annotations

import logging
from typing import Any

from django.dispatch import Signal

lazy_load_found = Signal()
"""A relation was loaded lazily that was never loaded at a call site.

It says `call_site`, `path` (a lookup), `loads` (queries) and `place` (where it was touched first). It is sent once the
counts of the evaluation are taken.
"""

plan_adopted = Signal()
"""Relations are loaded ahead from now on. It says `call_site` and `paths` (lookups)."""

plan_dropped = Signal()
"""Relations are not loaded ahead any more. It says `call_site` and `paths` (lookups)."""

batch_quarantined = Signal()
"""Batches were slower than lazy loads, and are given up.

It says `call_site`, `path` (a lookup), `batch` and `alone` (seconds), and `instances`.
"""

fault_quarantined = Signal()
"""A call site runs as plain Django after a fault of autoprefetch. It says `call_site` and `fault` (the exception)."""

_logger = logging.getLogger("autoprefetch")


def tell(signal: Signal, sender: object, call_site: str, **values: Any) -> None:
    """Send a signal whatever its receivers do.

    Args:
        signal: one of this module.
        sender: the model of the call site.
        call_site: its name for people.
        values: what else the signal says.
    """
    if not signal.receivers:
        return
    try:
        signal.send_robust(sender, call_site=call_site, **values)
    except Exception:  # an async receiver, called from the thread of an event loop
        _logger.exception("autoprefetch.signals: %s: a receiver could not be called. Use a sync receiver.", call_site)
