"""Peers: the live instances that one evaluation loaded at one path."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from weakref import ReferenceType, ref

from django.db.models import Model

from autoprefetch.learn.profiles import Path
from autoprefetch.observe.callsites import Location, innermost
from autoprefetch.observe.epochs import Freshness

if TYPE_CHECKING:
    from autoprefetch.observe.recordings import Recording


_LOOKED_UP = 8  # querysets of one relation whose place is looked up in an evaluation


class Answers(Freshness):
    """What one batch brought for the peers, until each of them claims its part.

    Attributes:
        by_key: what each key is answered with; to-one relations keep the instance, all others raw rows.
        asked: the keys that were asked for.
        fresh: instances made from the rows of a key, which only the first claim gets.
        unmade: the keys whose rows are to be made fresh instances, in order.
        making: what the fresh instances were made by.
        key_of: gives the key of an instance, for to-one relations.
        considered: how many members were asked about them, or could not be.
        expired: how often a write made the answers stale.
        is_shared: whether a peer used them that did not cause the batch.
    """

    __slots__ = (
        "asked",
        "by_key",
        "considered",
        "expired",
        "fresh",
        "is_shared",
        "key_of",
        "making",
        "unmade",
    )

    def __init__(self, tables: frozenset[str] | None) -> None:
        super().__init__(tables)
        self.by_key: dict[Any, Any] = {}
        self.asked: set[Any] = set()
        self.fresh: dict[Any, list[Any]] = {}
        self.unmade: dict[Any, None] = {}
        self.making: Hashable = None
        self.key_of: Callable[[Any], Any] | None = None
        self.considered = 0
        self.expired = 0
        self.is_shared = False

    @contextmanager
    def considering(self, before: int) -> Iterator[None]:
        """Let members be considered again when the query for them fails, as Django refuses it in async code."""
        try:
            yield
        except BaseException:  # also where a task is cancelled or a person interrupts; it is raised again
            self.considered = before
            raise

    def renewed(self) -> Answers:
        """Return what takes the place of stale answers; these stay as they are for a thread that is reading them."""
        new = Answers(self._tables)
        new.expired = self.expired + 1
        new.is_shared = self.is_shared
        return new


class PeerGroup:
    """What the instances at one path of one evaluation share.

    Instances refer to their group; a group refers to them weakly, so that one live row keeps no other alive.

    Attributes:
        read: the columns that were read (attnames), while that is inspected.
    """

    __slots__ = (
        "__weakref__",
        "_answers",
        "_buildings",
        "_indexed",
        "_indexes",
        "_members",
        "below",
        "keys",
        "latest",
        "meanings",
        "misses",
        "model",
        "path",
        "read",
        "recalled",
        "recording",
    )

    def __init__(self, recording: Recording, path: Path, model: type[Model]) -> None:
        self.recording = recording
        self.path = path
        self.model = model
        self.read: set[str] | None = None
        self.below: dict[Path, PeerGroup] = {}
        self.misses: dict[Hashable, int] = {}
        self.latest: dict[Hashable, Answers] = {}
        self.recalled: dict[str, list[Any]] = {}
        self.keys: dict[str, Any] = {}
        self.meanings: set[Hashable] = set()
        self._answers: dict[Hashable, Answers] = {}
        self._buildings: dict[str, int] = {}
        self._indexes: dict[str, dict[Any, ReferenceType[Any]]] = {}
        self._indexed: dict[str, int] = {}
        self._members: list[ReferenceType[Any]] = []

    def joined_by(self, instances: Iterable[Any]) -> None:
        """Remember members."""
        self._members.extend(map(ref, instances))

    def read_all(self) -> None:
        """Take note that an instance was copied or pickled, with all its columns."""
        if self.read is not None:
            self.read.update(field.attname for field in self.model._meta.concrete_fields)
        self.read_attribute("")

    def read_attribute(self, name: str) -> None:
        """Take note that an attribute was read that is watched, or all of them at once ("")."""
        if (reading := self.recording.reading) is not None:
            reading.uses.read(name)

    def begin_window(self) -> None:
        """Let go of what was loaded for the earlier rows of a stream, and of those rows that are gone.

        Of to-one relations as much is kept as one window asks for: later rows may share it.
        """
        size = len(self._members)
        self._answers = {
            key: answers for key, answers in self._answers.items() if answers.key_of and len(answers.asked) <= size
        }
        for answers in self._answers.values():
            answers.considered = 0
        self._indexes.clear()
        self._indexed.clear()
        self.latest.clear()
        self.recalled.clear()
        self.keys.clear()
        self._members = [reference for reference in self._members if reference() is not None]

    def building(self, name: str) -> Location | None:
        """Return where the application is building a queryset of a relation, for the first few of each."""
        built = self._buildings.get(name, 0)
        if built >= _LOOKED_UP:
            return None
        self._buildings[name] = built + 1
        return innermost()

    def waiting(self, answers: Answers) -> Iterator[Any]:
        """Yield the live members that some answers have not considered yet, in the order in which they were loaded."""
        while answers.considered < len(self._members):
            instance = self._members[answers.considered]()
            answers.considered += 1
            if instance is not None:
                yield instance

    def holder(self, attname: str, value: Any) -> Any:
        """Return the first member whose column holds a value, or None."""
        index = self._indexes.setdefault(attname, {})
        size = self._indexed.get(attname, 0)
        for reference in self._members[size:]:
            instance = reference()
            if instance is not None and attname in instance.__dict__:
                index.setdefault(instance.__dict__[attname], reference)
        self._indexed[attname] = len(self._members)
        found = index.get(value)
        return None if found is None else found()

    def has_answers(self, key: Hashable) -> bool:
        """Tell whether a relation or shape was batched before."""
        return key in self._answers

    def answers_for(self, key: Hashable, tables: frozenset[str] | None) -> Answers:
        """Return the answers for a relation or shape; empty ones when there are none, or a write made them stale."""
        answers = self._answers.get(key)
        if answers is None:
            answers = self._answers[key] = Answers(tables)
        elif answers.are_stale():
            answers = self._answers[key] = answers.renewed()
        return answers
