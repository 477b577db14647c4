"""Root queries that are streamed: `iterator()` and `aiterator()`, a window at a time, so that rows have peers."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractContextManager, nullcontext, suppress
from dataclasses import dataclass
from itertools import islice, repeat
from typing import Any

from asgiref.sync import sync_to_async

from autoprefetch import conf
from autoprefetch.apply import batching, planning
from autoprefetch.apply.standing import Standing
from autoprefetch.faults import is_callers, quarantine, shielded
from autoprefetch.loading import Loading
from autoprefetch.observe import callsites, origins, uses
from autoprefetch.observe.recordings import Recording
from autoprefetch.orm import marks, states
from autoprefetch.orm.given import Measured
from autoprefetch.orm.marks import AnyQuerySet
from autoprefetch.plan.plans import Plan

_LONGEST_WINDOW = 2000  # rows that Django's own iterator fetches at a time


@dataclass(slots=True)
class Run:
    """One evaluation that is under way; where it is inspected, it is measured what its prefetches take."""

    standing: Standing
    plan: Plan
    recording: Recording
    measured: Measured | None = None


class Streaming(Loading):
    """The half of the engine that streams; how an evaluation begins and is tracked is in `evaluation.py`."""

    @abstractmethod
    def begin(self, queryset: AnyQuerySet, no_prefetches: str = "") -> Run | None:
        """Find the call site of an evaluation and its plan."""

    @abstractmethod
    def rewritten(self, queryset: AnyQuerySet, run: Run) -> AnyQuerySet:
        """Return what is to run in place of a marked queryset."""

    @abstractmethod
    def load_ahead(self, rows: list[Any], run: Run, using: str) -> int:
        """Prefetch what the plan does not join; return how many queries it took."""

    @abstractmethod
    def track(self, run: Run, rows: list[Any], own: int, ahead: int) -> None:
        """Make the rows peers."""

    def stream(
        self, queryset: AnyQuerySet, chunk_size: int | None, plain: Callable[[AnyQuerySet], Iterator[Any]]
    ) -> Iterator[Any]:
        """Yield the rows of a marked queryset from `iterator()`."""
        run = self.begin(queryset, "" if chunk_size else "iterator() without a chunk size takes no prefetch")
        if run is None:
            yield from plain(marks.unmarked(queryset))
            return
        with states.tracked_rows(rewritten := self.streamed(queryset, run)):
            rows = self.opened(queryset, run, plain(rewritten), plain)
            own = 1
            sizes = repeat(chunk_size) if chunk_size else _windows()
            while chunk := list(islice(rows, next(sizes))):
                self.finish(run, chunk, own, queryset.db)
                own = 0
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
        with states.tracked_rows(rewritten := self.streamed(queryset, run)):
            chunk: list[Any] = []
            own = 1
            async for row in self.aopened(queryset, run, plain(rewritten), plain):
                chunk.append(row)
                if len(chunk) == chunk_size:
                    await sync_to_async(self.finish)(run, chunk, own, queryset.db)
                    for ready in chunk:
                        yield ready
                    chunk, own = [], 0
            await sync_to_async(self.finish)(run, chunk, own, queryset.db)
            for ready in chunk:
                yield ready

    def streamed(self, queryset: AnyQuerySet, run: Run) -> AnyQuerySet:
        """Return what is to be streamed in place of a marked queryset."""
        with shielded(run.standing, queryset.db):
            if conf.current().learns:
                uses.leave(run.recording, queryset)
            return marks.unmarked(self.rewritten(queryset, run))
        run.plan = planning.observing(run.plan)
        return marks.unmarked(queryset)

    def opened(
        self, queryset: AnyQuerySet, run: Run, rows: Iterator[Any], plain: Callable[[AnyQuerySet], Iterator[Any]]
    ) -> Iterator[Any]:
        """Yield the rows of a plan, or plain ones where the first of them fails."""
        fault: Exception | None = None
        try:
            yield from islice(rows, 1)
        except Exception as error:
            fault = error
        yield from rows if fault is None else plain(self.plain_again(queryset, run, fault))

    async def aopened(
        self,
        queryset: AnyQuerySet,
        run: Run,
        rows: AsyncIterator[Any],
        plain: Callable[[AnyQuerySet], AsyncIterator[Any]],
    ) -> AsyncIterator[Any]:
        """Yield the rows of a plan in async code, or plain ones where the first of them fails."""
        fault: Exception | None = None
        try:
            first = [row async for row in _one(rows)]
        except Exception as error:
            first, fault = [], error
        for row in first:
            yield row
        async for row in rows if fault is None else plain(self.plain_again(queryset, run, fault)):
            yield row

    def plain_again(self, queryset: AnyQuerySet, run: Run, fault: Exception) -> AnyQuerySet:
        """Return what is to be streamed after a plan failed; an error of the caller's own is raised."""
        if run.plan.is_empty or is_callers(fault, queryset.db):
            raise fault
        quarantine(run.standing, fault)
        run.plan = planning.observing(run.plan)
        return marks.unmarked(queryset)

    def finish(self, run: Run, chunk: list[Any], own: int, using: str) -> None:
        """Load ahead and track one chunk of a stream."""
        with shielded(run.standing, None):
            for group in list(run.recording.groups.values()):
                group.begin_window()
            if unused := run.recording.tally.unused():
                run.plan = planning.without(run.plan, unused)
        ahead = self.load_ahead(chunk, run, using)
        with shielded(run.standing, using):
            self.track(run, chunk, own, ahead)

    def taking_frames(self, queryset: AnyQuerySet) -> AbstractContextManager[None]:
        """Take the frames that evaluate now, before the work moves to another thread."""
        config = conf.current()
        if config.mode != "off":
            with shielded(None, None):
                return callsites.taken(origins.evaluating(config.call_site_depth))
        return nullcontext()


def _windows() -> Iterator[int]:
    """Yield how many rows of a stream are made instances at a time, so that they have peers: more and more of them."""
    size = batching.FIRST
    while True:
        yield size
        size = min(size * batching.WIDER, _LONGEST_WINDOW)


async def _one(rows: AsyncIterator[Any]) -> AsyncIterator[Any]:
    """Yield the next row, if there is one."""
    with suppress(StopAsyncIteration):
        yield await anext(rows)
