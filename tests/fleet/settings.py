"""The demo site, as a fleet serves it: with the store that the test chose."""

import json
import os

from demo_site import settings as demo
from demo_site.settings import *  # noqa: F403

INSTALLED_APPS = [*demo.INSTALLED_APPS, "autoprefetch.database"]
MIDDLEWARE = [*demo.MIDDLEWARE, "tests.fleet.middleware.WorkerMiddleware"]
SESSION_ENGINE = "django.contrib.sessions.backends.signed_cookies"
CACHES = {
    "default": {
        **json.loads(os.environ["FLEET_REDIS"]),
        "OPTIONS": {"socket_timeout": 1, "socket_connect_timeout": 1},
    }
}
AUTOPREFETCH = {"MODE": os.environ.get("FLEET_MODE", "auto"), "STORE": json.loads(os.environ["FLEET_STORE"])}
