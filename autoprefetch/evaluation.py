"""One evaluation of an automatic queryset, from its call site to its instances.

Cold, the plain query runs, and the instances tell what they load lazily. Warm, the plan made from what is known of the
call site is applied: joins on the query, the rest prefetched. Whatever fails in here is logged once, and the plain
query runs.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import lru_cache
from typing import Any

from django.core.signals import request_finished
from django.db import connections
from django.db.models import Model

from autoprefetch import advise, conf
from autoprefetch.apply import batching, planning, rewriting
from autoprefetch.apply.standing import Standing
from autoprefetch.conf import Config
from autoprefetch.faults import is_callers, quarantine, shielded
from autoprefetch.knowing import Knowing
from autoprefetch.learn.histories import UNKNOWN, History
from autoprefetch.observe import callsites, epochs, following, origins, reading, tracking, uses, writes
from autoprefetch.observe.callsites import CallSite, Location
from autoprefetch.observe.comments import NO_COMMENT
from autoprefetch.observe.marks import mark_of
from autoprefetch.observe.recordings import Recording
from autoprefetch.orm import forms, hooks, marks, scopes, states
from autoprefetch.orm.given import Measured, annotates
from autoprefetch.orm.marks import AnyQuerySet
from autoprefetch.plan.patterns import matching
from autoprefetch.plan.plans import Plan
from autoprefetch.streaming import Run

Fetch = Callable[[AnyQuerySet], None]


class Evaluations(Knowing):
    """The engine behind the hooks (see `orm/engine.py`): it knows every room of the house, and no room knows it."""

    def evaluate(self, queryset: AnyQuerySet, fetch_all: Fetch) -> None:
        """Fill the result cache of an automatic queryset."""
        run = self.begin(queryset)
        if run is None:
            marks.fetch_as(queryset, marks.runnable(queryset), fetch_all)
            return
        own, ahead = self.fetch(queryset, fetch_all, run)
        with shielded(run.standing, queryset.db):
            if run.measured is not None:
                reading.begin(run.recording)
            self.track(run, marks.rows_of(queryset), own, ahead)
            if conf.current().learns:
                self.look_at_given(run, queryset)

    def is_in_scope(self, queryset: AnyQuerySet) -> bool:
        """Tell whether `SCOPE` makes a queryset automatic that carries no mark."""
        config = conf.current()
        if not config.widens:
            return False
        with shielded(None, None):
            scopes.install(_building)
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
        if site.comment is not NO_COMMENT and _left_alone(site, queryset.model):
            return None
        if config.ignore and _named_in(config.ignore, site.origin):
            return None
        standing = self.standings.of(site, mark, config.max_call_sites)
        return None if standing.quarantined else standing

    def planned(self, queryset: AnyQuerySet, standing: Standing, config: Config, no_prefetches: str) -> Run | None:
        """Make the plan for an evaluation, and start its recording; None where people ignore the call site."""
        if config.store is not self.setting:
            self.open_store(config)
        reading.end()
        self.collector.merge_what_matters()
        self.store.limit = config.max_call_sites
        history = self.store.load(standing.site.key) or UNKNOWN
        standing.heed(history.decisions)
        if history.is_ignored:
            return None
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
            is_counted=counts or following.is_on(),
            told=standing.tells(history, scopes.built_at(queryset) if standing.mark.by_scope else None),
        )
        inspects = config.learns and reading.is_due(standing.evaluations)
        return Run(standing, applied, recording, Measured() if inspects else None)

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
            advise.log_once(standing, plan, history, self.alike(standing, history))
        return plan

    def fetch(self, queryset: AnyQuerySet, fetch_all: Fetch, run: Run) -> tuple[int, int]:
        """Run the query with the plan applied, or plainly where that fails.

        Returns:
            the queries that the caller's own queryset took, and those that loaded ahead.
        """
        fault: Exception | None = None
        counted = run.measured or marks.counting(queryset)
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
            if slow := run.recording.timing.watches.not_ahead():
                run.plan = planning.without(run.plan, slow)
            most = min(conf.current().max_batch, batching.MOST)
            return rewriting.load_ahead(rows, run.plan, using, most, run.recording.timing)
        return 0

    def look_at_given(self, run: Run, queryset: AnyQuerySet) -> None:
        """Look at what the caller's own query loads, where that is due."""
        is_first = run.standing.evaluations == 1
        if run.measured is not None or is_first or annotates(queryset):
            spent = run.measured.spent if run.measured is not None else {}
            uses.look_at(run.recording, queryset, marks.rows_of(queryset), spent, is_first=is_first)

    def track(self, run: Run, rows: list[Any], own: int, ahead: int) -> None:
        """Make the rows peers, with what was loaded along with them."""
        following.follow(run.recording, run.plan)
        tracking.track_rows(run.recording, rows)
        tracking.track_branches(run.recording, rows, run.plan.branches)
        run.recording.evaluated(len(rows), own, ahead)
        self.close(writes.came_into_use(run.recording))


def _left_alone(site: CallSite, model: type[Model]) -> bool:
    """Tell whether the comment beside a call site lets it run as plain Django; what is wrong with it is logged."""
    advise.warn_once(site, model)
    return site.comment.is_whole


@lru_cache(10_000)
def _named_in(patterns: tuple[str, ...], origin: Location) -> bool:
    """Tell whether a pattern matches a call site, or the file that it is in."""
    return bool(matching(patterns, origin.key, origin.path))


def _not_learned(recording: Recording) -> None:
    """Take no note of news: MODE "apply" and "strict" learn nothing."""


engine = Evaluations()


def install() -> None:
    """Hook Django, the first time this is called in a process."""
    if hooks.install(engine):
        request_finished.connect(engine.settle, dispatch_uid="autoprefetch.settle")


def _building() -> Location | None:
    """Find where the application is building a queryset that `SCOPE` may make automatic."""
    with shielded(None, None):
        config = conf.current()
        return callsites.innermost() if config.widens and config.learns else None
    return None  # a fault, see `shielded`


def widened() -> None:
    """Hook Django, and leave alone what it reads for itself: querysets are automatic that nobody gave to `auto()`."""
    install()
    scopes.install(_building)


conf.when_scope_widens(widened)
