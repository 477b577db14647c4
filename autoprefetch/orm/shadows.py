"""What plain Django answers, for `autoprefetch.testing` to compare with: the same queries run again, past the engine.

Whoever asks here has switched autoprefetch off for the time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from itertools import chain
from typing import Any

from django.apps import apps
from django.core.exceptions import ObjectDoesNotExist
from django.db import connections
from django.db.models import Model
from django.db.models.base import ModelState
from django.db.models.fields.related_descriptors import ForwardManyToOneDescriptor, ReverseOneToOneDescriptor
from django.db.models.functions import Random
from django.db.models.query import RawQuerySet
from django.db.models.sql.constants import SINGLE

from autoprefetch.orm import caches, derivations, forms, marks
from autoprefetch.orm.marks import AnyQuerySet

Told = Callable[[Model, str, "Model | None"], None]


def may_repeat(queryset: AnyQuerySet) -> bool:
    """Tell whether a queryset may be run once more, and gives the same then: it locks nothing, and is not random."""
    if isinstance(queryset, RawQuerySet):  # it may be anything, `INSERT ... RETURNING` too
        return False
    return may_repeat_query(queryset.query)


def may_repeat_query(query: Any) -> bool:
    """Tell the same of the query of a queryset."""
    is_random = "?" in query.order_by or any(isinstance(found, Random) for found in forms.expressions_of(query))
    return not query.select_for_update and not is_random


def plain_rows(queryset: AnyQuerySet) -> list[Any]:
    """Return the rows that plain Django gives for a queryset now, without what it prefetches."""
    plain = marks.unmarked(queryset)
    plain._prefetch_related_lookups = ()
    marks.query_state(plain).pop(derivations.ATTRIBUTE, None)
    plain._fetch_all()
    return marks.rows_of(plain)


def plain_answer(compiler: Any, result_type: str) -> list[Any]:
    """Return the raw rows that plain Django gives for a statement now; one or none where a single row is asked for."""
    query = compiler.query.chain()
    query.__dict__.pop(derivations.ATTRIBUTE, None)
    return rows_of_answer(query.get_compiler(compiler.using).execute_sql(result_type), result_type)


def rows_of_answer(answer: Any, result_type: str) -> list[Any]:
    """Return the raw rows of what `execute_sql` gave; an answer from a batch can be asked again."""
    if result_type == SINGLE:
        return [] if answer is None else [answer]
    return list(chain.from_iterable(answer or ()))


def plain_one(instance: Model, name: str) -> Model | None:
    """Return what plain Django loads for a to-one relation of an instance now; None where there is nothing."""
    try:
        found: Model | None = getattr(_twin(instance), name)
    except ObjectDoesNotExist:
        return None
    return found


def plain_column(instance: Model, attname: str) -> Any:
    """Return what plain Django loads for a deferred column of an instance now."""
    twin = _twin(instance)
    twin.__dict__.pop(attname, None)
    return getattr(twin, attname)


def _twin(instance: Model) -> Model:
    """Return an instance of the same row that has loaded nothing and belongs to no peers.

    Not by `copy()`, which Django does by name: it fails for models that are in no registry.
    """
    twin = type(instance).__new__(type(instance))
    twin.__dict__.update(instance.__dict__)
    twin.__dict__.pop("_prefetched_objects_cache", None)
    twin._state = ModelState()
    twin._state.db, twin._state.adding = instance._state.db, instance._state.adding
    return twin


@contextmanager
def unlogged() -> Iterator[None]:
    """Leave what runs inside the block out of the logs that `assertNumQueries` and its like count."""
    before = [(connection, len(connection.queries_log)) for connection in connections.all(initialized_only=True)]
    try:
        yield
    finally:
        for connection, length in before:
            while len(connection.queries_log) > length:
                connection.queries_log.pop()


def derivation_of(queryset: AnyQuerySet) -> Any:
    """Return from where a queryset of a related manager was built, or None."""
    return marks.query_state(queryset).get(derivations.ATTRIBUTE)


@contextmanager
def telling(of_one: Told, of_set: Callable[[AnyQuerySet], None]) -> Iterator[None]:
    """Have it told when what was loaded ahead is first used.

    Args:
        of_one: called with the instance, the relation's name and the related instance, after the access.
        of_set: called with the set, when its rows are read.
    """
    accessors: list[tuple[Any, Callable[[Any], str]]] = [
        (ForwardManyToOneDescriptor, lambda descriptor: descriptor.field.name),
        (ReverseOneToOneDescriptor, lambda descriptor: descriptor.related.get_accessor_name()),
    ]
    if apps.is_installed("django.contrib.contenttypes"):
        from django.contrib.contenttypes import fields  # noqa: PLC0415  (needs the app)

        # Up to Django 6.0 the field is the descriptor itself.
        generic = getattr(fields, "GenericForeignKeyDescriptor", fields.GenericForeignKey)
        accessors.append((generic, lambda descriptor: getattr(descriptor, "field", descriptor).name))
    before = [(descriptor, descriptor.__get__) for descriptor, _ in accessors]
    for descriptor, name_of in accessors:
        descriptor.__get__ = _accessing(descriptor.__get__, name_of, of_one)
    caches.told_of_sets.append(of_set)
    try:
        yield
    finally:
        caches.told_of_sets.remove(of_set)
        for descriptor, plain in before:
            descriptor.__get__ = plain


def _accessing(plain: Callable[..., Any], name_of: Callable[[Any], str], of_one: Told) -> Callable[..., Any]:
    @wraps(plain)
    def get(self: Any, instance: Any, cls: Any = None) -> Any:
        # The name is the key of the cache, too (`get_cache_name`, related_descriptors.py and fields/mixins.py).
        if instance is None or not caches.waits(instance, name := name_of(self)):
            return plain(self, instance, cls)
        try:
            found = plain(self, instance, cls)
        except ObjectDoesNotExist:
            of_one(instance, name, None)
            raise
        of_one(instance, name, found)
        return found

    return get
