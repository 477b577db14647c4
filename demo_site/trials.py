"""Trials: a page run plain, cold, warm and hand-written, with what each cost and answered."""

from __future__ import annotations

from dataclasses import dataclass
from threading import Lock
from typing import TYPE_CHECKING

from autoprefetch import reset, suggestions
from demo_site.comparing import first_difference
from demo_site.measuring import measured_in_turn, ready_client
from demo_site.pages import FORMS
from demo_site.progress import ProgressBar

if TYPE_CHECKING:
    from collections.abc import Mapping

    from autoprefetch.advise.suggestions import Suggestion
    from demo_site.measuring import Measurement
    from demo_site.pages import Page


@dataclass(frozen=True, slots=True)
class Trial:
    """What came of one click.

    Args:
        page: The page that was run.
        latency: Seconds of the round trip that each query simulated.
        measurements: One for each form, in the order of ``FORMS``.
        difference: A sentence about where two bodies differ; None when all are equal.
        suggestions: What autoprefetch says after it.
    """

    page: Page
    latency: float
    measurements: Mapping[str, Measurement]
    difference: str | None
    suggestions: tuple[Suggestion, ...]


# The latest trial of each page, by the page's name, for everybody who looks.
latest_trials: dict[str, Trial] = {}
# Two trials at a time would make each other forget and wait.
one_at_a_time = Lock()


def try_page(page: Page, latency: float) -> Trial:
    """Run a page once in each form, from knowing nothing, and keep the trial."""
    with one_at_a_time, ProgressBar(f"Running {page.title.lower()}", len(FORMS)) as progress:
        client = ready_client(page)
        reset()
        measurements: dict[str, Measurement] = {}
        for form in FORMS:
            measurements |= measured_in_turn(client, page, [form], latency)
            progress.advance(1)
        latest_trials[page.name] = trial = trial_of(page, latency, measurements)
    return trial


def trial_of(page: Page, latency: float, measurements: Mapping[str, Measurement]) -> Trial:
    """Compare what was just measured, and add what autoprefetch suggests now."""
    difference = first_difference({form: measurement.body for form, measurement in measurements.items()})
    return Trial(page, latency, measurements, difference, tuple(suggestions()))
