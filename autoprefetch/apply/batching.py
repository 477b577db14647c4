"""Batching: the first touch of a relation or shape is answered for all peers, in one query."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from django.core.exceptions import EmptyResultSet, FieldError
from django.db import NotSupportedError
from django.db.models import Model

from autoprefetch.apply import recalling
from autoprefetch.learn.profiles import Path
from autoprefetch.observe.peers import Answers, PeerGroup
from autoprefetch.orm import batches, caches, forms, replay, singles, states
from autoprefetch.orm.counting import QueryCount
from autoprefetch.plan.relations import Kind, Relation

FIRST = 100
"""Parents in the first to-many batch of a call site that is not known yet: a loop that stops early has loaded few."""

WIDER = 5
"""How many times more they are at each level below, where each parent of the level above has brought several."""

MOST = 30_000
"""Parents in a batch at the most, whatever `MAX_BATCH` says: databases limit the parameters of a statement."""

MISSES = 2
"""Batches of one shape that a write expired, or that only their own instance used, before it stays lazy."""

Entered = Callable[[list[Any]], None]


class _Nothing:
    """Says that there is no answer, where None is one."""


NOTHING = _Nothing()


def one(instance: Model, known: Relation, path: Path, most: int, entered: Entered) -> Any:
    """Answer a to-one relation of an instance from a batch for its peers.

    Args:
        instance: the peer that is touched.
        known: its relation.
        path: where it leads.
        most: instances in one batch.
        entered: called with the related instances of a batch, when they are loaded.

    Returns:
        the related instance, put where Django keeps it; None where there is none; NOTHING when the relation has to be
        loaded for this instance alone.
    """
    group: PeerGroup = states.group_of(instance)
    claims = states.claims(instance, known.name)
    if claims == states.DANGLING or not singles.is_ready(instance, known):
        return NOTHING
    # Loaded a second time, after `refresh_from_db()` for example, a relation gives another object with fresh values.
    model, using = singles.model_behind(instance, known), forms.read_from(instance, known.target)
    answers = group.answers_for((known.name, claims, model, using), known.tables or None)
    if answers.expired >= MISSES:
        return NOTHING
    if not singles.is_djangos(type(instance), known.name):
        return NOTHING
    if answers.key_of is None or answers.key_of(instance) not in answers.asked:
        before = answers.considered
        peers = _peers(
            group,
            answers,
            instance,
            known.target,
            most,
            lambda peer: singles.is_ready(peer, known) and singles.model_behind(peer, known) == model,
        )
        if len(peers) < 2:
            return NOTHING
        if group.recording.timing.watches.is_to_load_alone(path, group.recording.number):
            answers.considered = before
            return NOTHING
        with answers.considering(before), QueryCount() as count:
            found, answers.key_of = singles.load(peers, known)
        group.recording.timing.batched((path,), len(peers), count)
        answers.by_key.update(found)
        answers.asked.update(map(answers.key_of, peers))
        group.recording.ran(1)
        entered(list(found.values()))
        recalling.remember_keys(instance, known, path, answers)
    return _claim(answers, instance, known, entered)


def _claim(answers: Answers, instance: Model, known: Relation, entered: Entered) -> Any:
    key = answers.key_of(instance) if answers.key_of else None
    if known.kind is Kind.REVERSE_ONE_TO_ONE or known.kind is Kind.ONE_TO_ONE:
        try:
            answers.asked.remove(key)
        except KeyError:  # another thread has just claimed it for the same instance
            return NOTHING
        found = answers.by_key.pop(key, None)  # its one owner keeps it from now on
    else:
        found = answers.by_key.get(key)
    if found is None and known.kind in (Kind.FOREIGN_KEY, Kind.ONE_TO_ONE):
        return NOTHING  # a key without a row: Django's own query raises what it raises
    if found is not None and answers.saw_a_write():
        # What the row has cached may be older than the write; plain Django gives each instance a row of its own.
        found = caches.renewed(found)
        entered([found])
    states.claimed(instance, known.name)
    singles.give(instance, known, found)
    return found


def column(instance: Model, attname: str, most: int) -> bool:
    """Load a deferred column of an instance and its peers in one query; tell whether it is there now."""
    group: PeerGroup = states.group_of(instance)
    answers = group.answers_for(("column", attname, forms.read_from(instance, type(instance))), None)
    if answers.expired >= MISSES or not singles.may_load_columns(instance):
        return False
    if instance.pk not in answers.asked:
        peers = _peers(group, answers, instance, type(instance), most, lambda peer: singles.lacks_column(peer, attname))
        if len(peers) < 2:
            return False
        answers.by_key.update(singles.load_column(peers, attname))
        answers.asked.update(peer.pk for peer in peers)
        group.recording.ran(1)
    if instance.pk not in answers.by_key:
        return False
    setattr(instance, attname, answers.by_key[instance.pk])
    return True


def _peers(
    group: PeerGroup,
    answers: Answers,
    instance: Model,
    target: type[Model] | None,
    most: int,
    is_ready: Callable[[Any], bool],
) -> list[Any]:
    """Return the peers that the next batch asks for: the touched one, and as many of those that wait as may be."""
    using = forms.read_from(instance, target)
    found = [instance]
    for peer in group.waiting(answers):
        if peer is instance or peer._state.adding or not is_ready(peer) or forms.read_from(peer, target) != using:
            continue
        found.append(peer)
        if len(found) >= most:
            break
    return found


@dataclass(frozen=True, slots=True)
class Touched:
    """A statement of one peer that is about to run.

    Attributes:
        compiler: that of the peer's own statement.
        derivation: where its queryset comes from.
        path: where it leads.
        result_type: what the statement is to give, as in `SQLCompiler.execute_sql`.
        first: parents in the first batch.
        most: parents in each further one.
    """

    compiler: Any
    derivation: Any
    path: Path
    result_type: str
    first: int
    most: int


def raw_rows(touched: Touched) -> Sequence[Any] | None:
    """Return the raw rows of a peer's own statement from a batch; None when it has to run by itself."""
    answered = _answered(touched)
    if answered is None:
        return None
    answers, key, _ = answered
    rows: Sequence[Any] = answers.by_key.get(key, ())
    return rows


def instances(touched: Touched, queryset: Any, asked: Any, entered: Entered) -> list[Any] | None:
    """Return the instances of a peer's own queryset from a batch; None when it has to run by itself.

    The rows of all peers of a batch are made instances at once, so that they are peers in turn, for the first of them
    that plain Django prefetches for as well. Each peer gets its own; asked again, it gets new ones, as from Django.
    """
    answered = _answered(touched)
    if answered is None:
        return None
    answers, key, new = answered
    making = replay.making_of(queryset)
    if new and making is not None:
        recalling.remember(touched.derivation, asked, touched.path, answers)
        answers.making = making
        answers.unmade.update(dict.fromkeys(new))
    rows = answers.by_key.get(key, [])
    if key in answers.unmade and making == answers.making and replay.prefetches_for(queryset, rows):
        _make(answers, queryset, entered)
    if key in answers.fresh and making == answers.making:
        return answers.fresh.pop(key)
    answers.unmade.pop(key, None)
    again = replay.hydrate(queryset, rows)
    entered(again)
    return again


def _make(answers: Answers, queryset: Any, entered: Entered) -> None:
    """Make instances of all rows that wait, so that what the caller prefetches for them is prefetched once."""
    keys, answers.unmade = list(answers.unmade), {}
    made = replay.hydrate_for_peers(queryset, [row for key in keys for row in answers.by_key.get(key, ())])
    entered(made)
    start = 0
    for key in keys:
        end = start + len(answers.by_key.get(key, ()))
        answers.fresh[key] = made[start:end]
        start = end


def _answered(touched: Touched) -> tuple[Answers, Any, Sequence[Any]] | None:
    """Find or load the answers for a statement; give the peer's key, and the keys that were loaded just now."""
    derivation = touched.derivation
    instance = derivation.instance
    group: PeerGroup = states.group_of(instance)
    try:
        shape = batches.shape_of(touched.compiler, derivation, touched.result_type)
    except (EmptyResultSet, FieldError, NotSupportedError, TypeError, ValueError):
        return None  # it is the peer's own statement, so Django's own query says the same
    if shape is None:
        return None
    form = (derivation.name, shape.sql)
    if group.misses.get(form, 0) >= MISSES:
        return None
    answers = _answers_of(group, derivation.name, shape, touched.compiler.query)
    if answers is None or answers.expired >= MISSES:
        return None
    key = batches.prepared_key(derivation, derivation.key)
    if key in answers.asked:
        answers.is_shared = True
        return answers, key, ()
    if not answers.asked:
        _count_miss(group, form, answers)
    if group.recording.timing.watches.is_to_load_alone(touched.path, group.recording.number):
        return None
    keys = _asked(group, answers, touched, shape)
    return (answers, key, keys) if keys else None


def _asked(group: PeerGroup, answers: Answers, touched: Touched, shape: batches.Shape) -> Sequence[Any]:
    """Run the next batch of a statement, and return the keys that it answered; none where it is not to be batched."""
    derivation, before = touched.derivation, answers.considered
    keys = _keys(group, answers, touched)
    with answers.considering(before), QueryCount() as count:
        found = batches.rows_by_key(touched.compiler, derivation, shape, keys) if len(keys) > 1 else None
    if found is None:
        group.misses[derivation.name, shape.sql] = MISSES if len(keys) > 1 else 0
        return ()
    group.recording.timing.batched((touched.path,), len(keys), count)
    group.recording.ran(1)
    answers.by_key.update(found)
    answers.asked.update(keys)
    return keys


def _answers_of(group: PeerGroup, name: str, shape: batches.Shape, query: Any) -> Answers | None:
    """Return the answers for a shape; None when it cannot be batched, which is asked once."""
    if group.has_answers((name, shape)):
        return group.answers_for((name, shape), None)
    if not batches.is_repeatable(query):
        group.misses[name, shape.sql] = MISSES
        return None
    return group.answers_for((name, shape), batches.tables_of(query))


def _count_miss(group: PeerGroup, form: tuple[str, str], answers: Answers) -> None:
    """Count a batch of the same SQL that nobody but its own instance used: its parameters depend on the parent."""
    before = group.latest.get(form)
    if before is not None and before is not answers and not before.is_shared:
        group.misses[form] = group.misses.get(form, 0) + 1
    group.latest[form] = answers


def _keys(group: PeerGroup, answers: Answers, touched: Touched) -> list[Any]:
    """Return the keys of the peers that the next batch asks for, the touched one's first."""
    derivation, most = touched.derivation, touched.most if answers.asked else touched.first
    name = derivation.key_name
    peers = _peers(
        group,
        answers,
        derivation.instance,
        touched.compiler.query.model,
        most,
        lambda peer: peer.__dict__.get(name) is not None,
    )
    values = [derivation.key, *(getattr(peer, name) for peer in peers[1:])]
    keys = dict.fromkeys(batches.prepared_key(derivation, value) for value in values)
    return [key for key in keys if key not in answers.asked]
