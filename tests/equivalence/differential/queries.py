"""Querysets at random, as source: what is chained, and what consumes them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from hypothesis import strategies as st

from tests.equivalence.differential import schema
from tests.equivalence.differential.schema import Link, Model
from tests.library.models import (
    Author,
    Book,
    Category,
    Comment,
    Contribution,
    Copy,
    Loan,
    Membership,
    Publisher,
    Reader,
)

T = TypeVar("T")
Row = tuple[str, Model]

_OTHER_KEYS = (Reader, Membership, Contribution)
_FAVOURITES = (Book, Author, Copy, Comment, Category, Publisher)


@dataclass(frozen=True)
class Query:
    """A queryset, as source.

    Attributes:
        text: the source.
        model: the model of its rows.
        is_total: whether its ordering leaves no choice.
        is_sliced: whether it may not be filtered any more.
        gives_rows: whether it gives instances.
    """

    text: str
    model: Model
    is_total: bool
    is_sliced: bool = False
    gives_rows: bool = True

    def then(self, text: str, **changes: Any) -> Query:
        return replace(self, text=self.text + text, **changes)

    @property
    def rows(self) -> str:
        """Its rows in an order that is the same in every run."""
        return self.text if self.is_total else f"by_key({self.text})"

    @property
    def values(self) -> str:
        return self.text if self.is_total else f"any_order({self.text})"


class Composer:
    """Draws what a program says.

    Args:
        draw: that of a composite strategy.
    """

    def __init__(self, draw: Callable[[Any], Any]) -> None:
        self.draw = draw
        self.seen: list[Model] = []  # what the program has read so far
        self.focus: list[Model] = []

    def choose(self, options: Sequence[T]) -> T:
        found: T = self.draw(st.sampled_from(options))
        return found

    def number(self, least: int, most: int) -> int:
        found: int = self.draw(st.integers(least, most))
        return found

    def chance(self, one_in: int) -> bool:
        return self.number(0, one_in - 1) == one_in - 1

    # The models that it is about

    def concentrate(self, about: Sequence[Model]) -> None:
        """Draw a few models that the program keeps to, so that it writes to what it reads; or let it use all."""
        self.focus = list(about)
        if about or self.chance(3):
            return
        model = self.choose(_FAVOURITES if self.chance(2) else schema.ROOTS)
        self.focus = [model]
        for _ in range(self.number(1, 3)):
            model = self.choose(self.focus)
            near = [link.target for link in (*schema.to_one(model), *schema.to_many(model)) if link.target is not None]
            self.focus += [self.choose(near)] if near else []

    def to_one(self, model: Model) -> Sequence[Link]:
        return self.near(schema.to_one(model))

    def to_many(self, model: Model) -> Sequence[Link]:
        return self.near(schema.to_many(model))

    def near(self, links: Sequence[Link]) -> Sequence[Link]:
        return [link for link in links if not self.focus or link.target is None or link.target in self.focus]

    # Querysets

    def root(self, model: Model) -> Query:
        """Draw the start of a root queryset."""
        if model is Loan and self.chance(2):
            return Query("Loan._base_manager", model, is_total=False)
        return Query(f"{model.__name__}.objects", model, schema.is_ordered_totally(model))

    def related(self, name: str, link: Link) -> Query:
        """Draw the queryset of a to-many relation of a row."""
        assert link.target is not None
        self.seen.append(link.target)
        return Query(f"{name}.{link.name}", link.target, schema.is_ordered_totally(link.target))

    def chained(self, query: Query, scope: Sequence[Row], most: int = 3) -> Query:
        """Chain up to so many methods to a queryset, or to a manager, and make it a queryset in any case."""
        steps = self.number(0, most)
        if not steps or query.model is Membership:
            return query.then(".all()")
        for _ in range(steps):
            if query.is_sliced:
                break
            query = self.choose(METHODS)(self, query, scope)
        return query

    def narrowed(self, query: Query, scope: Sequence[Row]) -> Query:
        """Chain a filter."""
        column = self.choose(schema.columns(query.model) or (None,))
        if column is None:
            return self.by_key(query, scope)
        ending = self.choose(("", "__lte", "__gte", "__in"))
        literal = self.choose(column.literals)
        value = f"[{literal}, {column.literals[0]}]" if ending == "__in" else literal
        same = [f"{name}.{column.name}" for name, model in scope if model is query.model]
        if column.literals[0] == "0":
            same += [f"{name}.pk" for name, model in scope if model not in _OTHER_KEYS]
        if same and self.chance(2):
            ending, value = self.choose(("__gte", "__lt", "")), self.choose(same)
        return query.then(f".{self.choose(('filter', 'filter', 'exclude'))}({column.name}{ending}={value})")

    def by_key(self, query: Query, scope: Sequence[Row]) -> Query:
        if query.model in _OTHER_KEYS:
            return query.then(".all()")
        held = [name for name, model in scope if model not in _OTHER_KEYS]
        if held and self.chance(2):
            ending = self.choose(("", "__gte", "__lte"))
            return query.then(f".{self.choose(('exclude', 'filter'))}(pk{ending}={self.choose(held)}.pk)")
        return query.then(self.choose((".filter(pk__gte=2)", ".filter(pk__in=[1, 2, 4])", ".exclude(pk=2)")))

    def either(self, query: Query, scope: Sequence[Row]) -> Query:
        column = self.choose(schema.columns(query.model) or (None,))
        if column is None:
            return self.by_key(query, scope)
        one = f"Q({column.name}={self.choose(column.literals)})"
        link = self.choose([link for link in self.to_one(query.model) if link.query_name] or [None])
        other = f"Q({link.query_name}__isnull=True)" if link else f"Q({column.name}__gte={column.literals[1]})"
        return query.then(f".filter({one} {self.choose('|&')} {other})")

    def across(self, query: Query, scope: Sequence[Row]) -> Query:
        """Chain a filter that joins."""
        links = [link for link in (*self.to_one(query.model), *self.to_many(query.model)) if link.query_name]
        if not links:
            return self.narrowed(query, scope)
        link = self.choose(links)
        column = self.choose((None, *schema.columns(link.target)))
        ending = f"__{column.name}={self.choose(column.literals)}" if column else "__isnull=False"
        query = query.then(f".{self.choose(('filter', 'filter', 'exclude'))}({link.query_name}{ending})")
        return query.then(".distinct()") if self.chance(4) else query

    def ordered(self, query: Query, scope: Sequence[Row]) -> Query:
        keys = [column.name for column in schema.columns(query.model)]
        keys += [
            f"{link.query_name}__{schema.columns(link.target)[0].name}"
            for link in self.to_one(query.model)
            if link.query_name and schema.columns(link.target)
        ]
        sign, key = self.choose(("-", "-", "")), self.choose(keys or ["pk"])
        if key == "pk" or self.chance(4):
            return query.then(f'.order_by("{sign}pk")', is_total=True)
        if self.chance(3):
            return query.then(f'.order_by("{sign}{key}")', is_total=False)
        return query.then(f'.order_by("{sign}{key}", "{self.choose(("", "-"))}pk")', is_total=True)

    def sliced(self, query: Query, scope: Sequence[Row]) -> Query:
        if query.text.endswith(("objects", "manager")) or not query.text.endswith((")",)):
            query = query.then(".all()")
        return query.then(self.choose(("[:2]", "[:1]", "[1:3]", "[1:]", "[:3]")), is_sliced=True)

    def along(self, query: Query, scope: Sequence[Row]) -> Query:
        """Chain what the caller loads along."""
        ones = [link for link in self.to_one(query.model) if link.query_name]
        many = self.to_many(query.model)
        if ones and self.chance(2):
            return query.then(f'.select_related("{self.choose(ones).query_name}")')
        links = [link for link in (*self.to_one(query.model), *many) if link.name]
        if not links:
            return query.then(".all()")
        return query.then(f'.prefetch_related("{self.choose(links).name}")')

    def partly(self, query: Query, scope: Sequence[Row]) -> Query:
        names = [column.name for column in schema.columns(query.model)]
        if not names or query.model is Loan:  # its manager joins what `only()` would leave out
            return query.then(".all()")
        return query.then(f'.{self.choose(("only", "defer"))}("{self.choose(names)}")')

    def annotated(self, query: Query, scope: Sequence[Row]) -> Query:
        many = [link for link in self.to_many(query.model) if link.query_name]
        if not many or "annotate" in query.text:
            return query.then(".reverse()")
        text = f'.annotate(n=Count("{self.choose(many).query_name}"))'
        query = query.then(text, is_total=query.is_total and "order_by" in query.text)
        return query.then(".filter(n__gte=1)") if self.chance(3) else query

    # What consumes them

    def consumed(self, query: Query, scope: Sequence[Row]) -> str:
        """Return an expression that shows what a queryset gives."""
        column = self.choose(schema.columns(query.model) or (None,))
        name = column.name if column else "pk"
        if query.model in (Membership, Contribution):
            return self.choose((query.values, f"{query.text}.count()", f"{query.text}.exists()"))
        literal = column.literals[1] if column else "2"
        options = (
            query.values,
            query.values,
            f"{query.text}.count()",
            f"{query.text}.exists()",
            f"{query.text}.first()",
            f"{query.text}.last()",
            f"len({query.text})",
            f"bool({query.text})",
            f"{query.text}.latest('{name}', 'pk')",
            f"{query.text}.earliest('{name}')",
            f"{query.text}.get()",
            f"{query.text}.get({name}={literal})",
            f"{query.text}[0]",
            f"{query.then(f'.values_list({name!r}, flat=True)').values}",
            query.then(f".values_list({name!r}, 'pk')").values,
            f"{query.then(f'.values({name!r})').values}",
            f"{query.text}.aggregate(n=Count('pk'), m=Max('{name}'))",
            f"{query.text}.aggregate(m=Min('{name}'))",
            f"any_order({query.text}.in_bulk().items())",
            f"{query.then('.iterator()').values}",
            f"{query.then('.iterator(chunk_size=2)').values}",
            f"[odd(row) for row in {query.rows}]",
            f"awaited({query.text}.acount)",
            f"awaited({query.text}.aexists)",
            f"awaited({query.text}.alast)",
            f"awaited({query.text}.aget, {name}={literal})",
            f"any_order(arows({query.text}))",
            *(f"{query.text}.contains({row})" for row, model in scope if model is query.model),
        )
        return self.choose(options)

    def path(self, row: Row, most: int = 3) -> str:
        """Return an expression that follows to-one relations from a row."""
        text, model = row
        target: Model | None = model
        for _ in range(self.number(1, most)):
            links = self.to_one(target) if target is not None else ()
            if not links:
                break
            link = self.choose(links)
            text, target = f"{text}.{link.name}", link.target
            if target is not None:
                self.seen.append(target)
        return text


METHODS: tuple[Callable[[Composer, Query, Sequence[Row]], Query], ...] = (
    Composer.narrowed,
    Composer.narrowed,
    Composer.ordered,
    Composer.ordered,
    Composer.ordered,
    Composer.ordered,
    Composer.sliced,
    Composer.across,
    Composer.by_key,
    Composer.by_key,
    Composer.by_key,
    Composer.either,
    Composer.along,
    Composer.annotated,
    Composer.partly,
)
