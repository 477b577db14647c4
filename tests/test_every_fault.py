"""Faults, one function after another: each that a program reaches is made to raise, cold and warm.

The program reads and writes in every way that autoprefetch hooks. Whatever raises inside, it gets what plain Django
gives, also afterwards; the log has one error for each call site at the most, and that names it.
"""

from __future__ import annotations

import importlib
import logging
import pkgutil
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from types import CodeType, FunctionType
from typing import Any

import pytest
from django.db import models, router, transaction

import autoprefetch
from autoprefetch import auto
from autoprefetch.orm import states
from tests.equivalence.comparing import know_content_types, raised
from tests.equivalence.differential.searching import PROGRAMS, USUAL
from tests.library.models import Author, Book, Comment
from tests.test_faults import logging_to

pytestmark = pytest.mark.usefixtures("library")

PARTS = ("advise", "apply", "evaluation", "learn", "loading", "observe", "orm", "plan", "streaming")

#: What has no plain Django behind it to fall back to, and why.
EXEMPT = {
    "it is the seam itself, and its steps are in the table": (
        "evaluation.Evaluations.evaluate evaluation.Evaluations.begin evaluation.Evaluations.fetch "
        "evaluation.Evaluations.rewritten evaluation.Evaluations.load_ahead streaming.Streaming.stream "
        "streaming.Streaming.opened streaming.Streaming.streamed streaming.Streaming.finish "
        "evaluation.Evaluations.is_in_scope loading.Loading.load_alone "
        "loading.Loading.load_set loading.Loading.recalled loading.Loading.recalled_one loading.Loading.replay "
        "loading.Loading.recognise orm.derivations._repeated "
        "loading.Loading.load_column loading.Loading.touch loading.Loading.wrote loading.Loading.standing_of"
    ),
    "it runs, or leads to, Django's own query": (
        "orm.marks.query_state orm.marks.fetch_as orm.marks.runnable orm.marks.rows_of orm.marks.counting "
        "orm.counting.QueryCount.__init__ orm.counting.OneQuery.__enter__ orm.counting.OneQuery.__exit__ "
        "orm.replay.without_derivation"
    ),
    "it is one look into a dict or at a class, which decides whether anything is ours": (
        "apply.standing.Standings.get orm.states.group_of orm.states.is_empty_generic orm.forms.loads_instances "
        "orm.derivations.Derivation.is_live orm.derivations._derived orm.derivations._is_stale orm.effects.reads "
        "orm.querysets._is_connected orm.querysets._is_automatic orm.scopes.leaving_alone.__enter__ "
        "orm.scopes.leaving_alone.__exit__ orm.statements._Broken.__get__ orm.statements._Broken.__set__"
    ),
    "it is a dict of Django's, and the comparison of numbers in it": (
        "orm.caches.WaitingCache.__missing__ orm.caches.WaitingCache._waits orm.caches.WaitingCache.__contains__ "
        "orm.caches.WaitingCache.clear orm.caches.WaitingCache.__setitem__ "
        "observe.epochs.Freshness.are_stale observe.epochs.Freshness.hands_out observe.epochs.Freshness.count_use "
        "orm.caches.count_use"
    ),
    "it is the fetch mode of Django 6.1, which leads to Django's own fetch": (
        "orm.states._attribute orm.states._fetched orm.states._Tracked.fetch orm.states._Tracked.load_column"
    ),
}
NAMES = {name for names in EXEMPT.values() for name in names.split()}


class Fault(Exception):  # noqa: N818  (the word of the log)
    """Raised where autoprefetch works for itself."""


def modules() -> list[str]:
    found = [info.name for info in pkgutil.walk_packages(autoprefetch.__path__, "autoprefetch.") if not info.ispkg]
    return [name for name in found if name.split(".")[1] in PARTS]


def functions(module_name: str) -> Iterator[tuple[str, Any, str, FunctionType]]:
    """Yield the functions and methods of a module, each by its name, with where it is kept."""
    module = importlib.import_module(module_name)
    for owner in (module, *(found for found in vars(module).values() if isinstance(found, type))):
        if getattr(owner, "__module__", module_name) != module_name or getattr(owner, "_is_protocol", False):
            continue
        for name, found in vars(owner).items():
            is_own = isinstance(found, FunctionType) and found.__code__.co_filename == module.__file__
            if is_own and found.__qualname__.rpartition(".")[2] == name:
                yield f"{module_name.partition('.')[2]}.{found.__qualname__}", owner, name, found


def program() -> list[Any]:
    """Read and write in every way that is hooked, and undo it."""
    found: list[Any] = []
    with transaction.atomic(using=router.db_for_write(Book)):
        wanted = list(Comment.objects.order_by("pk").values_list("pk", flat=True)[:5])
        for book in auto(Book.objects.filter(title__lt="Book 04")):
            found.append((str(book.author), book.publisher and str(book.publisher.city), book.imprint and 1))
            found.append((sorted(tag.name for tag in book.tags.all()), book.copies.count(), book.comments.exists()))
        for author in auto(Author.objects.filter(name__lt="D")):
            found.append([book.title for book in author.books.order_by("-pages", "pk")[:2]])
            found.append((author.books.aggregate(total=models.Sum("pages")), raised(lambda a=author: a.profile.pk)))
            found.append([sorted(t.name for t in b.tags.all()) for b in Book.objects.filter(author=author)])
            found.append([b.publisher and b.publisher.name for b in author.books.filter(pages__gt=200)])
        found += [
            (str(comment.subject), str(comment.writer))
            for comment in auto(Comment.objects.filter(pk__in=wanted).order_by("pk"))
        ]
        found += [(book.title, book.pages) for book in auto(Book.objects.filter(title__lt="Book 03").only("title"))]
        for book in auto(Book.objects.filter(title__lt="Book 07")).iterator(chunk_size=5):
            found.append((book.author.name, len(book.tags.all())))
        for book in auto(Book.objects.filter(title__gt="Book 11")):
            Author.objects.filter(pk=book.author_id).update(name=f"{book.title}'s")
            found.append((book.author.name, book.author.books.count()))
        transaction.set_rollback(True, using=router.db_for_write(Book))
    return found


def run_by_run(*patches: Callable[[], Any] | None) -> Iterator[list[Any]]:
    """Run the program at one call site again and again, with what is patched for each run."""
    autoprefetch.reset()
    for patch in patches:
        with nullcontext() if patch is None else patch():
            found = program()  # from this line alone: another one would be another call site
        yield found


def reached() -> frozenset[CodeType]:
    """Return the code that the program runs, cold and warm."""
    seen: set[CodeType] = set()

    @contextmanager
    def watched() -> Iterator[None]:
        sys.setprofile(lambda frame, event, argument: seen.add(frame.f_code) if event == "call" else None)
        try:
            yield
        finally:
            sys.setprofile(None)

    list(run_by_run(watched, None, watched))
    return frozenset(seen)


@contextmanager
def raising(owner: Any, name: str, function: FunctionType) -> Iterator[None]:
    """Let a function raise, wherever it was imported to."""

    def fail(*args: Any, **kwargs: Any) -> Any:
        raise Fault(name)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(owner, name, fail)
        for module_name, module in list(sys.modules.items()):
            if module_name.startswith("autoprefetch."):
                for alias, value in list(vars(module).items()):
                    if value is function:
                        patch.setattr(module, alias, fail)
        yield


@contextmanager
def errors() -> Iterator[list[logging.LogRecord]]:
    heard: list[logging.LogRecord] = []
    listener = logging.Handler(logging.ERROR)
    listener.emit = heard.append  # type: ignore[method-assign]
    with logging_to(listener):
        yield heard


def wrongs(name: str, owner: Any, attribute: str, function: FunctionType, expected: list[Any]) -> Iterator[str]:
    """Yield what is wrong when a function raises."""

    def patch() -> Any:
        return raising(owner, attribute, function)

    for kind, patches in {"cold": (patch, None), "warm": (None, None, patch, None)}.items():
        with errors() as heard:
            try:
                results = list(run_by_run(*patches))
            except Exception as error:
                yield f"{name}, {kind}: {type(error).__name__} reached the caller"
                continue
        if results != [expected] * len(patches):
            yield f"{name}, {kind}: another result than plain Django's"
        sites = [record.call_site for record in heard]  # type: ignore[attr-defined]
        if len(sites) != len(set(sites)):
            yield f"{name}, {kind}: logged more than once for a call site"
        if not all(site == "autoprefetch" or site.startswith("program (tests/test_every_fault.py:") for site in sites):
            yield f"{name}, {kind}: the log names {sites}"


# `.ci/run` has it with the oldest and the newest versions, which run all programs.
@pytest.mark.skipif(PROGRAMS < USUAL, reason=f"it takes a minute, and a run of {PROGRAMS} programs is to be quick")
@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_whatever_raises_the_caller_gets_the_plain_result(database: str) -> None:
    """Each function of the engine, in its turn; what is exempt is named with its reason."""
    know_content_types()
    with autoprefetch.override(MODE="off"):
        expected = program()
    code = reached()
    table = [
        entry
        for module_name in modules()
        for entry in functions(module_name)
        if entry[3].__code__ in code and entry[0] not in NAMES
    ]
    assert len(table) > 150
    found = [wrong for entry in table for wrong in wrongs(*entry, expected)]
    assert not found, "\n".join(found)


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_what_is_exempt_exists(database: str) -> None:
    """A function that was renamed is not exempt any more."""
    names = NAMES if states.TRACKED is not None else {name for name in NAMES if "._Tracked." not in name}
    assert not names - {name for module_name in modules() for name, *_ in functions(module_name)}
