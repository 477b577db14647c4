"""The databases that the suite runs on, and the counting of what is sent to them.

SQLite is always there. PostgreSQL and MariaDB are there when their driver can be imported and their server lets us
in; otherwise `MISSING` keeps the reason, which the skipped tests show. Where AUTOPREFETCH_REQUIRE_DATABASES is set,
a missing one stops the run instead.
"""

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any

from django.db import connections

#: The parameters of the fixture `database`, and the alias that each stands for.
ALIASES = {"sqlite": "default", "postgresql": "postgresql", "mariadb": "mariadb"}

#: Some runs, of further versions, are asked to leave the servers alone.
ONLY_SQLITE = bool(os.environ.get("AUTOPREFETCH_ONLY_SQLITE"))
ONLY_SERVERS = bool(os.environ.get("AUTOPREFETCH_ONLY_SERVERS"))  # where another run has had SQLite already
REQUIRED = not ONLY_SQLITE and bool(os.environ.get("AUTOPREFETCH_REQUIRE_DATABASES"))

#: Runs at the same time, as those of tox, must not meet in one test database.
TEST_NAME = f"test_autoprefetch_{os.getpid()}"

SQLITE = {
    "ENGINE": "django.db.backends.sqlite3",
    "NAME": ":memory:",
}
POSTGRESQL = {
    "ENGINE": "django.db.backends.postgresql",
    "NAME": "postgres",
    "HOST": os.environ.get("PGHOST", "127.0.0.1"),
    "PORT": int(os.environ.get("PGPORT", "5432")),
    "USER": os.environ.get("PGUSER", "postgres"),
    "PASSWORD": os.environ.get("PGPASSWORD", ""),
    "TEST": {"NAME": TEST_NAME, "DEPENDENCIES": []},
}
MARIADB = {
    "ENGINE": "django.db.backends.mysql",
    "NAME": "autoprefetch",
    "HOST": os.environ.get("MYSQL_HOST", "127.0.0.1"),
    "PORT": int(os.environ.get("MYSQL_TCP_PORT", "3306")),
    "USER": os.environ.get("MYSQL_USER", "root"),
    "PASSWORD": os.environ.get("MYSQL_PWD", ""),
    "TEST": {"NAME": TEST_NAME, "CHARSET": "utf8mb4", "DEPENDENCIES": []},
}

REDIS = os.environ.get("AUTOPREFETCH_REDIS", "redis://127.0.0.1:6379/15")

#: What a run keeps in Redis has its name, for it is not alone there either.
REDIS_CACHE = {
    "BACKEND": "django.core.cache.backends.redis.RedisCache",
    "LOCATION": REDIS,
    "KEY_PREFIX": TEST_NAME,
}


def connect_to_redis() -> None:
    import redis

    redis.Redis.from_url(REDIS, socket_timeout=2).ping()


def clear_redis() -> None:
    """Delete what this run has kept in Redis, and nothing of others."""
    import redis

    with redis.Redis.from_url(REDIS) as client:
        for key in client.scan_iter(match=f"{TEST_NAME}:*"):
            client.delete(key)


def connect_to_postgresql() -> None:
    import psycopg

    psycopg.connect(
        host=POSTGRESQL["HOST"],
        port=POSTGRESQL["PORT"],
        user=POSTGRESQL["USER"],
        password=POSTGRESQL["PASSWORD"],
        dbname=POSTGRESQL["NAME"],
        connect_timeout=2,
    ).close()


def connect_to_mariadb() -> None:
    import MySQLdb

    MySQLdb.connect(
        host=MARIADB["HOST"],
        port=MARIADB["PORT"],
        user=MARIADB["USER"],
        password=MARIADB["PASSWORD"],
        connect_timeout=2,
    ).close()


def reason_missing(connect: Callable[[], None]) -> str | None:
    """Say in one line why `connect` fails, None if it does not."""
    if ONLY_SQLITE:
        return "AUTOPREFETCH_ONLY_SQLITE is set"
    try:
        connect()
    except Exception as error:  # each driver has its own, and all mean "not here"
        return " ".join(f"{type(error).__name__}: {error}".split())
    return None


MISSING = {
    alias: reason
    for alias, connect in {
        "postgresql": connect_to_postgresql,
        "mariadb": connect_to_mariadb,
        "redis": connect_to_redis,
    }.items()
    if (reason := reason_missing(connect))
}

DATABASES = {
    alias: settings
    for alias, settings in {"default": SQLITE, "postgresql": POSTGRESQL, "mariadb": MARIADB}.items()
    if alias not in MISSING
}


@dataclass
class QueryLog:
    """The statements that were sent, in their order: `assert len(log) == 3, log`."""

    statements: list[str] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.statements)

    def __bool__(self) -> bool:
        return True

    def __str__(self) -> str:
        numbered = (f"{number}. {sql}" for number, sql in enumerate(self.statements, start=1))
        return "\n".join([f"{len(self)} queries", *numbered])

    __repr__ = __str__


@contextmanager
def count_queries() -> Iterator[QueryLog]:
    """Count the queries that this thread sends inside the block, on every alias.

    It sees what Django hands to the driver, savepoints included, whatever DEBUG says.
    """
    log = QueryLog()

    def note(execute: Callable[..., Any], sql: str, params: Any, many: bool, context: dict[str, Any]) -> Any:
        log.statements.append(f"[{context['connection'].alias}] {sql} <- {params!r}")
        return execute(sql, params, many, context)

    with ExitStack() as stack:
        for alias in connections:
            stack.enter_context(connections[alias].execute_wrapper(note))
        yield log
