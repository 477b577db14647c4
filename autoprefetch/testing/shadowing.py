"""Shadowing: each automatic queryset, and whatever its rows load, is compared with plain Django as it happens.

Rows are compared when they were fetched; a relation when it is touched, because plain Django would ask the database
then. Nothing of the program runs between the two, so what it writes elsewhere is no difference. What cannot be asked
twice is left out: raw querysets, locks, random orders, the rows of `iterator()`, and what async code touches, where
plain Django refuses to load.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, ClassVar

from django.core.exceptions import SynchronousOnlyOperation
from django.db.models import Model

from autoprefetch import conf
from autoprefetch.evaluation import Evaluations, engine, install
from autoprefetch.observe.marks import mark_of
from autoprefetch.observe.places import accessed_at
from autoprefetch.orm import forms, marks, shadows, states
from autoprefetch.orm.marks import AnyQuerySet
from autoprefetch.testing import comparing

_NAMED = 5  # differences that a failure shows
_is_asking: ContextVar[bool] = ContextVar("autoprefetch_is_asking", default=False)

Fetch = Callable[[AnyQuerySet], None]


class ShadowDifference(AssertionError):  # noqa: N818  (an assertion that failed, not an error of the program)
    """Raised where autoprefetch gave something else than plain Django."""


class Shadow:
    """Compares, and remembers what it found.

    Attributes:
        compared: how many evaluations and accesses were compared.
        texts: the differences, each as it was raised; the program may have swallowed it.
    """

    def __init__(self) -> None:
        self.compared = 0
        self.texts: list[str] = []

    def compare(self, what: str, site: str, unlike: Callable[[], list[str]]) -> None:
        """Compare one thing with plain Django.

        Args:
            what: names it, for people.
            site: its call site.
            unlike: asks plain Django, and says what differs; asked again when it does, since what plain Django gives
                another time is no matter of autoprefetch.

        Raises:
            ShadowDifference: something differs.
        """
        if _is_asking.get():
            return
        try:
            with _asking():
                lines = unlike()
        except SynchronousOnlyOperation:
            return
        self.compared += 1
        if lines:
            place = accessed_at()
            more = [f"    and {len(lines) - _NAMED} more"] if len(lines) > _NAMED else []
            fact = f"{f'{place}: ' if place else ''}{what} of {site} is not what plain Django gives."
            remedy = "Leave it lazy by auto(..., ignore=...) or IGNORE, and report it to autoprefetch."
            text = "\n".join([fact, *(f"    {line}" for line in lines[:_NAMED]), *more, remedy])
            self.texts.append(text)
            raise ShadowDifference(text)


@contextmanager
def _asking() -> Iterator[None]:
    """Ask plain Django: past the engine, past the logs of queries, and without being compared."""
    token = _is_asking.set(True)
    try:
        with conf.override(MODE="off"), shadows.unlogged():
            yield
    finally:
        _is_asking.reset(token)


class Shadowing(Evaluations):
    """The engine, with each of its answers compared."""

    shadow: ClassVar[Shadow]

    def evaluate(self, queryset: AnyQuerySet, fetch_all: Fetch) -> None:
        """Fill the result cache of an automatic queryset, and compare the rows."""
        super().evaluate(queryset, fetch_all)
        if forms.loads_instances(queryset) and shadows.may_repeat(queryset):
            self.compare_rows(queryset, queryset.model._meta.label, _site_of_rows(queryset))

    def load_one(self, instance: Model, name: str, load: Callable[[], Any]) -> Any:
        """Load a to-one relation of a tracked instance, and compare what is not Django's own."""
        own = _Watched(load)
        found = super().load_one(instance, name, own)
        if not own.has_run:
            compare_one(instance, name, found)
        return found

    def load_column(self, instance: Model, name: str) -> bool:
        """Load a deferred column of a tracked instance, and compare it."""
        is_loaded = super().load_column(instance, name)
        if is_loaded:
            label = f"{type(instance)._meta.label}.{name}"
            value = instance.__dict__[name]
            self.shadow.compare(
                label,
                site_of(instance),
                lambda: comparing.unlike_values(label, value, shadows.plain_column(instance, name)),
            )
        return is_loaded

    def load_set(self, derivation: Any, queryset: AnyQuerySet, fetch_all: Fetch) -> None:
        """Fill the result cache of a queryset from a related manager, and compare what is not Django's own."""
        instance, own = derivation.instance, _Watched(fetch_all)
        super().load_set(derivation, queryset, own)
        if not own.has_run and shadows.may_repeat(queryset):
            self.compare_rows(queryset, f"{type(instance)._meta.label}.{derivation.name}", site_of(instance))

    def replay(self, compiler: Any, derivation: Any, result_type: str, run: Callable[[], Any]) -> Any:
        """Answer a statement, and compare what was not sent to the database."""
        instance, own = derivation.instance, _Watched(run)
        answer = super().replay(compiler, derivation, result_type, own)
        if not own.has_run and shadows.may_repeat_query(compiler.query):
            rows = shadows.rows_of_answer(answer, result_type)
            ordered = forms.is_totally_ordered(compiler.query)
            self.shadow.compare(
                f"{type(instance)._meta.label}.{derivation.name}",
                site_of(instance),
                lambda: comparing.unlike_answers(rows, shadows.plain_answer(compiler, result_type), ordered=ordered),
            )
        return answer

    def compare_rows(self, queryset: AnyQuerySet, what: str, site: str) -> None:
        """Compare the rows of a queryset that was evaluated just now."""
        query = queryset.query
        names = tuple(query.annotation_select)
        ordered = not query.combinator and forms.is_totally_ordered(query)
        ours = list(marks.rows_of(queryset))

        def unlike() -> list[str]:
            plain = shadows.plain_rows(queryset)
            lines = comparing.unlike_rows(ours, plain, names, ordered=ordered)
            # What plain Django gives another time each time, such as the result of a random function, proves nothing.
            again = lines and comparing.unlike_rows(plain, shadows.plain_rows(queryset), names, ordered=ordered)
            return [] if again else lines

        self.shadow.compare(f"{what} (rows)", site, unlike)


class _Watched:
    """A callable that tells whether it was called."""

    def __init__(self, plain: Callable[..., Any]) -> None:
        self.plain = plain
        self.has_run = False

    def __call__(self, *args: Any) -> Any:
        self.has_run = True
        return self.plain(*args)


def site_of(instance: Model) -> str:
    """Name the call site that loaded an instance, for people."""
    group = states.group_of(instance)
    return group.recording.site.name if group is not None else "an earlier evaluation"


def _site_of_rows(queryset: AnyQuerySet) -> str:
    rows, mark = marks.rows_of(queryset), mark_of(queryset)
    if rows and states.group_of(rows[0]) is not None:
        return site_of(rows[0])
    return f"{mark.origin.function} ({mark.origin.path}:{mark.origin.line})" if mark is not None else "this line"


def compare_one(instance: Model, name: str, found: Model | None) -> None:
    """Compare what a to-one relation of an instance was answered with."""
    Shadowing.shadow.compare(
        f"{type(instance)._meta.label}.{name}",
        site_of(instance),
        lambda: comparing.unlike_one(found, shadows.plain_one(instance, name)),
    )


def compare_set(queryset: AnyQuerySet) -> None:
    """Compare a set that was loaded ahead, as its rows are first read."""
    derivation = shadows.derivation_of(queryset)
    instance = derivation.instance if derivation is not None else None
    if instance is not None and isinstance(engine, Shadowing) and shadows.may_repeat(queryset):
        engine.compare_rows(queryset, f"{type(instance)._meta.label}.{derivation.name}", site_of(instance))


@contextmanager
def shadowing() -> Iterator[Shadow]:
    """Compare everything inside the block, in all threads."""
    install()
    Shadowing.shadow = Shadow()
    around = type(engine)
    engine.__class__ = Shadowing
    try:
        with shadows.telling(compare_one, compare_set):
            yield Shadowing.shadow
    finally:
        engine.__class__ = around
