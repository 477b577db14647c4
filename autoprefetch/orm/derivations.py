"""Derivations: from which instance, by which relation, a queryset was built.

Every to-many accessor is a `ReverseManyToOneDescriptor` (reverse foreign keys, and as subclasses many-to-many and
generic relations), and each manager class that Django makes for one builds its querysets with `_apply_rel_filters`
(related_descriptors.py and contenttypes/fields.py, Django 5.2 to 6.1). A derivation rides on the query like a mark, so
whatever the caller chains keeps it. Managers that are not what Django made are left alone.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache, wraps
from hashlib import blake2b
from typing import Any, cast
from weakref import ref

from django.db.models import Count, Model
from django.db.models.expressions import Col
from django.db.models.fields.related_descriptors import ReverseManyToOneDescriptor
from django.db.models.lookups import Exact
from django.db.models.sql import Query
from django.db.models.sql.where import AND

from autoprefetch.orm import caches, filters, states
from autoprefetch.orm.engine import Engine
from autoprefetch.orm.scopes import CHILD

ATTRIBUTE = "autoprefetch_derivation"
_MADE_BY_DJANGO = (
    "create_reverse_many_to_one_manager.<locals>.RelatedManager",
    "create_forward_many_to_many_manager.<locals>.ManyRelatedManager",
    "create_generic_related_manager.<locals>.GenericRelatedObjectManager",
)
_watched: set[type] = set()
_NONE: Mapping[str, Any] = {}


class Derivation:
    """From which instance and relation a queryset was built, and how it looked then.

    Attributes:
        name: the accessor.
        key_name: the attribute of the instance whose value the relation compares with.
        node: the lookup of the where tree that compares it; None where it is not one plain comparison.
        built: where the application built it, as far as that was looked up.

    It holds the instance weakly, and pickles and copies as None.
    """

    __slots__ = ("_instance", "_query", "built", "key_name", "name", "node")

    def __init__(self, instance: Model, name: str, key_name: str, node: Any, query: Any) -> None:
        self._instance = ref(instance)
        self.name = name
        self.key_name = key_name
        self.node = node
        self._query = ref(query)
        self.built = states.group_of(instance).building(name)

    @property
    def key(self) -> Any:
        """The parent's key as the queryset compares it, whatever has become of the instance since."""
        return self.node.rhs

    @property
    def instance(self) -> Any:
        """The instance whose manager built the queryset, or None when it is gone."""
        return self._instance()

    def is_live(self) -> bool:
        """Tell whether the instance is still there and still tracked."""
        instance = self._instance()
        return instance is not None and states.group_of(instance) is not None

    def step(self, queryset: Any) -> str:
        """Return the step that a queryset of instances takes: the accessor for `.all()`, else with its shape."""
        # Every method clones the query, so it is the manager's own only in what `.all()` returns.
        is_whole = self._query() is queryset.query and "." not in self.name
        return self.name if is_whole else self.step_of(queryset.query)

    def step_of(self, query: Any) -> str:
        """Return the step of a path that a derived query takes: the accessor, with its shape in brackets."""
        return f"{self.name}({_shape_name(_outline(query, self.node))})"

    def __reduce__(self) -> tuple[Any, ...]:
        return type(None), ()

    def __deepcopy__(self, memo: object) -> None:
        return None


@lru_cache(4096)
def _shape_name(outline: tuple[Any, ...]) -> str:
    """Return a short name for an outline, the same in every process."""
    return blake2b(repr(outline).encode(), digest_size=4).hexdigest()


def _outline(query: Any, node: Any = None) -> tuple[Any, ...]:
    """Return what the caller has made of a query, but for the parent and the values that it compares with."""
    return (
        tuple(_clause(child) for child in query.where.children if child is not node),
        query.where.connector,
        query.low_mark,
        query.high_mark,
        tuple(map(str, query.order_by)),
        tuple(query.extra_order_by),
        query.default_ordering,
        query.standard_ordering,
        query.distinct,
        query.distinct_fields,
        query.combinator,
        query.select_for_update,
        tuple(sorted(query.deferred_loading[0])),
        query.deferred_loading[1],
        str(query.select_related),
        tuple(query.annotations),
        tuple(query.extra),
        query.values_select,
    )


def recognised(query: Any, holder: Callable[[type[Model], Any, Any], tuple[Any, str] | None]) -> Derivation | None:
    """Return the derivation of a query that compares with the key of a tracked instance by a filter of its own.

    Args:
        query: it has no derivation.
        holder: finds the one tracked instance that a comparison of a model's field with a value means, and its
            attribute.
    """
    if type(query) is not Query or query.where.connector != AND or query.where.negated or not query.alias_map:
        return None
    table, model = query.get_initial_alias(), cast("type[Model]", query.model)
    found = []
    for child in query.where.children:
        if isinstance(child, Exact) and isinstance(child.lhs, Col) and child.lhs.alias == table:
            held = holder(model, child.lhs.target, child.rhs)
            if held is not None:
                found.append((child, *held))
    if len(found) != 1:
        return None
    node, instance, key_name = found[0]
    return Derivation(instance, f"{model._meta.label}.{node.lhs.target.name}", key_name, node, query)


def shape_of_chain(queryset: Any, ending: str, aggregates: Mapping[str, Any] = _NONE) -> str:
    """Return the name of the shape that a queryset has when it is consumed by a method.

    Args:
        queryset: what the application's methods make of the model's default manager.
        ending: "aggregate", "count", "exists", or "" for its instances.
        aggregates: what is aggregated.
    """
    query = queryset.query.chain()
    if ending == "exists":
        query = query.exists()
    elif ending in ("aggregate", "count"):
        # What `Query.get_aggregation` leaves of a query that needs no subquery.
        query.clear_ordering(force=True)
        for alias, aggregate in (aggregates or {"__count": Count("*")}).items():
            query.add_annotation(aggregate, alias)
        query.select_related = False
    return _shape_name(_outline(query))


def _clause(child: Any) -> Any:
    if hasattr(child, "children"):
        return child.connector, child.negated, tuple(map(_clause, child.children))
    return type(child).__name__, str(getattr(child, "lhs", ""))


def install(engine: Engine) -> None:
    """Watch the managers that to-many accessors give."""
    plain = ReverseManyToOneDescriptor.__get__

    @wraps(plain)
    def get(self: Any, instance: Any, cls: Any = None) -> Any:
        manager = plain(self, instance, cls)
        if instance is not None and type(manager) not in _watched:
            _watch(type(manager), _accessor(self), engine)
        return manager

    ReverseManyToOneDescriptor.__get__ = get  # type: ignore[method-assign]


def _accessor(descriptor: Any) -> str:
    """Return the attribute name of a to-many descriptor: the field's own, or the one that the relation gives behind."""
    is_behind = getattr(descriptor, "reverse", not descriptor.field.one_to_many)
    return str(descriptor.rel.get_accessor_name() if is_behind else descriptor.field.name)


def _watch(manager_class: Any, accessor: str, engine: Engine) -> None:
    _watched.add(manager_class)
    if manager_class.__qualname__ not in _MADE_BY_DJANGO:
        return
    manager_class._apply_rel_filters = _deriving(manager_class._apply_rel_filters, accessor, engine)
    manager_class.get_queryset = _deriving_from_cache(manager_class.get_queryset, accessor, engine)
    if "constrained_target" in manager_class.__dict__:
        # count() and exists() of a many-to-many may ask the through table alone.
        manager_class.constrained_target = property(
            _constraining(manager_class.constrained_target.fget, accessor, engine)
        )


def _deriving(plain: Callable[[Any, Any], Any], accessor: str, engine: Engine) -> Callable[[Any, Any], Any]:
    @wraps(plain)
    def apply_rel_filters(self: Any, queryset: Any) -> Any:
        return _derived(self, accessor, plain(self, queryset), engine)

    return apply_rel_filters


def _deriving_from_cache(plain: Callable[[Any], Any], accessor: str, engine: Engine) -> Callable[[Any], Any]:
    # A prefetched set was built before its parent was tracked; what is chained from it is a derived query all the same.
    @wraps(plain)
    def get_queryset(self: Any) -> Any:
        if states.group_of(self.instance) is not None and (queryset := _repeated(self, accessor, engine)) is not None:
            return queryset
        queryset = plain(self)
        if _is_stale(queryset, self.instance, engine):
            self._remove_prefetched_objects()  # plain Django asks again each time, and so sees the write
            queryset = plain(self)
        return queryset if queryset._query.__dict__.get(ATTRIBUTE) else _derived(self, accessor, queryset, engine)

    return get_queryset


def _repeated(manager: Any, accessor: str, engine: Engine) -> Any:
    """Return the queryset of a tracked instance's manager as it was built for a peer, or None."""
    try:
        queryset = filters.repeated(manager)
        if queryset is not None:
            query = queryset._query
            key_name = manager.instance._meta.pk.attname
            query.__dict__[ATTRIBUTE] = Derivation(manager.instance, accessor, key_name, query.where.children[0], query)
    except Exception as fault:
        engine.faulted(manager.instance, fault)
        return None
    return queryset


def _is_stale(queryset: Any, instance: Any, engine: Engine) -> bool:
    """Tell whether a prefetched set of an instance must not be used any more, as it must not where nobody can tell."""
    try:
        return not caches.handed_out(queryset)
    except Exception as fault:
        engine.faulted(instance, fault)
        return True


def _constraining(plain: Callable[[Any], Any], accessor: str, engine: Engine) -> Callable[[Any], Any]:
    @wraps(plain)
    def constrained_target(self: Any) -> Any:
        found = plain(self)
        return found if found is None else _derived(self, accessor, found, engine)

    return constrained_target


def _derived(manager: Any, accessor: str, queryset: Any, engine: Engine) -> Any:
    instance = manager.instance
    if states.group_of(instance) is None:
        queryset._query.__dict__[CHILD] = True
        return queryset
    try:
        filters.run(manager, queryset)
        if not queryset.query.is_empty():
            key_name, field = _key(manager)
            node = _node(queryset.query, field) if key_name else None
            queryset.query.__dict__[ATTRIBUTE] = Derivation(instance, accessor, key_name, node, queryset.query)
    except Exception as fault:
        engine.faulted(instance, fault)
    return queryset


def _key(manager: Any) -> tuple[str, Any]:
    """Return the attribute of the parent that a manager compares with, and the field that it is compared to."""
    if hasattr(manager, "through"):
        field = manager.source_field
        return _single_attname(field), field
    if hasattr(manager, "object_id_field_name"):
        return manager.instance._meta.pk.attname, manager.model._meta.get_field(manager.object_id_field_name)
    return _single_attname(manager.field), manager.field


def _single_attname(field: Any) -> str:
    fields = field.foreign_related_fields
    return str(fields[0].attname) if len(fields) == 1 else ""


def _node(query: Any, field: Any) -> Any:
    """Find the one comparison of a where tree that a related manager has added."""
    nodes = [
        child
        for child in query.where.children
        if isinstance(child, Exact) and isinstance(child.lhs, Col) and child.lhs.target == field
    ]
    return nodes[-1] if nodes else None
