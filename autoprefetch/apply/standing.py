"""Standing: what is in force at each call site of this process."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field

from django.db.models import Model
from django.db.models.constants import LOOKUP_SEP

from autoprefetch.learn.decisions import Decisions, left_lazy
from autoprefetch.learn.histories import History
from autoprefetch.learn.profiles import Path, Profile
from autoprefetch.observe.callsites import CallSite, Location
from autoprefetch.observe.marks import Mark
from autoprefetch.observe.recordings import Recording
from autoprefetch.observe.watching import Watch, Watches
from autoprefetch.plan.costs import FORGOTTEN
from autoprefetch.plan.forms import Form
from autoprefetch.plan.plans import Plan
from autoprefetch.plan.relations import Relation
from autoprefetch.plan.traits import told
from autoprefetch.signals import plan_adopted, plan_dropped, tell

STABLE = 64
"""Evaluations in a row by the same plan, which used all of it, after which a sample is counted (evaluations)."""

SAMPLED = 4
"""Of so many evaluations of a stable call site, the accesses of one are counted."""

_FORMS = 16  # forms of a queryset that one call site keeps plans for

_NO_TEXTS: frozenset[str] = frozenset()

_Announced = Mapping[Form | None, tuple[Path, ...]]  # as sets of paths they would take ten times as much memory
_NOTHING: _Announced = {}  # one for all call sites that load nothing ahead


@dataclass(slots=True, weakref_slot=True)
class Standing:
    """One call site in this process: the plans made for it, and what was done about them.

    Plans are kept by the state of the profile and the form of the queryset that they were made from.

    Attributes:
        idle: for each path that was loaded ahead, how many evaluations in a row did not use it; None where all were.
        evaluations: how often it was evaluated in this process.
        announced: the paths that receivers of signals were told of as loaded ahead, for each form of the queryset.
        steady: evaluations in a row by the same plan, which used all of it, as far as that was counted.
        using: the database alias of its latest evaluation.
        decided: the relations that people have decided to leave lazy, as lookups, by its latest evaluation.
        on_slow: called when the batches of a path are given up.
        told: the form of the queryset that was told last, and
        told_in: in which era.
        built: where its querysets were built, as far as that was told.
        derived: the derived queries that were batched, each with its form and the relation that it starts from.
        below: what is joined to them.
    """

    site: CallSite
    mark: Mark
    on_slow: Callable[[Standing, Path, Watch], None]
    form: Form | None = None
    plan: Plan | None = None
    quarantined: str = ""
    using: str = ""
    decided: tuple[str, ...] = ()
    evaluations: int = 0
    steady: int = 0
    announced: _Announced = field(default_factory=lambda: _NOTHING)
    told: Form | None = None
    told_in: int = -1
    built: tuple[Location | None, ...] = ()
    idle: dict[Path, int] | None = None
    plans: dict[Hashable, Plan] = field(default_factory=dict)
    derived: dict[Path, tuple[Form, Relation]] = field(default_factory=dict)
    below: dict[Path, Plan] = field(default_factory=dict)
    advised: Hashable = None
    logged: tuple[str, ...] = ()
    watches: Watches = field(init=False)

    def __post_init__(self) -> None:
        self.watches = Watches(self)

    @property
    def model(self) -> type[Model] | None:
        """The model of its rows, once it was planned for."""
        return self.form.model if self.form else None

    def heed(self, decisions: Decisions) -> None:
        """Leave alone what people have decided to leave alone."""
        if decisions or self.decided:
            self.decided = left_lazy(decisions)

    def announce(self, eager: frozenset[Path]) -> None:
        """Tell receivers of signals what is loaded ahead from now on, and what is not any more.

        Args:
            eager: the paths that the evaluation which begins loads ahead.
        """
        announced = self.announced.get(self.form, ())
        if len(eager) == len(announced) and eager.issuperset(announced):
            return
        kept, before = self.announced if len(self.announced) < _FORMS else {}, frozenset(announced)
        self.announced = {**kept, self.form: tuple(eager)}
        for signal, paths in ((plan_adopted, eager - before), (plan_dropped, before - eager)):
            if paths:
                tell(signal, self.model, self.site.name, paths=sorted(map(LOOKUP_SEP.join, paths)))

    def tells(self, history: History, place: Location | None) -> Profile | None:
        """Return what its queryset tells beside the counts; None where that is known.

        Args:
            history: what is known of the call site; how it is written is told in each era.
            place: where the queryset was built, where that is not where it is evaluated.
        """
        is_written = self.form is not None and (self.told_in != history.era or self.told != self.form)
        is_built = place is not None and (place not in self.built or not history.totals.built)
        if not is_written and not is_built:
            return None
        if is_written:
            self.told, self.told_in = self.form, history.era
        if is_built:
            self.built = (*self.built[1 - _FORMS :], place)
        forms = told(self.form) if is_written and self.form is not None else _NO_TEXTS
        return Profile(forms=forms, built=frozenset({str(place)}) if is_built else _NO_TEXTS)

    def gave_up(self, path: Path, watch: Watch) -> None:
        """Have it told that the batches of a path are slower than lazy loads."""
        self.on_slow(self, path, watch)

    def counts(self, plan: Plan | None, before: Plan | None) -> bool:
        """Tell whether the accesses of the evaluation that begins are counted: a stable call site needs a sample only.

        Args:
            plan: what it loads ahead.
            before: what the evaluation before has loaded ahead.
        """
        self.evaluations += 1
        if self.idle is not None or not (plan is before or plan == before):
            self.steady = 0
            return True
        self.steady += 1
        return self.steady < STABLE or self.steady % SAMPLED == 0

    def closed(self, recording: Recording) -> None:
        """Take note of what an evaluation that is over has used of what was loaded ahead for it."""
        if not recording.is_counted:
            return
        idle = recording.idle()
        if self.idle is None and not idle:
            return
        before = self.idle or {}
        accessed = set(recording.tally.accessed())
        kept = {path: times for path, times in before.items() if path not in accessed}
        self.idle = {**kept, **{path: before.get(path, 0) + 1 for path in idle}} or None

    def forgotten(self) -> frozenset[Path]:
        """Return the paths that were not used for so long that they are not loaded ahead any more."""
        return frozenset(path for path, times in (self.idle or {}).items() if times >= FORGOTTEN)

    def keep(self, key: Hashable, plan: Plan) -> None:
        """Keep a plan for the next evaluation of the same form."""
        if len(self.plans) >= _FORMS:
            self.plans.clear()
        self.plans[key] = plan


class Standings:
    """The call sites of this process, the least recently evaluated out first.

    Args:
        on_slow: called when the batches of a path are given up at a call site.
    """

    def __init__(self, on_slow: Callable[[Standing, Path, Watch], None]) -> None:
        self._on_slow = on_slow
        self._by_key: OrderedDict[str, Standing] = OrderedDict()

    def of(self, site: CallSite, mark: Mark, limit: int) -> Standing:
        """Return the standing of a call site; a new one is plain."""
        standing = self._by_key.get(site.key)
        if standing is None:
            standing = self._by_key[site.key] = Standing(site, mark, self._on_slow)
            while len(self._by_key) > limit:
                self._by_key.popitem(last=False)
        else:
            with suppress(KeyError):  # another thread has just forgotten it
                self._by_key.move_to_end(site.key)
        standing.site, standing.mark = site, mark  # a named call site may have moved
        return standing

    def get(self, key: str) -> Standing | None:
        """Return the standing of a key, or None when it was never evaluated here."""
        return self._by_key.get(key)

    def all(self) -> list[Standing]:
        """Return all standings."""
        return list(self._by_key.values())

    def drop(self, key: str) -> None:
        """Forget the plans of one call site; its next evaluation is a first one, also where it was quarantined."""
        self._by_key.pop(key, None)

    def clear(self) -> None:
        """Forget all plans."""
        self._by_key.clear()
