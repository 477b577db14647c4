"""The tally of one evaluation: what is counted path by path, and what of it is new since it was last handed over."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Set

from autoprefetch.learn.profiles import Path, Sizes, Span, Usage, size_class
from autoprefetch.observe.counts import Ahead, Count, same
from autoprefetch.observe.epochs import Freshness
from autoprefetch.plan.relations import Relation


class Tally:
    """Counts what the instances of one evaluation load."""

    __slots__ = ("_ahead", "_claims", "_counts", "_sets", "_sizes")

    def __init__(self) -> None:
        self._ahead: dict[Path, Ahead] = {}
        self._counts: dict[Path, Count] = {}
        self._sizes: dict[Path, int] = {}
        self._claims: dict[Path, int] = {}
        self._sets: dict[Path, dict[int, int]] = {}

    def entered(self, path: Path, instances: int) -> None:
        """Count instances that joined the peers at a path."""
        self._sizes[path] = self._sizes.get(path, 0) + instances

    def shared(self, path: Path, rows: int) -> None:
        """Count the rows that share the instances of a to-one path; plain Django gives each row one of its own."""
        self._claims[path] = self._claims.get(path, 0) + rows

    def loaded(self, path: Path, place: Callable[[], str], built: Span) -> bool:
        """Count a load that plain Django would make, and tell whether it is the first of its path."""
        count = self._counts.get(path)
        is_first = count is None
        if count is None:
            count = self._counts[same(path)] = Count(evaluations=1, first_access=place(), built=built)
        count.loads += 1
        return is_first

    def brought(self, path: Path, rows: int, *, is_to_one: bool = False) -> None:
        """Count the instances that a load brought."""
        self._counts[path].rows += rows
        if is_to_one:
            self.shared(path, 1)
        else:
            self.sized(path, rows)

    def sized(self, path: Path, rows: int) -> None:
        """Count a set by its size."""
        sizes = self._sets.setdefault(path, {})
        size = size_class(rows)
        sizes[size] = sizes.get(size, 0) + 1

    def recalled(self, path: Path, rows: int) -> None:
        """Count a load of a path that was loaded before, and the instances that it brought."""
        count = self._counts[path]
        count.loads += 1
        count.rows += rows
        if path in self._sets:
            self.sized(path, rows)

    def refused(self, path: Path) -> None:
        """Count a load that Django refused."""
        self._counts[path].refused += 1

    def loaded_ahead(self, path: Path, known: Relation, ahead: Freshness) -> None:
        """Remember what tells how often the rows are used that were just loaded ahead along a path."""
        self._ahead.setdefault(path, Ahead(known)).add(ahead)

    def unused(self) -> frozenset[Path]:
        """Return the paths whose rows were loaded ahead last and not used."""
        return frozenset(path for path, ahead in self._ahead.items() if not ahead.loads[-1].uses)

    def accessed(self) -> Set[Path]:
        """Return the paths that were used, however they were loaded."""
        return self._counts.keys()

    # What is new

    def count_uses(self) -> bool:
        """Count the first uses of what was loaded ahead, and tell whether there are any.

        Plain Django would have loaded each.
        """
        is_news = False
        for path, ahead in list(self._ahead.items()):
            if uses := ahead.new_uses():
                is_news = True
                count = self._counts.get(path)
                if count is None:
                    count = self._counts[same(path)] = Count(evaluations=1)
                count.loads += uses
                rows = round(uses * self._rows_each(path)) if ahead.known.is_to_many else uses
                count.rows += rows
                if ahead.known.is_shared or ahead.known.is_to_many:
                    self.shared(path, rows)
        return is_news

    @property
    def has_news(self) -> bool:
        """Whether anything was loaded, lazily or ahead, that may not have been handed over."""
        return bool(self._counts or self._ahead)

    def usages(self) -> dict[Path, Usage]:
        """Hand over what is new of each path."""
        self.count_uses()
        return {path: usage for path, count in list(self._counts.items()) if (usage := self._usage(path, count))}

    def sizes(self) -> Mapping[Path, Sizes]:
        """Hand over the sizes of the sets that were brought."""
        sets, self._sets = self._sets, {path: {} for path in self._sets}
        return {path: sizes for path, sizes in sets.items() if sizes}

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
