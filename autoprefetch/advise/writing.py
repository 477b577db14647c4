"""Writing: the branches of a plan, and derived queries, as Python. Pure: values in, text out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, field
from typing import Any

from django.db.models import Manager, Model, OuterRef, Prefetch
from django.db.models.constants import LOOKUP_SEP

from autoprefetch.advise.chains import Chain
from autoprefetch.learn.profiles import Path, Span
from autoprefetch.plan.forms import target_of
from autoprefetch.plan.plans import Branch, Method
from autoprefetch.plan.relations import Kind, Relation


@dataclass(frozen=True, slots=True)
class Edit:
    """A second change that the first one needs, at another line.

    Attributes:
        place: the line and the function.
        replaces: the expression as it is written.
        code: what to write in its place.
        name: the attribute that the first change gives the instances; "" where the code needs none.
        receiver: the instance, as it is written.
        span: a part of the expression, such as the call that builds its queryset.
    """

    place: str
    replaces: str
    code: str
    name: str = ""
    receiver: str = ""
    span: Span = ()


@dataclass(frozen=True, slots=True)
class DerivedQuery:
    """A derived query whose source is known.

    Attributes:
        path: where it is.
        relation: the relation that it is derived from.
        chain: the expression that derives it.
        place: where it was touched first.
        is_ordered: whether its queryset has an ordering.
        below: what is joined to it.
        span: where it is built.
        again: where else its function asks it of the same rows, by the same expression.
    """

    path: Path
    relation: Relation
    chain: Chain
    place: str
    is_ordered: bool
    below: tuple[Branch, ...]
    span: Span = ()
    again: tuple[Span, ...] = ()


def quoted(text: str) -> str:
    """Write a string literal."""
    return f'"{text}"'


def _is_join(branch: Branch) -> bool:
    return branch.method is Method.JOIN or branch.advises_join


@dataclass(slots=True)
class Writer:
    """Writes code, and collects the imports that it needs.

    Attributes:
        names: what the module has bound.
        ordering: what the rows are ordered by because their model says so, which Django forgets where it groups them.
        loaded: the paths that are loaded ahead.
        imports: the import lines that the code needs.
        taken: the names of attributes that it gives the instances.
        is_grouped: whether it groups the rows.
        unwritten: why what is derived from each row cannot be written, as a sentence for each.
    """

    names: Mapping[str, Any]
    ordering: Sequence[Any] = ()
    loaded: Set[Path] = frozenset()
    imports: set[str] = field(default_factory=set)
    taken: set[str] = field(default_factory=set)
    is_grouped: bool = False
    unwritten: list[str] = field(default_factory=list)

    def methods(self, branches: Iterable[Branch], more: Iterable[str] = ()) -> list[str]:
        """Write the method calls that load branches of one level, and more prefetches."""
        branches = tuple(branches)
        joins, prefetches = self.joins(branches), [*self.prefetches(branches), *more]
        calls = [("select_related", list(map(quoted, joins))), ("prefetch_related", prefetches)]
        return [f".{name}({', '.join(arguments)})" for name, arguments in calls if arguments]

    def joins(self, branches: Iterable[Branch], prefix: str = "") -> list[str]:
        """Return the lookups for `select_related`, the longest of each chain."""
        lookups: list[str] = []
        for branch in branches:
            if branch.relation.is_to_many or not (_is_join(branch) or branch.method is Method.GIVEN):
                continue
            lookup = prefix + branch.relation.query_name
            below = self.joins(branch.below, lookup + LOOKUP_SEP)
            lookups += below or ([lookup] if _is_join(branch) else [])
        return lookups

    def prefetches(self, branches: Iterable[Branch], prefix: str = "") -> list[str]:
        """Write the arguments of `prefetch_related`, parents before children."""
        lookups: list[str] = []
        generic: dict[str, list[Branch]] = {}
        for branch in branches:
            lookup = prefix + branch.relation.name
            if branch.method is Method.LAZY:
                continue
            if branch.relation.kind is Kind.GENERIC_FOREIGN_KEY:
                generic.setdefault(lookup, []).append(branch)
                continue
            below = self.prefetches(branch.below, lookup + LOOKUP_SEP)
            lookups += (
                below if branch.method is Method.GIVEN or _is_join(branch) else self.prefetch(branch, lookup, below)
            )
        for lookup, variants in generic.items():
            lookups.append(self.generic(lookup, variants))
        return lookups

    def prefetch(self, branch: Branch, lookup: str, below: list[str]) -> list[str]:
        """Write the lookup of one prefetch with those below it; a longer lookup implies the shorter one."""
        joins = self.joins(branch.below)
        if not joins:
            return below or [quoted(lookup)]
        queryset = f"{self.base(branch)}.select_related({', '.join(map(quoted, joins))})"
        return [
            f"{self.imported('django.db.models', 'Prefetch', Prefetch)}({quoted(lookup)}, queryset={queryset})",
            *below,
        ]

    def generic(self, lookup: str, variants: Iterable[Branch]) -> str:
        """Write the lookup of a generic foreign key, with a queryset for each model that has something below it."""
        below = [(branch, "".join(self.methods(branch.below))) for branch in variants]
        querysets = [self.base(branch) + methods for branch, methods in below if methods]
        if not querysets:
            return quoted(lookup)
        name = self.imported("django.contrib.contenttypes.prefetch", "GenericPrefetch", None)
        return f"{name}({quoted(lookup)}, [{', '.join(querysets)}])"

    def base(self, branch: Branch) -> str:
        """Write the manager that Django starts from when it loads a relation."""
        return self.manager(branch.target, is_to_many=branch.relation.is_to_many)

    def manager(self, model: Any, *, is_to_many: bool) -> str:
        """Write the default manager of a model, or for a to-one relation its base manager."""
        default = model._default_manager
        if is_to_many or (type(default) is Manager and type(model._base_manager) is Manager):
            manager = default.name
        else:
            manager = model._meta.base_manager_name or "_base_manager"
        return f"{self.imported(model.__module__, model.__name__, model)}.{manager}"

    def imported(self, module: str, name: str, thing: type | None) -> str:
        """Return the name under which a thing can be used, importing it where the module has it not."""
        bound = self.names.get(name)
        if bound is not None and (bound is thing or thing is None):
            return name
        if name not in self.names:
            self.imports.add(f"from {module} import {name}")
            return name
        alias = f"{name}_"
        self.imports.add(f"from {module} import {name} as {alias}")
        return alias

    def leave(self, query: DerivedQuery, reason: str) -> None:
        """Take note that a derived query is not written, and why."""
        self.unwritten.append(f"{query.chain.text} at {query.place} stays as it is: {reason}.")

    def prefetched(self, query: DerivedQuery, model: type[Model]) -> Change:
        """Write a derived query as a prefetch to an attribute of its own."""
        owner = target_of(model, query.path[:-1]) or model
        name = free_name(owner, f"prefetched_{query.relation.name}", self.taken)
        lookup = LOOKUP_SEP.join((*query.path[:-1], query.relation.name))
        joins = self.joins(query.below)
        queryset = self.manager(query.relation.target, is_to_many=True)
        queryset += f".select_related({', '.join(map(quoted, joins))})" if joins else ""
        queryset += query.chain.tail
        access = f"{query.chain.receiver}.{name}"
        if query.chain.ending == "first":
            unordered = "" if query.chain.tail or joins else ".all()"  # a manager cannot be sliced
            queryset += (unordered if query.is_ordered else '.order_by("pk")') + "[:1]"
            access = f"next(iter({access}), None)"
        prefetch = self.imported("django.db.models", "Prefetch", Prefetch)
        code = f"{prefetch}({quoted(lookup)}, queryset={queryset}, to_attr={quoted(name)})"
        return Change(query.path, edits_of(query, access, name), prefetch=code)

    def of_loaded(self, query: DerivedQuery) -> Change | None:
        """Write `count()` or `exists()` of a set that is loaded anyway as what its rows tell; None where it is not."""
        name = query.relation.name
        if (*query.path[:-1], name) not in self.loaded or query.chain.tail not in ("", ".all()"):
            return None
        told = "len" if query.chain.ending == "count" else "bool"
        return Change(query.path, edits_of(query, f"{told}({query.chain.receiver}.{name}.all())", ""))

    def of_parent(self, known: Relation) -> str:
        """Write the rows that a reverse foreign key leads to, within a subquery of their parents."""
        [column] = known.known_columns
        foreign: Any = next(one for one in known.target._meta.concrete_fields if one.attname == column)  # type: ignore[union-attr]
        parent = "pk" if foreign.target_field.primary_key else foreign.target_field.attname
        outer = self.imported("django.db.models", "OuterRef", OuterRef)
        return f"{self.manager(known.target, is_to_many=True)}.filter({column}={outer}({quoted(parent)}))"

    def regrouped(self) -> list[str]:
        """Write the ordering of the model again where grouping would lose it (`Query.get_group_by`, Django 3.1 on)."""
        return [f".order_by({', '.join(map(quoted, self.ordering))})"] if self.is_grouped and self.ordering else []


@dataclass(frozen=True, slots=True)
class Change:
    """What the derived query of a path changes: an argument for `prefetch_related` or a method call, and its lines."""

    path: Path
    edits: tuple[Edit, ...]
    prefetch: str = ""
    method: str = ""


def edits_of(query: DerivedQuery, code: str, name: str) -> tuple[Edit, ...]:
    """Return the edits of the lines that ask a derived query of each row."""
    file, _, rest = query.place.rpartition(":")
    function = rest.partition(" ")[2]
    places = [query.place, *(f"{file}:{span[1]} {function}" for span in query.again if span)]
    spans = [query.span, *query.again]
    return tuple(
        Edit(place, query.chain.text, code, name, query.chain.receiver, span)
        for place, span in zip(places, spans, strict=True)
    )


def free_name(model: type[Model], name: str, taken: set[str]) -> str:
    """Return a name that neither the model nor another change has."""
    while hasattr(model, name) or name in taken:
        name += "_"
    taken.add(name)
    return name
