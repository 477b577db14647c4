"""`auto()` and the transparent proxy that it returns."""

from __future__ import annotations

import copy
import sys
from collections.abc import Callable, Sequence
from types import FrameType
from typing import Any, TypeVar, overload

import wrapt
from django.db.models import Manager, Model, QuerySet
from django.db.models.manager import BaseManager
from django.db.models.query import RawQuerySet

from autoprefetch import conf
from autoprefetch.evaluation import install
from autoprefetch.faults import shielded
from autoprefetch.observe.callsites import location_of
from autoprefetch.observe.marks import Mark, mark_of
from autoprefetch.orm import marks
from autoprefetch.plan.relations import unknown_in

ModelT = TypeVar("ModelT", bound=Model)
QuerySetT = TypeVar("QuerySetT", bound="QuerySet[Any] | RawQuerySet[Any]")


# Generic in the stubs of wrapt 2, not in the class of wrapt 1.
_ObjectProxy: Any = wrapt.ObjectProxy


class AutoQuerySet(_ObjectProxy):  # type: ignore[misc]
    """A queryset that is automatic, in every other way the queryset itself.

    The mark that makes it automatic rides on the wrapped queryset, so what is chained from it is automatic too and
    needs no proxy. A pickle of it is a pickle of the wrapped queryset.
    """

    def __repr__(self) -> str:
        return repr(self.__wrapped__)

    # Combining gives a new queryset, as from the wrapped one; wrapt would change this proxy in place.

    def __ior__(self, other: Any) -> Any:
        return self.__wrapped__ | other

    def __iand__(self, other: Any) -> Any:
        return self.__wrapped__ & other

    def __ixor__(self, other: Any) -> Any:
        return self.__wrapped__ ^ other

    def __aiter__(self) -> Any:
        return self.__wrapped__.__aiter__()

    def __copy__(self) -> AutoQuerySet:
        return type(self)(copy.copy(self.__wrapped__))

    def __deepcopy__(self, memo: dict[int, Any]) -> AutoQuerySet:
        return type(self)(copy.deepcopy(self.__wrapped__, memo))

    def __reduce__(self) -> Any:
        return self.__reduce_ex__(4)

    def __reduce_ex__(self, protocol: Any) -> Any:
        return self.__wrapped__.__reduce_ex__(protocol)


@overload
def auto(source: type[ModelT], *, name: str | None = None, ignore: Sequence[str] = ()) -> QuerySet[ModelT]: ...
@overload
def auto(source: Manager[ModelT], *, name: str | None = None, ignore: Sequence[str] = ()) -> QuerySet[ModelT]: ...
@overload
def auto(source: QuerySetT, *, name: str | None = None, ignore: Sequence[str] = ()) -> QuerySetT: ...


def auto(
    source: Any,
    *,
    name: str | None = None,
    ignore: Sequence[str] = (),
    _getframe: Callable[[int], FrameType] = sys._getframe,
) -> Any:
    """Make a queryset automatic: what its call site loads lazily is learned, and loaded ahead from then on.

    Args:
        source: a queryset (also a raw one), a manager, or a model class. A queryset that is automatic already is
            returned as it is.
        name: a stable name for the call site, for code that is generated or moved about; call sites of the same name
            and model share what they learn.
        ignore: relations to leave lazy, as lookups such as `"owner"` or `"owner__department"`.

    Returns:
        a transparent proxy of the queryset; with `MODE` "off" the queryset itself (`.all()` of a manager or model).

    Raises:
        TypeError: `source`, `name` or `ignore` is of a type that is not accepted.
        ValueError: `ignore` names a relation that the model does not have.
    """
    if type(source) is AutoQuerySet and name is None and not ignore:
        return source
    queryset, manager = _queryset(source)
    if conf.current().mode == "off":
        return queryset
    _check_name(name)
    ignored = _checked_ignore(ignore, queryset.model)
    with shielded(None, None):
        if mark_of(queryset) is not None and name is None and not ignored:
            return AutoQuerySet(queryset)
        mark = Mark(location_of(_getframe(1)), name, ignored, manager)
        install()
        return AutoQuerySet(marks.marked(queryset, mark))
    return queryset  # a fault, see `shielded`


def _queryset(source: Any) -> tuple[Any, str]:
    """Return the queryset that a source stands for, and the name of its manager if it is a model class."""
    if type(source) is AutoQuerySet:
        return source.__wrapped__, ""
    if isinstance(source, (QuerySet, RawQuerySet)):
        return source, ""
    if isinstance(source, BaseManager):
        return source.all(), ""
    if isinstance(source, type) and issubclass(source, Model) and source is not Model:
        if source._meta.abstract:
            msg = f"auto() was given the abstract model {source.__name__}. Pass a model that has a table."
            raise TypeError(msg)
        return source._default_manager.all(), source._default_manager.name
    given = f"the class {source.__name__}" if isinstance(source, type) else f"{_with_article(type(source).__name__)}"
    msg = f"auto() was given {given}. Pass a QuerySet, a RawQuerySet, a manager or a model class."
    raise TypeError(msg)


def _with_article(name: str) -> str:
    return name if name == "NoneType" else f"{'an' if name[0] in 'aeiouAEIOU' else 'a'} {name}"


def _check_name(name: object) -> None:
    if name is not None and (not isinstance(name, str) or not name):
        msg = f"auto() was given name={name!r}. Pass a string that is not empty, or leave it out."
        raise TypeError(msg)


def _checked_ignore(ignore: Any, model: type[Model]) -> tuple[str, ...]:
    if not isinstance(ignore, (list, tuple, set, frozenset)) or not all(isinstance(lookup, str) for lookup in ignore):
        msg = f'auto() was given ignore={ignore!r}. Pass a tuple of lookups, for example ("owner",).'
        raise TypeError(msg)
    for lookup in ignore:
        if unknown := unknown_in(model, lookup):
            msg = f"auto() was given ignore={ignore!r}. {unknown}"
            raise ValueError(msg)
    return tuple(ignore)
