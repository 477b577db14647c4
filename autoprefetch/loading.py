"""What a tracked instance loads: answered for all its peers where that gives the same, else loaded as Django does."""

from __future__ import annotations

from collections.abc import Callable
from time import perf_counter
from typing import Any

from django.core.exceptions import SynchronousOnlyOperation
from django.db.models import Model
from django.db.models.constants import LOOKUP_SEP
from django.db.models.sql.constants import MULTI

from autoprefetch import advise, conf
from autoprefetch.apply import batching, planning, recalling, rewriting
from autoprefetch.apply.batching import NOTHING
from autoprefetch.apply.standing import Standing, Standings
from autoprefetch.errors import LazyLoadError
from autoprefetch.faults import quarantine, shielded
from autoprefetch.learn.profiles import Path
from autoprefetch.observe import epochs, places, recognising, tracking, writes
from autoprefetch.observe.callsites import Location
from autoprefetch.observe.watching import Watch
from autoprefetch.orm import derivations, marks, replay, states
from autoprefetch.orm.effects import EVERYTHING, Effect
from autoprefetch.orm.effects import NOTHING as NO_EFFECT
from autoprefetch.orm.marks import AnyQuerySet
from autoprefetch.orm.scopes import left_alone
from autoprefetch.plan.plans import Branch
from autoprefetch.signals import batch_quarantined, tell

Fetch = Callable[[AnyQuerySet], None]


class Loading:
    """The half of the engine that the hooks on instances and related managers call (see `orm/engine.py`)."""

    def __init__(self) -> None:
        self.standings = Standings(gave_up)

    @left_alone
    def load_one(self, instance: Model, name: str, load: Callable[[], Any]) -> Any:
        """Answer a to-one relation of a tracked instance from a batch for its peers, or load it as Django does."""
        recalled = self.recalled_one(instance, name)
        if recalled is not None:
            return recalled
        touch = self.touch(instance, name, lambda: name)
        if touch is None:
            return load()
        found: Any = NOTHING
        with shielded(self.standing_of(instance), instance._state.db):
            if self.batches(touch):
                found = batching.one(instance, touch.known, touch.path, _most(), touch.entered)
        if found is NOTHING:
            found = self.load_alone(touch, load)
        with shielded(self.standing_of(instance), instance._state.db):
            touch.brought_one(found)
        return found

    def recalled_one(self, instance: Model, name: str) -> Model | None:
        """Answer a foreign key of an instance from a batch that was made before, or return None."""
        if conf.current().mode not in ("auto", "apply"):
            return None
        try:
            return recalling.recalled_one(instance, name)
        except Exception:  # `shielded` decides about it; to enter that for each recall would cost as much as the recall
            with shielded(self.standing_of(instance), instance._state.db):
                raise
        return None  # a fault, see `shielded`

    def load_alone(self, touch: tracking.Touch, load: Callable[[], Any]) -> Any:
        """Run Django's own query for one instance."""
        standing = self.standings.get(touch.recording.key)
        with shielded(standing, None):
            touch.recording.ran_alone(touch.path)
        began = perf_counter()
        try:
            found = load()
        except SynchronousOnlyOperation:
            with shielded(standing, None):
                touch.refused()
            raise
        with shielded(standing, None):
            touch.recording.timing.alone(touch.path, perf_counter() - began)
        return found

    def load_set(self, derivation: Any, queryset: AnyQuerySet, fetch_all: Fetch) -> None:
        """Fill the result cache of a queryset from a related manager, from a batch or as Django does."""
        instance = derivation.instance
        if self.recalled(derivation, queryset):
            return
        touch = self.touch(instance, derivation.name, lambda: derivation.step(queryset), derivation.built)
        if touch is None:
            replay.without_derivation(queryset, fetch_all)
            return
        standing = self.standing_of(instance)
        with shielded(standing, queryset.db):
            rows = self.batched(touch, derivation, queryset) if self.batches(touch) else None
            if rows is not None:
                replay.fill(queryset, rows)
        if marks.rows_of(queryset) is None:
            self.load_alone(touch, lambda: replay.without_derivation(queryset, fetch_all))
        with shielded(standing, queryset.db):
            touch.brought_many(marks.rows_of(queryset))

    def recalled(self, derivation: Any, queryset: AnyQuerySet) -> bool:
        """Fill the result cache of a queryset that is like one before, if its rows wait already."""
        if conf.current().mode not in ("auto", "apply"):
            return False
        try:
            return recalling.recalled(derivation, queryset)
        except Exception:  # as above
            with shielded(self.standing_of(derivation.instance), queryset.db):
                raise
        return False  # a fault, see `shielded`

    def batched(self, touch: tracking.Touch, derivation: Any, queryset: AnyQuerySet) -> list[Any] | None:
        """Return the instances of a peer's own queryset from a batch, which makes the joins that are known to pay."""
        branches = self.branches_below(touch, queryset)
        source = rewriting.joined(queryset, branches)
        touch.recording.loads_ahead(frozenset(branch.path for root in branches for branch in root.walk()))
        touched = self.touched(source.query.get_compiler(using=queryset.db), derivation, MULTI, touch)
        return batching.instances(touched, source, queryset, lambda rows: touch.entered(rows, branches))

    def branches_below(self, touch: tracking.Touch, queryset: AnyQuerySet) -> tuple[Branch, ...]:
        """Plan what is joined below a derived query."""
        standing = self.standings.get(touch.recording.key)
        if standing is None:
            return ()
        return planning.below(standing, touch.recording.history, queryset, touch.path, touch.known, conf.current())

    def touched(self, compiler: Any, derivation: Any, result_type: str, touch: tracking.Touch) -> batching.Touched:
        """Describe a statement that is about to run, with the sizes that its batches may have."""
        most, recording = _most(), touch.recording
        first = min(batching.FIRST * batching.WIDER ** (len(touch.path) - 1), most)
        is_known = touch.path in recording.profile.usages or touch.path in recording.batched
        recording.batched.add(touch.path)
        return batching.Touched(compiler, derivation, touch.path, result_type, most if is_known else first, most)

    def replay(self, compiler: Any, derivation: Any, result_type: str, run: Callable[[], Any]) -> Any:
        """Answer a statement with raw rows from a batch, or run it."""
        instance = derivation.instance
        touch = self.touch(instance, derivation.name, lambda: derivation.step_of(compiler.query), derivation.built)
        if touch is None:
            return run()
        with shielded(self.standing_of(instance), compiler.using):
            if self.batches(touch):
                rows = batching.raw_rows(self.touched(compiler, derivation, result_type, touch))
                if rows is not None:
                    return replay.answer(rows, result_type)
        return self.load_alone(touch, run)

    def recognise(self, source: Any) -> Any:
        """Return the derivation of a queryset or compiler that filters by the key of a tracked instance, or None."""
        with shielded(None, None):
            if not writes.in_use() or conf.current().mode not in ("auto", "apply"):
                return None
            return derivations.recognised(source.query, recognising.holder)
        return None  # a fault, see `shielded`

    def load_column(self, instance: Model, name: str) -> bool:
        """Load a deferred column of a tracked instance and its peers; False when it is to be loaded alone."""
        config = conf.current()
        if config.mode == "strict":
            raise _lazy_load(instance, name, f'.only(..., "{name}")')
        if config.mode in ("auto", "apply"):
            with shielded(self.standing_of(instance), instance._state.db):
                return batching.column(instance, name, _most())
        return False

    def touch(
        self, instance: Model, name: str, step: Callable[[], str], built: Location | None = None
    ) -> tracking.Touch | None:
        """Begin to count a load that plain Django would make; None when it is not followed."""
        mode = conf.current().mode
        if mode == "strict":
            raise _lazy_load(instance, name, tracking.remedy(instance, step()))
        if mode == "off":
            return None
        with shielded(self.standing_of(instance), instance._state.db):
            return tracking.touch(instance, name, step(), built)
        return None  # a fault, see `shielded`

    def batches(self, touch: tracking.Touch) -> bool:
        """Tell whether a load may be answered for all peers."""
        config = conf.current()
        standing = self.standings.get(touch.recording.key)
        if config.mode == "learn" or standing is None or standing.quarantined:
            return False
        if config.mode == "apply" and touch.path not in touch.recording.profile.usages:
            return False
        return not planning.choices(standing, config).ignores(touch.path, touch.known)

    def faulted(self, instance: Model, fault: Exception) -> None:
        """Quarantine the call site that loaded an instance."""
        quarantine(self.standing_of(instance), fault)

    def wrote(self, read: Callable[[], Effect]) -> None:
        """Take note of what a statement wrote; also in a block that is off, for what was loaded outside of it."""
        effect = EVERYTHING
        with shielded(None, None):
            effect = read()
        if effect == NO_EFFECT:
            return
        try:
            epochs.here().move(effect.tables, effect.everything)
        except Exception as fault:
            self.give_up(fault)
        if conf.current().mode != "off":
            with shielded(None, None):
                writes.wrote(effect.tables, effect.everything)

    def give_up(self, fault: Exception) -> None:
        """Run everything as plain Django from now on: nobody can tell any more what is stale."""
        epochs.give_up()
        with shielded(None, None):
            for key in {group.recording.key for group in writes.in_use()} or {""}:
                quarantine(self.standings.get(key), fault)

    def begin_request(self) -> None:
        """Let a request that begins see its own writes, and not expire what others have loaded."""
        with shielded(None, None):
            writes.begin()

    def standing_of(self, instance: Model) -> Standing | None:
        """Return the standing of the call site that loaded a tracked instance."""
        group = states.group_of(instance)
        return self.standings.get(group.recording.key) if group is not None else None


def _most() -> int:
    """Return how many instances one batch may ask for."""
    return min(conf.current().max_batch, batching.MOST)


def gave_up(standing: Standing, path: Path, watch: Watch) -> None:
    """Say that the batches of a path are given up at a call site, because lazy loads are quicker."""
    name, lookup = standing.site.name, LOOKUP_SEP.join(path)
    advise.slow_batch(name, lookup, watch.batch, watch.replaced, watch.asked)
    values = {"path": lookup, "batch": watch.batch, "alone": watch.replaced, "instances": watch.asked}
    tell(batch_quarantined, standing.model, name, **values)


def _lazy_load(instance: Model, name: str, remedy: str) -> LazyLoadError:
    place = places.accessed_at()
    fact = f'{type(instance)._meta.label}.{name} was loaded lazily although MODE is "strict"'
    return LazyLoadError(f"{place}: {fact}. Add to your query: {remedy}")
