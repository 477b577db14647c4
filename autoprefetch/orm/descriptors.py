"""Hooks on to-one relations and deferred columns: where one instance loads one thing lazily.

Django 6.1 has an official place, the fetch mode of an instance. On 5.2 and 6.0 the loading methods of the descriptors
are wrapped; they run only when nothing is cached, so an access that is answered from a cache pays nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.apps import apps
from django.db.models import Model
from django.db.models.fields.related_descriptors import ForwardManyToOneDescriptor, ReverseOneToOneDescriptor
from django.db.models.query_utils import DeferredAttribute
from wrapt import wrap_function_wrapper

from autoprefetch.orm import states
from autoprefetch.orm.engine import Engine


def install(engine: Engine) -> None:
    """Hook the loading of to-one relations and deferred columns."""
    if states.TRACKED is not None:
        states.TRACKED.engine = engine
        return
    wrap_function_wrapper(ForwardManyToOneDescriptor, "get_object", _loading_forward(engine))
    wrap_function_wrapper(DeferredAttribute, "_check_parent_chain", _loading_column(engine))
    model: Any = Model
    model.refresh_from_db = _refreshing(model.refresh_from_db)
    # Python calls `__get__` by its slot, past the binding that wrapt wraps, so these two are closures.
    _replace_get(ReverseOneToOneDescriptor, _loading_reverse, engine)
    if apps.is_installed("django.contrib.contenttypes"):
        from django.contrib.contenttypes.fields import GenericForeignKey  # noqa: PLC0415  (needs the app)

        _replace_get(GenericForeignKey, _loading_generic, engine)


def _replace_get(descriptor: Any, loading: Callable[[Any, Engine], Any], engine: Engine) -> None:
    descriptor.__get__ = wraps(descriptor.__get__)(loading(descriptor.__get__, engine))


def _loading_forward(engine: Engine) -> Callable[..., Any]:
    def get_object(wrapped: Callable[..., Any], descriptor: Any, args: Any, kwargs: Any) -> Any:
        instance: Model = args[0] if args else kwargs["instance"]
        if states.group_of(instance) is None:
            return wrapped(instance)
        return engine.load_one(instance, descriptor.field.name, lambda: wrapped(instance))

    return get_object


def _loading_reverse(plain: Callable[..., Any], engine: Engine) -> Callable[..., Any]:
    # Django 5.2 and 6.0 load a reverse one-to-one in `__get__` itself.
    def get(self: Any, instance: Any, cls: Any = None) -> Any:
        if (
            instance is None
            or states.group_of(instance) is None
            or self.related.is_cached(instance)
            or not instance._is_pk_set()
        ):
            return plain(self, instance, cls)
        engine.load_one(instance, self.related.get_accessor_name(), lambda: plain(self, instance, cls))
        return plain(self, instance, cls)

    return get


def _loading_generic(plain: Callable[..., Any], engine: Engine) -> Callable[..., Any]:
    # Django 5.2 and 6.0 load a generic foreign key in `__get__` itself; without a content type there is no query.
    def get(self: Any, instance: Any, cls: Any = None) -> Any:
        if (
            instance is None
            or states.group_of(instance) is None
            or self.is_cached(instance)
            or states.is_empty_generic(self, instance)
        ):
            return plain(self, instance, cls)
        return engine.load_one(instance, self.name, lambda: plain(self, instance, cls))

    return get


def _loading_column(engine: Engine) -> Callable[..., Any]:
    # Called by `DeferredAttribute.__get__` when the column is not there, and answers None when a query has to.
    def check_parent_chain(wrapped: Callable[..., Any], attribute: Any, args: Any, kwargs: Any) -> Any:
        value = wrapped(*args, **kwargs)
        instance, attname = args[0], attribute.field.attname
        if value is None and states.group_of(instance) is not None and engine.load_column(instance, attname):
            value = instance.__dict__[attname]
            if value is None:
                instance._state.autoprefetch_null = attname
        return value

    return check_parent_chain


def _refreshing(plain: Callable[..., Any]) -> Callable[..., Any]:
    # A column that is NULL looks to `DeferredAttribute.__get__` as if it were still to be loaded, so it goes on here.
    @wraps(plain)
    def refresh_from_db(self: Any, using: Any = None, fields: Any = None, from_queryset: Any = None) -> Any:
        if fields is not None and self._state.__dict__.pop("autoprefetch_null", None) in fields:
            return None
        return plain(self, using, fields, from_queryset)

    return refresh_from_db
