"""One of several processes that merge into the same store: `python -m tests.learn.merging STORE DELTAS`.

STORE is a value of `AUTOPREFETCH["STORE"]` as JSON; the databases and caches come from the environment.
"""

import json
import os
import sys

import django
from django.conf import settings

SITES = 20
PATHS = (("author",), ("author", "archive"), ("tags(5c1e02f9)",))


def configure() -> None:
    settings.configure(
        INSTALLED_APPS=["autoprefetch", "autoprefetch.database"],
        DATABASES=json.loads(os.environ["TEST_DATABASES"]),
        CACHES=json.loads(os.environ["TEST_CACHES"]),
        USE_TZ=True,
    )
    django.setup()


def main(setting: dict[str, object], deltas: int) -> None:
    from autoprefetch import stores
    from autoprefetch.learn.histories import History
    from autoprefetch.learn.profiles import Profile, Usage

    front = stores.opened(setting, 2000)
    print("ready", flush=True)
    for number in range(deltas):
        usages = {path: Usage(1, 16, 16, 16) for path in PATHS}
        front.merge(
            f"site {number % SITES}", History.of(Profile(1, 16, 1, usages=usages, written={"t": 1}), number % 3)
        )
    front.flush()  # for as long as it takes; the end of a process waits some seconds only
    front.close()


if __name__ == "__main__":
    configure()
    main(json.loads(sys.argv[1]), int(sys.argv[2]))
