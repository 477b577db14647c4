"""Mutants: autoprefetch with one thing wrong, each of which the random programs have to find.

A mutant replaces a named internal. When that name is gone, the mutant fails, and has to be written anew.
"""

from __future__ import annotations

from collections.abc import Callable
from contextvars import ContextVar
from dataclasses import dataclass, replace
from typing import Any

import pytest

from autoprefetch.apply import batching, recalling
from autoprefetch.observe import epochs, tracking
from autoprefetch.observe.epochs import Epochs, Freshness
from autoprefetch.orm import batches, caches, likeness, parameters, singles, states
from autoprefetch.plan import relations
from autoprefetch.plan.relations import Kind
from tests.equivalence.differential.schema import Model
from tests.library.models import Author, Book, City, Comment, Copy, Country, Publisher, Shelf, Street, Supplier

Patch = pytest.MonkeyPatch


@dataclass(frozen=True)
class Mutant:
    """One thing that is wrong.

    Attributes:
        apply: puts it in place.
        may_write: whether programs that write can see it, or those that only read.
        about: the models that show it soonest.
    """

    apply: Callable[[Patch], None]
    may_write: bool
    about: tuple[Model, ...]

    @property
    def name(self) -> str:
        return self.apply.__name__


MUTANTS: list[Mutant] = []


def mutant(*about: Model, may_write: bool = False) -> Callable[[Callable[[Patch], None]], Callable[[Patch], None]]:
    def enter(apply: Callable[[Patch], None]) -> Callable[[Patch], None]:
        MUTANTS.append(Mutant(apply, may_write, about))
        return apply

    return enter


# The barrier --------------------------------------------------------------------------------------------------------


@mutant(Book, Author, Publisher, may_write=True)
def the_barrier_is_off(patch: Patch) -> None:
    patch.setattr(Epochs, "move", lambda self, tables, everything: None)


@mutant(Author, may_write=True)
def children_do_not_inherit_the_epochs(patch: Patch) -> None:
    """Each context has numbers of its own, so that what a child task writes stays unknown to its parent."""
    moved: ContextVar[tuple[Any, ...]] = ContextVar("moved", default=())

    def writes_since(number: int, tables: Any) -> bool:
        later = moved.get()[number:]
        return any(everything or tables is None or not tables.isdisjoint(some) for some, everything in later)

    for module in (epochs, tracking):
        patch.setattr(module, "now", lambda: len(moved.get()))
    patch.setattr(Epochs, "move", lambda self, tables, everything: moved.set((*moved.get(), (tables, everything))))
    patch.setattr(Freshness, "are_stale", lambda self: writes_since(self._fresh_at, self._tables))
    patch.setattr(Freshness, "saw_a_write", lambda self: writes_since(self._asked_at, None))


@mutant(Book, Author, Publisher, may_write=True)
def answers_are_not_renewed(patch: Patch) -> None:
    patch.setattr(Freshness, "are_stale", lambda self: False)


@mutant(Author, may_write=True)
def a_write_to_all_tables_is_a_write_to_none(patch: Patch) -> None:
    """Rollbacks, deletes and unknown SQL move nothing."""
    plain = Epochs.move
    patch.setattr(Epochs, "move", lambda self, tables, everything: plain(self, () if everything else tables, False))


@mutant(City, Country, Street, may_write=True)
def a_shared_row_stays_shared(patch: Patch) -> None:
    """Rows that refer to one row keep sharing what was made of it, and what it has loaded, after a write."""
    patch.setattr(caches, "renewed", lambda instance: instance)


# Shapes -------------------------------------------------------------------------------------------------------------


@mutant(Book, Author)
def a_shape_ignores_a_parameter(patch: Patch) -> None:
    plain = batches.shape_of

    def shape_of(*args: Any) -> Any:
        shape = plain(*args)
        return shape and replace(shape, params=tuple(p for p in shape.params if p == "autoprefetch_key"))

    patch.setattr(batches, "shape_of", shape_of)


@mutant(Author)
def a_key_is_taken_by_its_value(patch: Patch) -> None:
    """A parameter that happens to equal the parent's key is taken for it."""
    plain = batches.shape_of

    def shape_of(compiler: Any, derivation: Any, result_type: str) -> Any:
        shape = plain(compiler, derivation, result_type)
        key = parameters.exactly(getattr(derivation.instance, derivation.key_name))
        return shape and replace(shape, params=tuple("key" if param == key else param for param in shape.params))

    patch.setattr(batches, "shape_of", shape_of)


@mutant(Author)
def a_queryset_is_recognised_without_its_values(patch: Patch) -> None:
    patch.setattr(likeness, "_same_value", lambda value, other: True)


# Batches ------------------------------------------------------------------------------------------------------------


@mutant(Book, Author)
def a_slice_has_one_limit_for_all(patch: Patch) -> None:
    patch.setattr(batches._Batch, "sliced", lambda self, keys, shape: self.unsliced(keys))


@mutant(Book, Author)
def a_batch_is_in_no_order(patch: Patch) -> None:
    plain = batches._Batch.for_all

    def for_all(self: Any, keys: Any) -> Any:
        query = plain(self, keys)
        if not query.is_sliced:
            query.clear_ordering(force=True)
        return query

    patch.setattr(batches._Batch, "for_all", for_all)


@mutant(Book, Author)
def an_empty_set_has_no_count(patch: Patch) -> None:
    """A parent without rows gets the answer of the first parent with some."""
    plain = batches._Batch.single

    def single(self: Any, keys: Any) -> Any:
        found = plain(self, keys)
        some = next(iter(found.values()), None) if found else None
        return dict.fromkeys(keys, some) if some else found

    patch.setattr(batches._Batch, "single", single)


@mutant(Book, Author)
def rows_go_to_another_key(patch: Patch) -> None:
    """Related rows change places among the peers of a batch."""
    plain = singles.load

    def load(instances: Any, known: Any, *joins: Any) -> Any:
        found, key_of = plain(instances, known, *joins)
        return dict(zip(found, [*list(found.values())[1:], *list(found.values())[:1]], strict=True)), key_of

    patch.setattr(singles, "load", load)


@mutant(Comment)
def models_are_not_told_apart(patch: Patch) -> None:
    """Rows that a generic foreign key leads to are found by their key alone."""
    plain = singles.load

    def load(instances: Any, known: Any, *joins: Any) -> Any:
        found, key_of = plain(instances, known, *joins)
        if known.kind is not Kind.GENERIC_FOREIGN_KEY:
            return found, key_of
        return {str(key[0]): row for key, row in found.items()}, lambda instance: str(key_of(instance)[0])

    patch.setattr(singles, "load", load)
    patch.setattr(singles, "model_behind", lambda instance, known: None)


@mutant(Copy, Supplier)
def a_missing_row_raises_nothing(patch: Patch) -> None:
    """`DoesNotExist` is swallowed: a key that leads nowhere gives None."""
    plain = batching._claim

    def claim(answers: Any, instance: Any, known: Any, entered: Any) -> Any:
        found = plain(answers, instance, known, entered)
        if found is batching.NOTHING:
            singles.give(instance, known, None)
            return None
        return found

    patch.setattr(batching, "_claim", claim)


@mutant(Book, Author, may_write=True)
def a_key_that_was_set_anew_is_not_seen(patch: Patch) -> None:
    """An instance gets what its key led to when it was loaded, whatever the key is now."""
    plain = batching.one
    kept: dict[int, Any] = {}

    def one(instance: Any, known: Any, path: Any, most: int, entered: Any) -> Any:
        group = states.group_of(instance)
        for peer in [reference() for reference in group._members]:
            if peer is not None:
                for column in known.columns & peer.__dict__.keys():
                    kept.setdefault((id(group), id(peer), column), (peer, peer.__dict__[column]))
        now = {column: instance.__dict__.get(column) for column in known.columns}
        for column in known.columns:
            peer, before = kept.get((id(group), id(instance), column), (None, None))
            if peer is instance:
                instance.__dict__[column] = before
        try:
            return plain(instance, known, path, most, entered)
        finally:
            instance.__dict__.update(now)

    patch.setattr(batching, "one", one)
    patch.setattr(recalling, "recalled_one", lambda instance, name: None)


# Plans --------------------------------------------------------------------------------------------------------------


def _joining_in_spite_of(words: str, patch: Patch) -> None:
    plain = relations._no_join

    def no_join(*args: Any) -> str:
        reason = plain(*args)
        return "" if words in reason else reason

    patch.setattr(relations, "_no_join", no_join)


@mutant(Copy, Shelf)
def a_join_goes_past_a_base_manager(patch: Patch) -> None:
    _joining_in_spite_of("base manager", patch)


@mutant(Copy, Supplier)
def a_join_drops_rows(patch: Patch) -> None:
    _joining_in_spite_of("db_constraint", patch)


@mutant(Copy, Supplier)
def a_prefetch_leaves_none_for_a_dangling_key(patch: Patch) -> None:
    """As Django's own prefetch does."""
    plain = singles.load_ahead

    def load_ahead(instances: Any, known: Any, joins: Any, most: int) -> None:
        plain(instances, known, joins, most)
        for instance in instances:
            if singles.is_ready(instance, known):
                singles.give(instance, known, None)

    patch.setattr(singles, "load_ahead", load_ahead)
