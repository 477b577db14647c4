"""A process of a project, which does what its input says: `python -m tests.worker STORE DATABASE`.

STORE is a value of `AUTOPREFETCH["STORE"]` as JSON, DATABASE a file of SQLite.
"""

from __future__ import annotations

import json
import sys

import django
from django.conf import settings


def configure(store: dict[str, object], database: str) -> None:
    from tests import databases

    settings.configure(
        INSTALLED_APPS=["django.contrib.contenttypes", "autoprefetch", "autoprefetch.database", "tests.library"],
        DATABASES={
            "default": {
                "ENGINE": "django.db.backends.sqlite3",
                "NAME": database,
                "OPTIONS": {"timeout": 20, "transaction_mode": "IMMEDIATE"},
            }
        },
        MIGRATION_MODULES={"contenttypes": None},
        CACHES={
            "default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"},
            "redis": {**databases.REDIS_CACHE, "KEY_PREFIX": database},
        },
        DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
        USE_TZ=True,
        AUTOPREFETCH={"STORE": store},
    )
    django.setup()


def answer(word: str, name: str) -> object:
    from django.core.management import call_command

    from autoprefetch import auto
    from autoprefetch.surveying import decide, forget, survey
    from tests.databases import count_queries
    from tests.library import data
    from tests.library.models import Book

    def read() -> int:
        with count_queries() as log:
            for book in auto(Book.objects.order_by("pk")):
                assert book.author.name
                assert book.publisher is None or book.publisher.name
        return len(log)

    if word == "populate":
        call_command("migrate", run_syncdb=True, verbosity=0)
        data.populate()
    elif word == "read":
        return read()
    else:
        [site] = survey()
        if word == "forget":
            forget(site.key)
        else:
            decide(site, name, ignores=word == "ignore")
    return "done"


def main() -> None:
    for line in sys.stdin:
        word, _, name = line.strip().partition(" ")
        print(json.dumps(answer(word, name)), flush=True)


if __name__ == "__main__":
    configure(json.loads(sys.argv[1]), sys.argv[2])
    main()
