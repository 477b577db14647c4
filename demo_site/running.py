"""What the demo does once its arguments are known and Django is set up."""

from __future__ import annotations

import logging
import sys
from typing import TYPE_CHECKING

from demo_site.bank.seeding import Scale
from demo_site.comparing import first_difference
from demo_site.measuring import measure_endpoints
from demo_site.pages import DASHBOARD, SHOP
from demo_site.preparing import prepare, prepare_shop
from demo_site.printing import as_json, as_text, shop_as_json, shop_as_text
from demo_site.progress import ProgressBar
from demo_site.serving import serve
from demo_site.trials import trial_of

if TYPE_CHECKING:
    from demo_site.options import Options

ROUNDS_OF_A_PAGE = 3


def run(options: Options) -> int:
    """Measure the endpoints or serve the site, as the options say.

    Returns:
        The exit status: 0, or 1 when the endpoints did not answer the same.
    """
    prepare(Scale(options.accounts, options.transactions))
    if options.port is not None:
        prepare_shop()
        return serve(options.port, options.latency, options.is_opened)
    # The suggestions are printed below the table; in the log they would come a second time.
    logging.getLogger("autoprefetch").setLevel(logging.WARNING)
    if options.is_shop:
        prepare_shop()
        return measure_shop(options)
    return measure(options)


def measure(options: Options) -> int:
    """Measure the forms of the dashboard, compare what they answered, and print both."""
    measurements = measure_endpoints(DASHBOARD, options.latency)
    difference = first_difference({name: measurement.body for name, measurement in measurements.items()})
    if options.format == "json":
        print(as_json(measurements, equal=difference is None))
    else:
        print(as_text(measurements, options.latency))
    if difference is None:
        return 0
    print(f"demo_site: {difference}", file=sys.stderr)
    return 1


def measure_shop(options: Options) -> int:
    """Measure the forms of each page of the shop, compare what they answered, and print all."""
    trials = []
    with ProgressBar("Measuring the shop", len(SHOP)) as progress:
        for page in SHOP:
            measurements = measure_endpoints(page, options.latency, ROUNDS_OF_A_PAGE)
            trials.append(trial_of(page, options.latency, measurements))
            progress.advance(1)
    print(shop_as_json(trials) if options.format == "json" else shop_as_text(trials, options.latency))
    differing = [trial for trial in trials if trial.difference]
    for trial in differing:
        print(f"demo_site: {trial.page.name}: {trial.difference}", file=sys.stderr)
    return 1 if differing else 0
