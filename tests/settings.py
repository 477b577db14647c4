"""The Django project that the tests run in."""

from tests import databases

SECRET_KEY = "only for tests"
ALLOWED_HOSTS = ["*"]
USE_TZ = True
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
ROOT_URLCONF = "tests.urls"

DATABASES = databases.DATABASES
DATABASE_ROUTERS = ["tests.routers.CurrentDatabaseRouter"]

INSTALLED_APPS = [
    "django.contrib.admin.apps.SimpleAdminConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.messages",
    "django.contrib.sessions",
    "autoprefetch",
    "autoprefetch.database",
    "tests.library",
]
#: Tables straight from the models: three databases are set up in each run.
MIGRATION_MODULES = {"admin": None, "auth": None, "contenttypes": None, "sessions": None}

CACHES = {
    "default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"},
    "redis": databases.REDIS_CACHE,
}

MIDDLEWARE: list[str] = []
#: The tests of the admin bring the middleware and the context processors that it needs.
SILENCED_SYSTEM_CHECKS = ["admin.E402", "admin.E404", "admin.E408", "admin.E409", "admin.E410"]
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
    },
]
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
