"""One evaluation of an automatic queryset, from its call site to its instances.

Cold, the plain query runs, and the instances tell what they load lazily. Warm, the plan made from what is known of the
call site is applied: joins on the query, the rest prefetched. Whatever fails in here is logged once, and the plain
query runs.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from itertools import islice
from typing import Any

from asgiref.sync import sync_to_async
from django.core.exceptions import SynchronousOnlyOperation
from django.db.models import Model
from django.db.models.sql.constants import MULTI

from autoprefetch import conf
from autoprefetch.advise import advising
from autoprefetch.apply import batching, planning, rewriting
from autoprefetch.apply.batching import NOTHING
from autoprefetch.apply.standing import Standing, Standings
from autoprefetch.conf import Config
from autoprefetch.errors import LazyLoadError
from autoprefetch.faults import is_callers, quarantine, shielded
from autoprefetch.learn.collecting import Collector
from autoprefetch.learn.profiles import Profile
from autoprefetch.learn.stores.memory import MemoryStore
from autoprefetch.observe import callsites, places, tracking, writes
from autoprefetch.observe.marks import mark_of
from autoprefetch.observe.recordings import Recording
from autoprefetch.orm import forms, marks, replay, states
from autoprefetch.orm.marks import AnyQuerySet
from autoprefetch.plan.plans import Branch, Plan

Fetch = Callable[[AnyQuerySet], None]


@dataclass(slots=True)
class Run:
    """One evaluation that is under way."""

    standing: Standing
    plan: Plan
    recording: Recording


class Evaluations:
    """The engine behind the hooks (see `orm/engine.py`): it knows every room of the house, and no room knows it."""

    def __init__(self) -> None:
        self.standings = Standings()
        self.store = MemoryStore(Config().max_call_sites)
        self.collector = Collector(self.store)

    # Root queries

    def evaluate(self, queryset: AnyQuerySet, fetch_all: Fetch) -> None:
        """Fill the result cache of a marked queryset."""
        run = self.begin(queryset)
        if run is None:
            marks.fetch_as(queryset, marks.runnable(queryset), fetch_all)
            return
        queries = self.fetch(queryset, fetch_all, run)
        with shielded(run.standing, queryset.db):
            self.track(run, marks.rows_of(queryset), queries)

    def begin(self, queryset: AnyQuerySet, no_prefetches: str = "") -> Run | None:
        """Find the call site of an evaluation and its plan; None when the queryset is to run as plain Django."""
        config = conf.current()
        mark = mark_of(queryset)
        if config.mode == "off" or mark is None or not forms.loads_instances(queryset):
            return None
        frames = callsites.evaluating_frames(config.call_site_depth)
        site = callsites.call_site(mark.origin, mark.name, queryset.model._meta.label, frames)
        standing = self.standings.of(site, mark, config.max_call_sites)
        if standing.quarantined or any(fnmatchcase(site.origin.key, pattern) for pattern in config.ignore):
            return None
        with shielded(standing, queryset.db):
            return self.planned(queryset, standing, config, no_prefetches)
        return None  # a fault, see `shield`

    def planned(self, queryset: AnyQuerySet, standing: Standing, config: Config, no_prefetches: str) -> Run:
        """Make the plan for an evaluation, and start its recording."""
        self.collector.merge()
        self.store.limit = config.max_call_sites
        profile = self.store.load(standing.site.key) or Profile()
        targets = planning.targets(queryset.model, profile) if forms.routers_choose() else frozenset()
        form = forms.form_of(queryset, targets)
        if no_prefetches:
            form = replace(form, no_prefetches=no_prefetches)
        plan, is_new = planning.plan(standing, profile, form, config)
        if is_new and config.learns and config.log_suggestions:
            advising.log_once(standing, plan, profile)
        applied = plan if config.applies else planning.observing(plan)
        on_news = self.collector.add if config.learns else _not_learned
        recording = Recording(standing.site, queryset.model, applied.eager_paths(), profile, on_news)
        return Run(standing, applied, recording)

    def fetch(self, queryset: AnyQuerySet, fetch_all: Fetch, run: Run) -> int:
        """Run the query with the plan applied, or plainly where that fails; return how many queries it took."""
        fault: Exception | None = None
        try:
            with states.tracked_rows(rewritten := self.rewritten(queryset, run)):
                marks.fetch_as(queryset, rewritten, fetch_all)
        except Exception as error:
            if run.plan.is_empty or is_callers(error, queryset.db):
                raise
            fault = error
        if fault is not None:
            # Outside the handler, so that an error of the caller's own does not carry ours as its context.
            marks.fetch_as(queryset, marks.runnable(queryset), fetch_all)
            quarantine(run.standing, fault)
            run.plan = planning.observing(run.plan)
            return 1
        return 1 + self.load_ahead(marks.rows_of(queryset), run, queryset.db)

    def rewritten(self, queryset: AnyQuerySet, run: Run) -> AnyQuerySet:
        """Return what is to run in place of a marked queryset."""
        return marks.runnable(queryset) if run.plan.is_empty else rewriting.with_joins(queryset, run.plan)

    def load_ahead(self, rows: list[Any], run: Run, using: str) -> int:
        """Prefetch what the plan does not join; return how many queries it took."""
        if run.plan.is_empty:
            return 0
        with shielded(run.standing, using):
            return rewriting.load_ahead(rows, run.plan, using)
        return 0

    def track(self, run: Run, rows: list[Any], queries: int) -> None:
        """Make the rows peers, with what was loaded along with them."""
        group = tracking.track_rows(run.recording, rows)
        tracking.track_branches(run.recording, rows, run.plan.branches)
        run.recording.evaluated(len(rows), queries)
        writes.came_into_use(group)

    # Root queries that are streamed

    def stream(
        self, queryset: AnyQuerySet, chunk_size: int | None, plain: Callable[[AnyQuerySet], Iterator[Any]]
    ) -> Iterator[Any]:
        """Yield the rows of a marked queryset from `iterator()`."""
        run = self.begin(queryset, "" if chunk_size else "iterator() without a chunk size takes no prefetch")
        if run is None:
            yield from plain(marks.unmarked(queryset))
            return
        with states.tracked_rows(rewritten := marks.unmarked(self.rewritten(queryset, run))):
            rows = plain(rewritten)
            queries = 1
            while chunk := list(islice(rows, chunk_size or 1)):
                self.finish(run, chunk, queries, queryset.db)
                queries = 0
                yield from chunk

    async def astream(
        self, queryset: AnyQuerySet, chunk_size: int, plain: Callable[[AnyQuerySet], AsyncIterator[Any]]
    ) -> AsyncIterator[Any]:
        """Yield the rows of a marked queryset from `aiterator()`."""
        with self.taking_frames(queryset):
            run = await sync_to_async(self.begin)(queryset)
        if run is None:
            async for row in plain(marks.unmarked(queryset)):
                yield row
            return
        with states.tracked_rows(rewritten := marks.unmarked(self.rewritten(queryset, run))):
            chunk: list[Any] = []
            queries = 1
            async for row in plain(rewritten):
                chunk.append(row)
                if len(chunk) == chunk_size:
                    await sync_to_async(self.finish)(run, chunk, queries, queryset.db)
                    for ready in chunk:
                        yield ready
                    chunk, queries = [], 0
            await sync_to_async(self.finish)(run, chunk, queries, queryset.db)
            for ready in chunk:
                yield ready

    def finish(self, run: Run, chunk: list[Any], queries: int, using: str) -> None:
        """Load ahead and track one chunk of a stream."""
        queries += self.load_ahead(chunk, run, using)
        with shielded(run.standing, using):
            self.track(run, chunk, queries)

    def taking_frames(self, queryset: AnyQuerySet) -> AbstractContextManager[None]:
        """Take the frames that evaluate now, before the work moves to another thread."""
        config = conf.current()
        if config.mode == "off":
            return nullcontext()
        return callsites.taken(callsites.evaluating_frames(config.call_site_depth))

    # Loads of tracked instances

    def load_one(self, instance: Model, name: str, load: Callable[[], Any]) -> Any:
        """Answer a to-one relation of a tracked instance from a batch for its peers, or load it as Django does."""
        touch = self.touch(instance, name, name)
        if touch is None:
            return load()
        found: Any = NOTHING
        if self.batches(touch):
            with shielded(self.standing_of(instance), instance._state.db):
                found = batching.one(instance, touch.known, conf.current().max_batch, touch.entered)
        if found is NOTHING:
            found = self.load_alone(touch, load)
        with shielded(self.standing_of(instance), instance._state.db):
            touch.brought_one(found)
        return found

    def load_alone(self, touch: tracking.Touch, load: Callable[[], Any]) -> Any:
        """Run Django's own query for one instance."""
        touch.recording.ran(1)
        try:
            return load()
        except SynchronousOnlyOperation:
            touch.refused()
            raise

    def load_set(self, derivation: Any, queryset: AnyQuerySet, fetch_all: Fetch) -> None:
        """Fill the result cache of a queryset from a related manager, from a batch or as Django does."""
        instance = derivation.instance
        if self.recalled(derivation, queryset):
            return
        touch = self.touch(instance, derivation.name, derivation.step(queryset))
        if touch is None:
            replay.without_derivation(queryset, fetch_all)
            return
        standing, rows = self.standing_of(instance), None
        if self.batches(touch):
            with shielded(standing, queryset.db):
                rows = self.batched(touch, derivation, queryset)
        if rows is None:
            self.load_alone(touch, lambda: replay.without_derivation(queryset, fetch_all))
        else:
            replay.fill(queryset, rows)
        with shielded(standing, queryset.db):
            touch.brought_many(marks.rows_of(queryset))

    def recalled(self, derivation: Any, queryset: AnyQuerySet) -> bool:
        """Fill the result cache of a queryset that is like one before, if its rows wait already."""
        instance = derivation.instance
        with shielded(self.standing_of(instance), queryset.db):
            known = batching.recall(derivation, queryset)
            rows = (
                None
                if known is None or conf.current().mode not in ("auto", "apply")
                else batching.claim(known, derivation)
            )
            if rows is None:
                return False
            group = states.group_of(instance)
            path = (*group.path, known.step)
            group.recording.loaded(path, places.accessed_at)
            group.recording.brought(path, len(rows))
            known.answers.is_shared = True
            replay.fill(queryset, rows)
            return True
        return False

    def batched(self, touch: tracking.Touch, derivation: Any, queryset: AnyQuerySet) -> list[Any] | None:
        """Return the instances of a peer's own queryset from a batch, which makes the joins that are known to pay."""
        branches = self.branches_below(touch, queryset)
        source = rewriting.joined(queryset, branches)
        touch.recording.loads_ahead(frozenset(branch.path for root in branches for branch in root.walk()))
        touched = self.touched(source.query.get_compiler(using=queryset.db), derivation, MULTI, touch)
        return batching.instances(touched, source, queryset, touch.path[-1], lambda rows: touch.entered(rows, branches))

    def branches_below(self, touch: tracking.Touch, queryset: AnyQuerySet) -> tuple[Branch, ...]:
        """Plan what is joined below a derived query."""
        standing = self.standings.get(touch.recording.key)
        if standing is None or not planning.knows_below(touch.recording.profile, touch.path):
            return ()
        return planning.below(standing, touch.recording.profile, queryset, touch.path, touch.known, conf.current())

    def touched(self, compiler: Any, derivation: Any, result_type: str, touch: tracking.Touch) -> batching.Touched:
        """Describe a statement that is about to run, with the sizes that its batches may have."""
        most = conf.current().max_batch
        is_known = touch.path in touch.recording.profile.usages
        return batching.Touched(
            compiler, derivation, result_type, most if is_known else min(batching.FIRST, most), most
        )

    def replay(self, compiler: Any, derivation: Any, result_type: str) -> Any:
        """Return the raw rows of a statement from a batch, or None when it has to run."""
        instance = derivation.instance
        touch = self.touch(instance, derivation.name, derivation.step_of(compiler.query))
        if touch is None:
            return None
        rows = None
        if self.batches(touch):
            with shielded(self.standing_of(instance), compiler.using):
                rows = batching.raw_rows(self.touched(compiler, derivation, result_type, touch))
        if rows is None:
            touch.recording.ran(1)
        return rows

    def load_column(self, instance: Model, name: str) -> bool:
        """Load a deferred column of a tracked instance and its peers; False when it is to be loaded alone."""
        config = conf.current()
        if config.mode == "strict":
            raise _lazy_load(instance, name, f'.only(..., "{name}")')
        if config.mode in ("auto", "apply"):
            with shielded(self.standing_of(instance), instance._state.db):
                return batching.column(instance, name, config.max_batch)
        return False

    def touch(self, instance: Model, name: str, step: str) -> tracking.Touch | None:
        """Begin to count a load that plain Django would make; None when it is not followed."""
        mode = conf.current().mode
        if mode == "strict":
            raise _lazy_load(instance, name, tracking.remedy(instance, name))
        if mode == "off":
            return None
        with shielded(self.standing_of(instance), instance._state.db):
            return tracking.touch(instance, name, step)
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

    def wrote(self, tables: frozenset[str], everything: bool) -> None:
        """Take note of a statement that writes to tables, and of whether others may have changed as well."""
        if conf.current().mode != "off":
            writes.wrote(tables, everything)

    # What was learned

    def known(self) -> list[tuple[Standing, Profile]]:
        """Return the call sites of this process with what is known of them now."""
        self.collector.merge()
        pairs = ((standing, self.store.load(standing.site.key)) for standing in self.standings.all())
        return [(standing, profile) for standing, profile in pairs if profile is not None]

    def planned_for(self, standing: Standing, profile: Profile) -> Plan:
        """Return what the next evaluation of a call site would load ahead."""
        if standing.form is None or standing.quarantined:
            return Plan(Model)
        return planning.plan(standing, profile, standing.form, conf.current())[0]

    def settle(self, **kwargs: object) -> None:
        """Merge what a request showed, and log the suggestions that follow from it."""
        config = conf.current()
        for key in self.collector.merge():
            standing, profile = self.standings.get(key), self.store.load(key)
            if standing is not None and profile is not None and config.learns and config.log_suggestions:
                with shielded(standing, None):
                    advising.log_once(standing, self.planned_for(standing, profile), profile)

    def reset(self) -> None:
        """Forget everything."""
        self.collector.merge()
        self.store.clear()
        self.standings.clear()

    def standing_of(self, instance: Model) -> Standing | None:
        """Return the standing of the call site that loaded a tracked instance."""
        group = states.group_of(instance)
        return self.standings.get(group.recording.key) if group is not None else None


def _lazy_load(instance: Model, name: str, remedy: str) -> LazyLoadError:
    place = places.accessed_at()
    fact = f'{type(instance)._meta.label}.{name} was loaded lazily although MODE is "strict"'
    return LazyLoadError(f"{place}: {fact}. Add to your query: {remedy}")


def _not_learned(recording: Recording) -> None:
    """Take no note of news: MODE "apply" and "strict" learn nothing."""


engine = Evaluations()
