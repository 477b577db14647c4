"""Make the database of a fleet ready: `python -m tests.fleet.prepare`."""

import django

django.setup()

from demo_site.bank.seeding import Scale  # noqa: E402
from demo_site.preparing import prepare  # noqa: E402

prepare(Scale(accounts=20, transactions=10))
