"""The page of a trial: one click runs a page in all its forms, and here is what came of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.conf import settings
from django.http import Http404
from django.shortcuts import redirect, render
from django.views import View

from demo_site.pages import PAGES
from demo_site.sent_queries import statements
from demo_site.sources import sources
from demo_site.trials import latest_trials, try_page
from demo_site.waterfalls import COLOURS, TITLES, milliseconds, waterfalls

if TYPE_CHECKING:
    from collections.abc import Sequence

    from django.http import HttpRequest, HttpResponse

    from demo_site.measuring import Measurement
    from demo_site.pages import Page
    from demo_site.trials import Trial


@dataclass(frozen=True, slots=True)
class Row:
    """What one form cost, for the table."""

    title: str
    endpoint: str
    queries: int
    time: str
    in_queries: str
    of_plain: str


@dataclass(frozen=True, slots=True)
class Lane:
    """A table, its colour in the picture, and how many queries were about it in each form."""

    table: str
    colour: int
    queries: Sequence[int]


class TrialPage(View):
    """Show the latest trial of a page, and make a new one."""

    def get(self, request: HttpRequest, name: str) -> HttpResponse:
        """Show the trial, or say that there is none yet."""
        page = page_named(name)
        trial = latest_trials.get(name)
        context = {"page": page, "codes": codes(page)} | (shown(trial) if trial else {})
        return render(request, "trial.html", context)

    def post(self, request: HttpRequest, name: str) -> HttpResponse:
        """Make a trial, and show it; a reload of the shown page makes no other."""
        try_page(page_named(name), settings.DEMO_LATENCY)
        return redirect("try", name)


def page_named(name: str) -> Page:
    """Find a page by the name in the address."""
    if name not in PAGES:
        msg = f"The demo site has no page {name!r}, but {', '.join(PAGES)}."
        raise Http404(msg)
    return PAGES[name]


def codes(page: Page) -> dict[str, str]:
    """Return the code of a page's views by what people call them."""
    titles = {"plain": "Plain", "auto": "With auto()", "hand_written": "By hand"}
    return {titles[view]: code for view, code in sources(page).items()}


def shown(trial: Trial) -> dict[str, object]:
    """Make of a trial what the template shows."""
    picture = waterfalls(trial.measurements)
    return {
        "trial": trial,
        "latency": trial.latency * 1000,
        "picture": picture,
        "rows": rows(trial),
        "lanes": [
            Lane(table, number % COLOURS, queries_about(table, trial)) for number, table in enumerate(picture.tables)
        ],
        "statements": [(TITLES[form], statements(one.sent)) for form, one in trial.measurements.items()],
    }


def rows(trial: Trial) -> list[Row]:
    """Make a row for each form."""
    plain = trial.measurements["plain"].seconds
    endpoints = trial.page.endpoints()
    return [row(TITLES[form], endpoints[form], one, plain) for form, one in trial.measurements.items()]


def row(title: str, endpoint: str, measurement: Measurement, plain_seconds: float) -> Row:
    """Write one measurement as a row."""
    return Row(
        title,
        endpoint,
        measurement.queries,
        milliseconds(measurement.seconds),
        milliseconds(sum(query.seconds for query in measurement.sent)),
        f"{measurement.seconds / plain_seconds:.1%}",
    )


def queries_about(table: str, trial: Trial) -> Sequence[int]:
    """Count the queries about a table in each form."""
    return [sum(query.table() == table for query in one.sent) for one in trial.measurements.values()]
