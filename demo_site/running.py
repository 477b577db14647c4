"""What the demo does once its arguments are known and Django is set up."""

from __future__ import annotations

import logging
import sys
from typing import TYPE_CHECKING

from demo_site.bank.seeding import Scale
from demo_site.comparing import first_difference
from demo_site.measuring import measure_endpoints
from demo_site.preparing import prepare
from demo_site.printing import as_json, as_text
from demo_site.serving import serve

if TYPE_CHECKING:
    from demo_site.options import Options


def run(options: Options) -> int:
    """Measure the endpoints or serve the site, as the options say.

    Returns:
        The exit status: 0, or 1 when the endpoints did not answer the same.
    """
    prepare(Scale(options.accounts, options.transactions))
    if options.port is not None:
        return serve(options.port, options.latency)
    return measure(options)


def measure(options: Options) -> int:
    """Measure all endpoints, compare what they answered, and print both."""
    # The suggestions are printed below the table; in the log they would come a second time.
    logging.getLogger("autoprefetch").setLevel(logging.WARNING)
    measurements = measure_endpoints(options.latency)
    difference = first_difference({name: measurement.body for name, measurement in measurements.items()})
    if options.format == "json":
        print(as_json(measurements, equal=difference is None))
    else:
        print(as_text(measurements, options.latency))
    if difference is None:
        return 0
    print(f"demo_site: {difference}", file=sys.stderr)
    return 1
