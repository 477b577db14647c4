"""The Django project that the benchmarks run in: the demo's bank, and tables of their own, on one database."""

import os
from importlib.util import find_spec

from tests.databases import POSTGRESQL

#: Each process measures one database, so that no router is asked, which would cost in every variant.
DATABASE = os.environ.get("BENCHMARKS_DATABASE", "sqlite")
FOLDER = os.environ.get("BENCHMARKS_FOLDER", "")

SQLITE_FILE = {
    "ENGINE": "django.db.backends.sqlite3",
    "NAME": os.path.join(FOLDER, "benchmarks.sqlite3"),  # noqa: PTH118  (Django's own form)
    "TEST": {"NAME": os.path.join(FOLDER, "benchmarks.sqlite3")},  # noqa: PTH118
    "OPTIONS": {"timeout": 60},
}
DATABASES = {
    "default": SQLITE_FILE
    if DATABASE == "sqlite"
    else {**POSTGRESQL, "TEST": {"NAME": f"benchmarks_autoprefetch_{os.getpid()}"}}
}

SECRET_KEY = "only for benchmarks"
DEBUG = False
ALLOWED_HOSTS = ["testserver"]
USE_TZ = True
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
AUTH_USER_MODEL = "bank.User"
ROOT_URLCONF = "tests.benchmarks.urls"

INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "rest_framework",
    "autoprefetch",
    "demo_site.bank",
    "tests.benchmarks.tables",
]
MIDDLEWARE = [
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
]
REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": ["rest_framework.authentication.SessionAuthentication"],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
}
#: The requests of H are to be counted, and not to be warned of.
AUTOPREFETCH = {"QUERY_THRESHOLD": 1_000}
TEMPLATES: list[dict[str, object]] = []

#: zeal changes Django's classes for good, so its variants are measured in a process that has nothing but them.
WITH_ZEAL = bool(os.environ.get("BENCHMARKS_ZEAL"))
if WITH_ZEAL and find_spec("zeal"):
    INSTALLED_APPS = ["zeal", *INSTALLED_APPS]
ZEAL_RAISE = False
