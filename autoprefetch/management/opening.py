"""Opening: the store of the settings, and files that `export` has written, for the actions of the command."""

from __future__ import annotations

from argparse import ArgumentParser
from collections.abc import Callable
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TypeVar

from django.core.management.base import BaseCommand, CommandError

from autoprefetch import conf, stores
from autoprefetch.advise.tables import counted
from autoprefetch.learn.encoding import UnreadableError
from autoprefetch.learn.histories import History
from autoprefetch.learn.stores import SharedStore
from autoprefetch.learn.stores.file import FileStore, entries
from autoprefetch.management.actions import WRONG
from autoprefetch.rules import MEMORY_STORE

T = TypeVar("T")


def store_of_settings() -> SharedStore:
    """Return the store of the settings, without a memory in front of it.

    Raises:
        CommandError: the settings are wrong, or name the memory of a process, which no command can look into.
    """
    if problems := conf.current_problems():
        raise CommandError(" ".join(problems), returncode=WRONG)
    setting = conf.current().store
    if setting["BACKEND"] == MEMORY_STORE:
        msg = (
            "AUTOPREFETCH['STORE'] is the memory of each process, and a command has a process of its own."
            " Set a FileStore, a CacheStore or a DatabaseStore."
        )
        raise CommandError(msg, returncode=WRONG)
    return stores.shared(setting)


def known_to(store: SharedStore) -> dict[str, History]:
    """Return what a store knows, by the keys of the call sites."""
    return using(store, lambda: dict(store.items()))


def add_site(parser: ArgumentParser) -> None:
    """Let a person choose call sites."""
    parser.add_argument("--site", metavar="PATTERN", help='how its key begins, * for any text: "bank.views:*"')


def chosen(pattern: str | None) -> dict[str, History]:
    """Return what the store of the settings knows of the call sites that a person has chosen.

    Raises:
        CommandError: the store cannot be used, or there is no such call site.
    """
    return some(known_to(store_of_settings()), pattern)


def some(known: dict[str, History], pattern: str | None) -> dict[str, History]:
    """Return what is known of the call sites that a person has chosen.

    Raises:
        CommandError: there is no such call site.
    """
    found = {key: history for key, history in known.items() if pattern is None or fnmatchcase(key, f"{pattern}*")}
    if known and not found:
        sites = counted(len(known), "call site")
        msg = f"--site {pattern!r} is none of {sites}. Give how a key begins, with * for any text."
        raise CommandError(msg, returncode=WRONG)
    return found


def using(store: SharedStore, use: Callable[[], T]) -> T:
    """Use a store, whose errors are those of a server, a disk or a table.

    Raises:
        CommandError: the store cannot be used; the message says why.
    """
    try:
        return use()
    except Exception as error:
        name = type(store).__name__
        reason = " ".join(f"{type(error).__name__}: {error}".split()).rstrip(".: ")
        msg = f"The {name} cannot be used: {reason}. {stores.REMEDY}"
        raise CommandError(msg, returncode=WRONG) from error


def is_kept_in(store: SharedStore, file: Path) -> bool:
    """Tell whether a store keeps what it knows in this very file."""
    return isinstance(store, FileStore) and store.path.resolve() == file.resolve()


def read(command: BaseCommand, file: Path) -> dict[str, History]:
    """Read a file that `export` has written; entries that cannot be read are named, and left out.

    Raises:
        CommandError: it is no such file.
    """
    try:
        return entries(
            file.read_text(encoding="utf-8"),
            lambda key, reason: command.stderr.write(f"{file}: {key} is left out, because {reason}."),
        )
    except (OSError, UnicodeDecodeError, UnreadableError) as error:
        msg = f"{file} cannot be read: {error}. Give a file that `export` has written."
        raise CommandError(msg, returncode=WRONG) from error
