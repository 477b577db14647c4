"""Django's own settings for its tests on SQLite, with every queryset automatic where the run asks for it."""

import os

from test_sqlite import *  # noqa: F403  (a module of Django's tests)

if os.environ["DJANGO_SUITE_MODE"] == "automatic":
    # AHEAD is off so that no query moves into an earlier count of Django's tests.
    AUTOPREFETCH = {"SCOPE": "all", "AHEAD": False, "LOG_SUGGESTIONS": False}
