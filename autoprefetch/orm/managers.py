"""Hooks on related managers: a queryset that one builds knows its instance and its relation.

Every to-many accessor is a `ReverseManyToOneDescriptor` (reverse foreign keys, and as subclasses many-to-many and
generic relations), and each manager class that Django makes for one builds its querysets with `_apply_rel_filters`
(related_descriptors.py and contenttypes/fields.py, Django 5.2 to 6.1). Managers that are not what Django made are left
alone.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any
from weakref import ref

from django.db.models import Model
from django.db.models.fields.related_descriptors import ReverseManyToOneDescriptor

from autoprefetch.orm import states
from autoprefetch.orm.forms import loads_instances

ATTRIBUTE = "autoprefetch_derivation"
_MADE_BY_DJANGO = (
    "create_reverse_many_to_one_manager.<locals>.RelatedManager",
    "create_forward_many_to_many_manager.<locals>.ManyRelatedManager",
    "create_generic_related_manager.<locals>.GenericRelatedObjectManager",
)
_watched: set[type] = set()


class Derivation:
    """From which instance and relation a queryset was built, and how it looked then.

    It rides on the query like a mark, holds the instance weakly, and pickles and copies as None.
    """

    __slots__ = ("_instance", "name", "signature")

    def __init__(self, instance: Model, name: str, queryset: Any) -> None:
        self._instance = ref(instance)
        self.name = name
        self.signature = _signature(queryset)

    @property
    def instance(self) -> Any:
        """The instance whose manager built the queryset, or None when it is gone."""
        return self._instance()

    def is_live(self) -> bool:
        """Tell whether the instance is still there and still tracked."""
        instance = self._instance()
        return instance is not None and states.group_of(instance) is not None

    def is_whole(self, queryset: Any) -> bool:
        """Tell whether a queryset still asks for what `.all()` asks."""
        return loads_instances(queryset) and _signature(queryset) == self.signature

    def __reduce__(self) -> tuple[Any, ...]:
        return type(None), ()

    def __deepcopy__(self, memo: object) -> None:
        return None


def _signature(queryset: Any) -> tuple[Any, ...]:
    query = queryset.query
    return (
        len(query.where.children),
        query.where.connector,
        query.where.negated,
        query.low_mark,
        query.high_mark,
        query.order_by,
        query.extra_order_by,
        query.default_ordering,
        query.standard_ordering,
        query.distinct,
        query.combinator,
        query.select_for_update,
        query.deferred_loading,
        repr(query.select_related),
        tuple(query.annotations),
        tuple(query.extra),
        query.group_by,
        queryset._iterable_class,
        len(queryset._prefetch_related_lookups),
        queryset._db,
    )


def install() -> None:
    """Watch the managers that to-many accessors give."""
    plain = ReverseManyToOneDescriptor.__get__

    @wraps(plain)
    def get(self: Any, instance: Any, cls: Any = None) -> Any:
        manager = plain(self, instance, cls)
        if instance is not None and type(manager) not in _watched:
            _watch(type(manager), _accessor(self))
        return manager

    ReverseManyToOneDescriptor.__get__ = get  # type: ignore[method-assign]


def _accessor(descriptor: Any) -> str:
    """Return the attribute name of a to-many descriptor: the field's own, or the one that the relation gives behind."""
    is_behind = getattr(descriptor, "reverse", not descriptor.field.one_to_many)
    return str(descriptor.rel.get_accessor_name() if is_behind else descriptor.field.name)


def _watch(manager_class: Any, accessor: str) -> None:
    _watched.add(manager_class)
    if manager_class.__qualname__ in _MADE_BY_DJANGO:
        manager_class._apply_rel_filters = _deriving(manager_class._apply_rel_filters, accessor)


def _deriving(plain: Callable[[Any, Any], Any], accessor: str) -> Callable[[Any, Any], Any]:
    @wraps(plain)
    def apply_rel_filters(self: Any, queryset: Any) -> Any:
        found = plain(self, queryset)
        if states.group_of(self.instance) is not None and not found.query.is_empty():
            found.query.__dict__[ATTRIBUTE] = Derivation(self.instance, accessor, found)
        return found

    return apply_rel_filters
