"""Uses: what of that which the caller's own query loads is used; of an evaluation that is inspected.

Whatever cannot be seen counts as used. What is read of rows that outlive the inspection counts for nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from django.db.models import Model

from autoprefetch.learn.given import Given
from autoprefetch.observe.peers import PeerGroup
from autoprefetch.observe.recordings import Recording
from autoprefetch.orm import attributes, caches, given, loaded, states
from autoprefetch.orm.given import Load, Spent
from autoprefetch.orm.marks import AnyQuerySet


class Noted:
    """Lies beside what the caller loaded, and takes note of its use; what was given is never stale.

    It keeps the peer group of the rows alive, and the inspection with it, for whoever keeps a set and no row.
    """

    __slots__ = ("_group", "_load", "_uses")

    is_given = True

    def __init__(self, uses: Uses, load: Load, group: PeerGroup) -> None:
        self._uses = uses
        self._load = load
        self._group = group

    def are_stale(self) -> bool:
        """Tell that it is not."""
        return False

    def hands_out(self) -> bool:
        """Take note that it is used, or of a set that it is about to be: what is derived from one reads none of it."""
        if not self._load.relation or not self._load.relation.is_to_many or self._load.is_chosen:
            self.count_use()
        return True

    def count_use(self) -> None:
        """Take note that it is used."""
        self._uses.used.add(self._load.text)

    def used(self) -> Noted:
        """Return what takes note of further uses."""
        return self

    def __reduce__(self) -> tuple[Any, ...]:
        return type(None), ()  # whoever copies or pickles what it belongs to has no use for it


class Uses:
    """What one evaluation uses of what its query loads by the caller's choice."""

    def __init__(self) -> None:
        self.used: set[str] = set()
        self._loads: dict[str, Load] = {}
        self._rows: dict[str, int] = {}
        self._spent: Mapping[str, Spent] = {}
        self._by_attribute: dict[str, set[str]] = {}
        self._watched: set[type[Model]] = set()

    def look_at(self, queryset: AnyQuerySet, rows: list[Any], group: PeerGroup, spent: Mapping[str, Spent]) -> None:
        """Take note from now on of what is used.

        Args:
            queryset: what was evaluated.
            rows: its instances.
            group: their peer group.
            spent: what each prefetch took.
        """
        self._spent = spent
        found: dict[Load | None, list[Any]] = {None: rows}
        for load in given.loads_of(queryset):
            parents = found.get(load.above, [])
            if not parents:
                continue
            found[load] = load.rows(parents)
            self._loads[load.text] = load
            self._rows[load.text] = len(parents)
            if load.is_needed or not self._notes(load, parents, group):
                self.used.add(load.text)
        for model in self._watched:
            attributes.watch(model, frozenset(self._by_attribute))

    def _notes(self, load: Load, parents: list[Any], group: PeerGroup) -> bool:
        """Have the uses of a load noted; False where they cannot be seen."""
        if load.attribute:
            model = type(parents[0])
            if any(type(parent) is not model or states.group_of(parent) is None for parent in parents):
                return False
            if not attributes.may_be_watched(model):
                return False
            self._watched.add(model)
            self._by_attribute.setdefault(load.attribute, set()).add(load.text)
            return True
        assert load.relation is not None
        noted = Noted(self, load, group)
        if load.relation.is_to_many:
            return loaded.keep_noting(parents, load.relation, noted)
        caches.keep_waiting(parents, {load.relation.cache: noted})
        return True

    def read(self, attribute: str) -> None:
        """Take note that an attribute was read, or all of them ("")."""
        for name, texts in self._by_attribute.items():
            if attribute in (name, ""):
                self.used |= texts

    def end(self) -> None:
        """Watch no more."""
        for model in self._watched:
            attributes.leave(model)
        self._watched.clear()

    def counts(self, *, is_whole: bool) -> dict[str, Given]:
        """Return what was seen; what a load below it uses is used.

        Args:
            is_whole: whether what was not used will not be used any more: not so where the request failed.
        """
        used: set[str] = set()
        for text in self.used & self._loads.keys():
            load: Load | None = self._loads[text]
            while load is not None:
                used.add(load.text)
                load = load.above
        return {text: self._count(text, text in used) for text in self._loads if is_whole or text in used}

    def _count(self, text: str, is_used: bool) -> Given:
        spent = self._spent.get(text, Spent())
        return Given(1, int(is_used), spent.queries, round(spent.seconds * 1_000_000), self._rows[text])


def look_at(
    recording: Recording, queryset: AnyQuerySet, rows: list[Any], spent: Mapping[str, Spent], *, is_first: bool
) -> None:
    """Look at what a queryset loads by the caller's choice, now that its rows are peers.

    Args:
        recording: that of its evaluation.
        queryset: what was evaluated.
        rows: its instances.
        spent: what each prefetch took.
        is_first: whether it is the first evaluation of its call site in this process, which tells what there is.
    """
    if recording.reading is not None and (group := recording.groups.get(())) is not None:
        recording.reading.uses.look_at(queryset, rows, group, spent)
    elif is_first:
        _tell(recording, given.loads_of(queryset))
    elif given.annotates(queryset) and not _all_used(recording, given.annotated(queryset)):
        _tell(recording, [load for load in given.annotations_of(queryset) if load.is_needed])


def _all_used(recording: Recording, texts: Iterable[str]) -> bool:
    """Tell whether it is known already that each of some loads is used, so that nobody has to look at the query."""
    known = recording.history.totals.given
    return all(text in known and known[text].used for text in texts)


def leave(recording: Recording, queryset: AnyQuerySet) -> None:
    """Count what a queryset loads as used, because nobody looks at its rows."""
    _tell(recording, given.loads_of(queryset), is_used=True)


def _tell(recording: Recording, loads: Iterable[Load], *, is_used: bool = False) -> None:
    """Have it told what is loaded, and what of it is needed, unless that is known."""
    known = recording.history.totals.given
    counts = {load.text: Given(used=int(is_used or load.is_needed)) for load in loads}
    news = {text: one for text, one in counts.items() if text not in known or (one.used and not known[text].used)}
    if news:
        recording.loads(news)
