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
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "autoprefetch",
    "tests.library",
]
#: Tables straight from the models: three databases are set up in each run.
MIGRATION_MODULES = {"auth": None, "contenttypes": None, "sessions": None}

MIDDLEWARE: list[str] = []
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
    },
]
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
