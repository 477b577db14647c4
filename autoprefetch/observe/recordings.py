"""Recordings: what one evaluation showed.

A recording holds counts and no instances. Its counts reach the profile as they happen: whatever is new is handed over
by `take`, any number of times.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable
from weakref import WeakValueDictionary

from django.db.models import Model

from autoprefetch.learn.histories import History
from autoprefetch.learn.profiles import Path, Profile, Span, Usage
from autoprefetch.observe import epochs
from autoprefetch.observe.callsites import CallSite
from autoprefetch.observe.counts import Ahead, Count, Written, same
from autoprefetch.observe.epochs import Freshness
from autoprefetch.observe.peers import PeerGroup
from autoprefetch.observe.watching import Watches
from autoprefetch.plan.relations import Relation

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

    Attributes:
        number: the number of the evaluation in the life of the process.
        era: the era in which it counts.
        began_at: the number of the last write before the root query.
        loaded_ahead_at: the number of the last write before the latest rows were prefetched.
    """

    __slots__ = (
        "_ahead",
        "_claims",
        "_counts",
        "_eager",
        "_has_news",
        "_new",
        "_new_eager",
        "_on_news",
        "_sizes",
        "_written",
        "batched",
        "began_at",
        "era",
        "groups",
        "has_failed",
        "history",
        "loaded_ahead_at",
        "model",
        "number",
        "site",
        "watches",
    )

    def __init__(
        self,
        site: CallSite,
        model: type[Model],
        eager: frozenset[Path],
        history: History,
        on_news: Callable[[Recording], None],
        watches: Watches,
    ) -> None:
        self.site = site
        self.model = model
        self.watches = watches
        self.has_failed = False
        self.history = history
        self.number = next(_numbers)
        self.era = history.era
        self.batched: set[Path] = set()
        self.began_at = self.loaded_ahead_at = epochs.now()
        self.groups: WeakValueDictionary[Path, PeerGroup] = WeakValueDictionary()
        self._ahead: dict[Path, Ahead] = {}
        self._eager = eager
        self._new_eager = eager
        self._on_news = on_news
        self._has_news = False
        self._counts: dict[Path, Count] = {}
        self._sizes: dict[Path, int] = {}
        self._claims: dict[Path, int] = {}
        self._written = Written()
        self._new = {"evaluations": 1, "rows": 0, "warm": int(bool(eager)), "queries": 0, "own": 0, "failed": 0}

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
        return group

    def entered(self, path: Path, instances: int) -> None:
        """Count instances that joined the peers at a path."""
        self._sizes[path] = self._sizes.get(path, 0) + instances

    def shared(self, path: Path, rows: int) -> None:
        """Count the rows that share the instances of a to-one path; plain Django gives each row one of its own."""
        self._claims[path] = self._claims.get(path, 0) + rows

    def evaluated(self, rows: int, own: int, ahead: int) -> None:
        """Count the rows of the root query, the queries of the caller's own queryset, and those that loaded ahead."""
        self._new["rows"] += rows
        self._new["own"] += own
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
        count = self._counts.get(path)
        if count is None:
            count = self._counts[same(path)] = Count(evaluations=1, first_access=place(), built=built)
        count.loads += 1
        self._written.read(tables)
        self._tell()

    def ran(self, queries: int) -> None:
        """Count queries that really ran."""
        self._new["queries"] += queries
        self._tell()

    def brought(self, path: Path, rows: int, *, is_to_one: bool = False) -> None:
        """Count the instances that a lazy load brought."""
        self._counts[path].rows += rows
        if is_to_one:
            self.shared(path, 1)
        self._tell()

    def recalled(self, path: Path, rows: int, tables: frozenset[str]) -> None:
        """Count a load of a path that was loaded before: the instances that it brought, and the tables that it read."""
        count = self._counts[path]
        count.loads += 1
        count.rows += rows
        self._written.read(tables)
        self._tell()

    def refused(self, path: Path) -> None:
        """Count a lazy load that Django refused because it was tried in async code."""
        self._counts[path].refused += 1
        self._tell()

    def loads_ahead(self, paths: frozenset[Path]) -> None:
        """Take note of paths that are loaded ahead below a derived query."""
        self._new_eager |= paths - self._eager
        self._eager |= paths

    def loading_ahead(self) -> None:
        """Take note that rows are about to be prefetched, which may be long after the query of a stream."""
        self.loaded_ahead_at = epochs.now()

    def loaded_ahead(self, path: Path, known: Relation, ahead: Freshness) -> None:
        """Remember what tells how often the rows are used that were just loaded ahead along a path."""
        self._ahead.setdefault(path, Ahead(known)).add(ahead)

    def unused(self) -> frozenset[Path]:
        """Return the paths whose rows were loaded ahead last and not used."""
        return frozenset(path for path, ahead in self._ahead.items() if not ahead.loads[-1].uses)

    def idle(self) -> frozenset[Path]:
        """Return the paths that were loaded ahead and not used; none where the request ended in an error."""
        return frozenset() if self.has_failed else self._eager - self._counts.keys()

    def accessed(self) -> Iterable[Path]:
        """Return the paths that were used, however they were loaded."""
        return self._counts.keys()

    def failed(self) -> None:
        """Take note that the request ended in an error: what was not used by then may have been used otherwise."""
        self._new["failed"] = 1
        self.has_failed = True
        self._tell()

    def close(self) -> None:
        """Count what of the rows that were loaded ahead was used, now that the evaluation is over."""
        before = sum(count.loads for count in self._counts.values())
        self._count_uses()
        if before < sum(count.loads for count in self._counts.values()):
            self._tell()

    def wrote(self, tables: frozenset[str], everything: bool) -> None:
        """Remember a write to tables or to everything; it counts once something is read from them afterwards."""
        self._written.wrote(tables, everything)

    def take(self) -> Profile:
        """Hand over what is new as counts to add to a profile."""
        self._has_news = False
        new, self._new = self._new, dict.fromkeys(self._new, 0)
        written = self._written.take()
        self._count_uses()
        usages = {path: usage for path, count in list(self._counts.items()) if (usage := self._usage(path, count))}
        eager, self._new_eager = self._new_eager, frozenset()
        for path in eager:
            usages[path] = usages.get(path, Usage()).merged_with(Usage(eager=1))
        is_warm = bool(self._eager)
        return Profile(
            evaluations=new["evaluations"],
            failed=new["failed"],
            rows=new["rows"],
            own_queries=new["own"],
            warm=new["warm"],
            warm_queries=new["queries"] if is_warm else 0,
            usages=usages,
            written=written,
        )

    def _count_uses(self) -> None:
        """Count the first uses of what was loaded ahead: plain Django would have loaded each."""
        for path, ahead in list(self._ahead.items()):
            if uses := ahead.new_uses():
                count = self._counts.get(path)
                if count is None:
                    count = self._counts[same(path)] = Count(evaluations=1)
                count.loads += uses
                rows = round(uses * self._rows_each(path)) if ahead.known.is_to_many else uses
                count.rows += rows
                if ahead.known.is_shared or ahead.known.is_to_many:
                    self.shared(path, rows)

    def _rows_each(self, path: Path) -> float:
        return self._sizes.get(path, 0) / max(self._sizes.get(path[:-1], 0), 1)

    def _loads(self, path: Path, count: Count) -> int:
        """Return the loads that plain Django would have made where some were counted."""
        if self._is_asked_each_time(path):
            return count.loads
        return round(count.loads * self._sharing(path[:-1]))

    def _usage(self, path: Path, count: Count) -> Usage | None:
        offered, distinct = self._sizes.get(path[:-1], 0), self._sizes.get(path, 0)
        if not count.loads and offered == count.offered_before:
            return None
        usage = Usage(
            evaluations=count.evaluations,
            offered=offered - count.offered_before,
            loads=self._loads(path, count),
            rows=count.rows,
            refused=count.refused,
            first_access=count.first_access,
            built=count.built,
            distinct=distinct - count.distinct_before,
        )
        self._counts[path] = Count(
            first_access=count.first_access, built=count.built, offered_before=offered, distinct_before=distinct
        )
        return usage

    def _sharing(self, path: Path) -> float:
        """Return how many parents share one instance at a path.

        A batch gives rows with the same key one instance, which loads a to-one relation below it once; plain Django
        gives each row its own. A to-many relation is asked for each time in both.
        """
        if path not in self._claims:
            return 1.0
        own = max(self._claims[path] / max(self._sizes.get(path, 0), 1), 1.0)
        return own if self._is_asked_each_time(path) else own * self._sharing(path[:-1])

    def _is_asked_each_time(self, path: Path) -> bool:
        ahead = self._ahead.get(path)
        return path not in self._claims or (ahead is not None and ahead.known.is_to_many)

    def _tell(self) -> None:
        if not self._has_news:
            self._has_news = True
            self._on_news(self)
