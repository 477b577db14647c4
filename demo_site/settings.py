"""Django settings of the demo site."""

from __future__ import annotations

import os
from pathlib import Path

from demo_site.databases import database_settings

SITE_ROOT = Path(__file__).resolve().parent

SECRET_KEY = "only for the demo: it guards nothing but made-up accounts"
# With DEBUG on, Django keeps every statement in memory, which would show in the times that the demo compares.
DEBUG = False
ALLOWED_HOSTS = ["localhost", "127.0.0.1", "[::1]", "testserver"]

INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "rest_framework",
    "autoprefetch",
    "demo_site.bank",
    "demo_site.shop",
]

MIDDLEWARE = [
    "demo_site.headers.ContentSecurityPolicyMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
]

ROOT_URLCONF = "demo_site.urls"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [SITE_ROOT / "templates"],
        "OPTIONS": {"context_processors": ["django.template.context_processors.request"]},
    }
]

DATABASES = {"default": database_settings(os.environ.get("DATABASE_URL") or "sqlite:///:memory:")}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
AUTH_USER_MODEL = "bank.User"
USE_TZ = True
TIME_ZONE = "UTC"

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": ["rest_framework.authentication.SessionAuthentication"],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
}

# Seconds of the simulated round trip while serving; `--serve` sets it from `--latency`.
DEMO_LATENCY = 0.0

AUTOPREFETCH = {"MODE": "auto"}

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "handlers": {"stderr": {"class": "logging.StreamHandler"}},
    "loggers": {"autoprefetch": {"handlers": ["stderr"], "level": "INFO"}},
}
