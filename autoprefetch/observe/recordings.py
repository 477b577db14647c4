"""Recordings: what one evaluation showed.

A recording holds counts and no instances. Its counts reach the profile as they happen: whatever is new is handed over
by `take`, any number of times.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any
from weakref import WeakValueDictionary

from django.db.models import Model
from django.db.models.constants import LOOKUP_SEP

from autoprefetch.learn.given import Given
from autoprefetch.learn.histories import History
from autoprefetch.learn.profiles import Path, Profile, Span, Usage
from autoprefetch.observe import epochs
from autoprefetch.observe.callsites import CallSite
from autoprefetch.observe.counts import Written
from autoprefetch.observe.following import Followed
from autoprefetch.observe.peers import PeerGroup
from autoprefetch.observe.tallies import Tally
from autoprefetch.observe.timing import Timing
from autoprefetch.observe.watching import Watches
from autoprefetch.signals import lazy_load_found, tell

if TYPE_CHECKING:
    from autoprefetch.observe.reading import Reading

_numbers = itertools.count()


class Recording:
    """Counts what the instances of one evaluation load.

    Args:
        site: the call site that evaluates.
        model: the model of the rows.
        eager: the paths that the plan loads ahead.
        history: what was known of the call site when the evaluation began.
        on_news: called with the recording when it has something new after it was last taken.
        watches: what is known of the time that batches take at this call site.
        is_counted: whether it counts what is accessed; else it counts itself, its rows and its queries, until it loads
            lazily what was never loaded at this call site.
        told: what its queryset tells beside the counts, when that is to be told: how it is written, and where.

    Attributes:
        number: the number of the evaluation in the life of the process.
        era: the era in which it counts.
        began_at: the number of the last write before the root query.
        followed: what a person who looks at the request is told; None where nobody does.
        reading: inspects which columns are read; None in most evaluations.
        tally: counts path by path.
        timing: times its queries.
        loaded_ahead_at: the number of the last write before the latest rows were prefetched.
    """

    __slots__ = (
        "_columns",
        "_eager",
        "_given",
        "_has_news",
        "_new_eager",
        "_on_news",
        "_queries",
        "_sums",
        "_told",
        "_written",
        "batched",
        "began_at",
        "era",
        "followed",
        "groups",
        "has_failed",
        "history",
        "is_counted",
        "loaded_ahead_at",
        "model",
        "number",
        "reading",
        "site",
        "tally",
        "timing",
    )

    def __init__(
        self,
        site: CallSite,
        model: type[Model],
        eager: frozenset[Path],
        history: History,
        on_news: Callable[[Recording], None],
        watches: Watches,
        *,
        is_counted: bool = True,
        told: Profile | None = None,
    ) -> None:
        self.site, self.model = site, model
        self.timing = Timing(watches)
        self.has_failed = False
        self.history = history
        self.is_counted = is_counted
        self.number = next(_numbers)
        self.era = history.era
        self.batched: set[Path] = set()
        self.began_at = self.loaded_ahead_at = epochs.now()
        self.groups: WeakValueDictionary[Path, PeerGroup] = WeakValueDictionary()
        self.followed: Followed | None = None
        self.reading: Reading | None = None
        self._columns: Mapping[Path, frozenset[str]] = {}
        self._given: Mapping[str, Given] = {}
        self._eager = self._new_eager = eager
        self._on_news = on_news
        self._has_news = False
        self.tally = Tally()
        self._told = told
        self._written = Written()
        self._sums = {"evaluations": 1, "warm": int(bool(eager)), "uncounted": int(not is_counted)}
        self._queries = 0

    @property
    def key(self) -> str:
        """The key of the call site."""
        return self.site.key

    @property
    def profile(self) -> Profile:
        """What was known of the call site when the evaluation began."""
        return self.history.profile

    def group(self, path: Path, model: type[Model]) -> PeerGroup:
        """Return the peer group of a path; it lives as long as an instance belongs to it."""
        group = self.groups.get(path)
        if group is None:
            group = self.groups[path] = PeerGroup(self, path, model)
            if self.reading is not None:
                group.read = self.reading.of(path, model)
        return group

    def evaluated(self, rows: int, own: int, ahead: int) -> None:
        """Count the rows of the root query, the queries of the caller's own queryset, and those that loaded ahead."""
        self._add("rows", rows)
        self._add("own_queries", own)
        self.ran(own + ahead)

    def loaded(
        self, path: Path, place: Callable[[], str], built: Span = (), tables: frozenset[str] = frozenset()
    ) -> None:
        """Count what plain Django would load lazily.

        Args:
            path: what is loaded.
            place: names where; asked on the first load of a path only.
            built: where a derived query was built.
            tables: what it reads; a table that was written to before counts as written at this call site.
        """
        if self.tally.loaded(path, place, built) and path not in self.profile.usages:
            self._count_from_now()
        self._written.read(tables)
        self._tell()

    def ran(self, queries: int) -> None:
        """Count queries that really ran."""
        if self.followed is not None:
            self.followed.queries += queries
        self._queries += queries
        self._tell()

    def ran_alone(self, path: Path) -> None:
        """Count a query that really ran for one instance by itself."""
        if self.followed is not None:
            self.followed.ran_alone(path)
        self.ran(1)

    def brought(self, path: Path, rows: int, *, is_to_one: bool = False) -> None:
        """Count the instances that a lazy load brought."""
        self.tally.brought(path, rows, is_to_one=is_to_one)
        self._tell()

    def recalled(self, path: Path, rows: int, tables: frozenset[str]) -> None:
        """Count a load of a path that was loaded before: the instances that it brought, and the tables that it read."""
        self.tally.recalled(path, rows)
        self._written.read(tables)
        self._tell()

    def refused(self, path: Path) -> None:
        """Count a lazy load that Django refused because it was tried in async code."""
        if self.followed is not None:
            self.followed.queries -= 1  # it was counted when it was tried
        self.tally.refused(path)
        self._tell()

    def loads_ahead(self, paths: frozenset[Path]) -> None:
        """Take note of paths that are loaded ahead below a derived query."""
        self._new_eager |= paths - self._eager
        self._eager |= paths

    def loading_ahead(self) -> None:
        """Take note that rows are about to be prefetched, which may be long after the query of a stream."""
        self.loaded_ahead_at = epochs.now()

    def idle(self) -> frozenset[Path]:
        """Return the paths that were loaded ahead and not used; none where the request ended in an error."""
        return frozenset() if self.has_failed else self._eager - self.tally.accessed()

    def read(self, columns: Mapping[Path, frozenset[str]]) -> None:
        """Take note of the columns that were read at each path (attnames), now that all instances are gone."""
        self._columns = columns
        self._add("inspected", 1)
        self._tell()

    def loads(self, given: Mapping[str, Given]) -> None:
        """Take note of what the caller's own query loads, and what of it was used."""
        self._given = {**self._given, **given}
        self._tell()

    def failed(self) -> None:
        """Take note that the request ended in an error: what was not used by then may have been used otherwise."""
        self._count_from_now()
        if not self.has_failed:
            self.has_failed = True
            self._add("failed", 1)
            self._tell()

    def _count_from_now(self) -> None:
        """Count what is accessed, from the beginning: all of it is known still."""
        if not self.is_counted:
            self.is_counted = True
            self._add("uncounted", -1)

    def close(self) -> None:
        """Count what of the rows that were loaded ahead was used, now that the evaluation is over."""
        if self.is_counted and self.tally.count_uses():
            self._tell()

    def wrote(self, tables: frozenset[str], everything: bool) -> None:
        """Remember a write to tables or to everything; it counts once something is read from them afterwards."""
        self._written.wrote(tables, everything)

    def take_counts(self) -> Mapping[str, int] | None:
        """Hand over what is new if it is nothing but counts of the root query, by their names in a profile."""
        self._has_news = False
        if self._told is not None or self.followed is not None or self._given or self._columns:
            return None
        if self._written.has_news or self.timing.has_news:
            return None
        if self.is_counted and (self._new_eager or self.tally.has_news):
            return None
        return self._take_sums()

    def take(self) -> Profile:
        """Hand over what is new as counts to add to a profile."""
        self._has_news = False
        given, self._given = self._given, {}
        taken = Profile(
            **self._take_sums(),
            usages=self._new_usages() if self.is_counted else {},
            written=self._written.take(),
            sizes=self.tally.sizes() if self.is_counted else {},
            columns=self._columns,
            given=given,
            times=self.timing.take(),
        )
        if self._told is not None:
            taken, self._told = taken.merged_with(self._told), None
        if self.followed is not None:
            self.followed.counts = self.followed.counts.merged_with(taken)
        return taken

    def _add(self, name: str, count: int) -> None:
        sums = self._sums  # looked up once: another thread may be about to hand them over
        sums[name] = sums.get(name, 0) + count

    def _take_sums(self) -> dict[str, Any]:
        sums, self._sums = self._sums, {}
        queries, self._queries = self._queries, 0
        if self._eager:
            sums["warm_queries"] = queries
        return sums

    def _new_usages(self) -> dict[Path, Usage]:
        usages = self.tally.usages()
        for path, usage in usages.items():
            if usage.evaluations and path not in self.profile.usages and path not in self._eager:
                lookup, loads = LOOKUP_SEP.join(path), usage.loads
                tell(lazy_load_found, self.model, self.site.name, path=lookup, loads=loads, place=usage.first_access)
        eager, self._new_eager = self._new_eager, frozenset()
        for path in eager:
            usages[path] = usages.get(path, Usage()).merged_with(Usage(eager=1))
        return usages

    def _tell(self) -> None:
        if not self._has_news:
            self._has_news = True
            self._on_news(self)
