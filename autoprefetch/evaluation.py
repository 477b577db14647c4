"""One evaluation of an automatic queryset, from its call site to its instances.

Cold, the plain query runs, and the instances tell what they load lazily. Warm, the plan made from what is known of the
call site is applied: joins on the query, the rest prefetched. Whatever fails in here is logged once, and the plain
query runs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from fnmatch import fnmatchcase
from typing import Any

from django.core.signals import request_finished
from django.db import connections
from django.db.models import Model

from autoprefetch import conf, stores
from autoprefetch.advise import advising
from autoprefetch.apply import batching, planning, rewriting
from autoprefetch.apply.standing import Standing, Standings
from autoprefetch.conf import Config
from autoprefetch.faults import forget, is_callers, quarantine, shielded
from autoprefetch.learn.collecting import Collector
from autoprefetch.learn.front import Front
from autoprefetch.learn.histories import UNKNOWN, History
from autoprefetch.learn.stores.memory import MemoryStore
from autoprefetch.loading import gave_up
from autoprefetch.observe import callsites, epochs, origins, reading, tracking, writes
from autoprefetch.observe.marks import mark_of
from autoprefetch.observe.recordings import Recording
from autoprefetch.orm import forms, hooks, marks, routes, scopes, states
from autoprefetch.orm.marks import AnyQuerySet
from autoprefetch.plan.plans import Plan
from autoprefetch.streaming import Run, Streaming

Fetch = Callable[[AnyQuerySet], None]


class Evaluations(Streaming):
    """The engine behind the hooks (see `orm/engine.py`): it knows every room of the house, and no room knows it."""

    def __init__(self) -> None:
        super().__init__()
        self.setting: object = Config().store
        self.store: MemoryStore | Front = MemoryStore(Config().max_call_sites)
        self.collector = Collector(self.store, self.news_failed)

    # Root queries

    def evaluate(self, queryset: AnyQuerySet, fetch_all: Fetch) -> None:
        """Fill the result cache of an automatic queryset."""
        run = self.begin(queryset)
        if run is None:
            marks.fetch_as(queryset, marks.runnable(queryset), fetch_all)
            return
        own, ahead = self.fetch(queryset, fetch_all, run)
        with shielded(run.standing, queryset.db):
            if reading.is_due(run.standing.evaluations) and conf.current().learns:
                reading.begin(run.recording)
            self.track(run, marks.rows_of(queryset), own, ahead)

    def is_in_scope(self, queryset: AnyQuerySet) -> bool:
        """Tell whether `SCOPE` makes a queryset automatic that carries no mark."""
        config = conf.current()
        if not config.widens:
            return False
        with shielded(None, None):
            return scopes.is_in_scope(queryset, config.scope)
        return False  # a fault, see `shielded`

    def begin(self, queryset: AnyQuerySet, no_prefetches: str = "") -> Run | None:
        """Find the call site of an evaluation and its plan; None when the queryset is to run as plain Django."""
        standing = None
        with shielded(None, None):
            standing = self.standing_for(queryset)
        if standing is None or (using := queryset.db) not in connections:  # what a router raises is the caller's own
            return None
        with shielded(standing, using):
            standing.using = using
            return self.planned(queryset, standing, conf.current(), no_prefetches)
        return None  # a fault, see `shielded`

    def standing_for(self, queryset: AnyQuerySet) -> Standing | None:
        """Find the call site that evaluates; None when the queryset is to run as plain Django."""
        config = conf.current()
        if config.mode == "off" or epochs.are_given_up() or not forms.loads_instances(queryset):
            return None
        mark = mark_of(queryset)
        if mark is not None:
            frames = callsites.evaluating_frames(config.call_site_depth)
        else:
            frames = origins.evaluating(config.call_site_depth)
            if (mark := origins.mark(frames)) is None:
                return None
        site = callsites.call_site(mark.origin, mark.name, queryset.model._meta.label, frames)
        if any(fnmatchcase(site.origin.key, pattern) for pattern in config.ignore):
            return None
        standing = self.standings.of(site, mark, config.max_call_sites)
        return None if standing.quarantined else standing

    def planned(self, queryset: AnyQuerySet, standing: Standing, config: Config, no_prefetches: str) -> Run:
        """Make the plan for an evaluation, and start its recording."""
        if config.store is not self.setting:
            self.open_store(config)
        reading.end()
        self.collector.merge()
        self.store.limit = config.max_call_sites
        history = self.store.load(standing.site.key) or UNKNOWN
        before = standing.plan
        if history.has_paths or standing.form is None or forms.loads_related(queryset):
            plan = self.plan(queryset, standing, history, config, no_prefetches)
        else:
            plan = Plan(queryset.model)  # to look at the queryset would cost as much as all else that is done here
        applied = plan if config.applies else planning.observing(plan)
        on_news = self.collector.add if config.learns else _not_learned
        counts = standing.counts(standing.plan, before) if config.learns else True
        eager = applied.eager_paths()
        if config.learns:
            standing.announce(eager)
        recording = Recording(
            standing.site,
            queryset.model,
            eager,
            history,
            on_news,
            standing.watches,
            is_counted=counts,
            forms=standing.tells(history.era),
        )
        return Run(standing, applied, recording)

    def open_store(self, config: Config) -> None:
        """Keep what is known where the settings say; the store of before gets what was learned until now."""
        is_same, self.setting = config.store == self.setting, config.store
        if is_same:
            return  # the settings were read again
        self.collector.merge()
        if isinstance(self.store, Front):
            self.store.close()
        self.store = stores.opened(config.store, config.max_call_sites, learns=config.learns)
        self.collector = Collector(self.store, self.news_failed)

    def plan(
        self, queryset: AnyQuerySet, standing: Standing, history: History, config: Config, no_prefetches: str
    ) -> Plan:
        """Make the plan for an evaluation, and log what it suggests."""
        targets = planning.targets(queryset.model, history) if forms.routers_choose() else frozenset()
        form = forms.form_of(queryset, targets)
        if no_prefetches:
            form = replace(form, no_prefetches=no_prefetches)
        plan, is_new = planning.plan(standing, history, form, config)
        if is_new and config.learns and config.log_suggestions:
            advising.log_once(standing, plan, history.profile)
        return plan

    def fetch(self, queryset: AnyQuerySet, fetch_all: Fetch, run: Run) -> tuple[int, int]:
        """Run the query with the plan applied, or plainly where that fails.

        Returns:
            the queries that the caller's own queryset took, and those that loaded ahead.
        """
        fault: Exception | None = None
        counted = marks.counting(queryset)
        try:
            with states.tracked_rows(rewritten := self.rewritten(queryset, run)), counted as count:
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
            return 1, 0
        return count.queries, self.load_ahead(marks.rows_of(queryset), run, queryset.db)

    def rewritten(self, queryset: AnyQuerySet, run: Run) -> AnyQuerySet:
        """Return what is to run in place of a marked queryset."""
        return marks.runnable(queryset) if run.plan.is_empty else rewriting.with_joins(queryset, run.plan)

    def load_ahead(self, rows: list[Any], run: Run, using: str) -> int:
        """Prefetch what the plan does not join; return how many queries it took."""
        if run.plan.is_empty:
            return 0
        with shielded(run.standing, using):
            run.recording.loading_ahead()
            if slow := run.recording.watches.not_ahead():
                run.plan = planning.without(run.plan, slow)
            most = min(conf.current().max_batch, batching.MOST)
            return rewriting.load_ahead(rows, run.plan, using, most, run.recording.watches)
        return 0

    def track(self, run: Run, rows: list[Any], own: int, ahead: int) -> None:
        """Make the rows peers, with what was loaded along with them."""
        tracking.track_rows(run.recording, rows)
        tracking.track_branches(run.recording, rows, run.plan.branches)
        run.recording.evaluated(len(rows), own, ahead)
        self.close(writes.came_into_use(run.recording))

    # What was learned

    def known(self) -> list[tuple[Standing, History]]:
        """Return the call sites of this process with what is known of them now."""
        self.take_in()
        pairs = [(standing, self.store.load(standing.site.key)) for standing in self.standings.all()]
        return [(standing, found or UNKNOWN) for standing, found in pairs if found is not None or standing.quarantined]

    def take_in(self) -> None:
        """Merge all that was learned here until now."""
        for recording in writes.recordings():
            recording.close()
        reading.end()
        self.collector.merge()

    def everything(self) -> dict[str, History]:
        """Return what the store knows, which is what all processes have learned, by the keys of the call sites."""
        self.open_store(conf.current())
        self.take_in()
        return dict(self.store.items())

    def forget(self, key: str) -> None:
        """Forget one call site, here and in the store; other processes forget it when they look into the store."""
        self.open_store(conf.current())
        self.take_in()
        self.store.delete(key)
        self.standings.drop(key)

    def planned_for(self, standing: Standing, history: History) -> Plan:
        """Return what the next evaluation of a call site would load ahead."""
        if standing.form is None or standing.quarantined:
            return Plan(Model)
        planning.replan_below(standing, history, conf.current())
        return planning.plan(standing, history, standing.form, conf.current())[0]

    def settle(self, **kwargs: object) -> None:
        """Merge what a request showed, and log the suggestions that follow from it."""
        routes.left()
        self.close(writes.forget())
        with shielded(None, None):
            reading.end()
        config = conf.current()
        for key in self.collector.merge():
            standing = self.standings.get(key)
            with shielded(standing, None):
                history = self.store.load(key)
                if standing is not None and history is not None and config.learns and config.log_suggestions:
                    advising.log_once(standing, self.planned_for(standing, history), history.profile)

    def close(self, recordings: Iterable[Recording]) -> None:
        """Count what was used in evaluations that are over."""
        for recording in recordings:
            standing = self.standings.get(recording.key)
            with shielded(standing, None):
                recording.close()
                if standing is not None:
                    standing.closed(recording)

    def failed(self) -> None:
        """Take note that the request that runs here ends in an error."""
        with shielded(None, None):
            for recording in writes.recordings():
                recording.failed()

    def news_failed(self, key: str, fault: Exception) -> None:
        """Quarantine the call site whose counts could not be merged."""
        quarantine(self.standings.get(key), fault)

    def keep_in(self, store: MemoryStore) -> None:
        """Keep what is learned in a memory that takes the place of the store of the settings."""
        self.setting, self.store = conf.current().store, store
        self.collector = Collector(store, self.news_failed)

    @contextmanager
    def apart(self, store: MemoryStore) -> Iterator[None]:
        """Know nothing inside the block but what a store knows, and nothing of it afterwards.

        It is so for all threads, which is why only tests can use it.
        """
        around = self.setting, self.store, self.collector, self.standings
        self.keep_in(store)
        self.standings = Standings(gave_up)
        try:
            yield
        finally:
            self.setting, self.store, self.collector, self.standings = around

    def reset(self) -> None:
        """Forget everything."""
        epochs.resume()
        writes.forget()
        reading.forget()
        forget()
        self.collector = Collector(self.store, self.news_failed)  # recordings of before tell the old one
        self.store.clear()
        self.standings.clear()


def _not_learned(recording: Recording) -> None:
    """Take no note of news: MODE "apply" and "strict" learn nothing."""


engine = Evaluations()


def install() -> None:
    """Hook Django, the first time this is called in a process."""
    if hooks.install(engine):
        request_finished.connect(engine.settle, dispatch_uid="autoprefetch.settle")


conf.when_scope_widens(install)
