"""What the engine knows: the store of the settings, and what the processes of the project have learned."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager

from django.db.models import Model

from autoprefetch import advise, conf, stores
from autoprefetch.advise.keys import call_of
from autoprefetch.apply import planning
from autoprefetch.apply.standing import Standing, Standings
from autoprefetch.conf import Config
from autoprefetch.faults import forget, quarantine, shielded
from autoprefetch.learn.collecting import Collector
from autoprefetch.learn.decisions import Decisions
from autoprefetch.learn.front import Front
from autoprefetch.learn.histories import UNKNOWN, History
from autoprefetch.learn.stores.memory import MemoryStore
from autoprefetch.loading import gave_up
from autoprefetch.observe import epochs, reading, writes
from autoprefetch.observe.following import Followed
from autoprefetch.observe.recordings import Recording
from autoprefetch.orm import routes
from autoprefetch.plan.plans import Plan
from autoprefetch.streaming import Streaming


class Knowing(Streaming):
    """The half of the engine that keeps what is learned, and forgets it; what it is used for is in `evaluation.py`."""

    def __init__(self) -> None:
        super().__init__()
        self.setting: object = Config().store
        self.store: MemoryStore | Front = MemoryStore(Config().max_call_sites)
        self.collector = Collector(self.store, self.news_failed)

    def open_store(self, config: Config) -> None:
        """Keep what is known where the settings say; the store of before gets what was learned until now."""
        is_same, self.setting = config.store == self.setting, config.store
        if is_same:
            return  # the settings were read again
        self.collector.merge()
        if isinstance(self.store, Front):
            self.store.close()
        self.store = stores.opened(config.store, config.max_call_sites, learns=config.learns)
        self.collect()

    def collect(self) -> None:
        """Collect for the store in use what recordings show from now on."""
        self.collector = Collector(self.store, self.news_failed)
        if isinstance(self.store, Front):
            self.store.collect = self.collector.merge

    def known(self) -> list[tuple[Standing, History]]:
        """Return the call sites of this process with what is known of them now, but for those that people ignore."""
        self.take_in()
        pairs = [(standing, self.store.load(standing.site.key)) for standing in self.standings.all()]
        known = [(standing, found or UNKNOWN) for standing, found in pairs if found is not None or standing.quarantined]
        return [(standing, history) for standing, history in known if not history.is_ignored]

    def take_in(self) -> None:
        """Merge all that was learned here until now."""
        for recording in writes.recordings():
            recording.close()
        reading.end()
        self.collector.merge()

    def alike(self, standing: Standing, history: History) -> tuple[History, ...]:
        """Return what is known of the other call sites of this process that evaluate the same call of `auto()`.

        Where the caller's own query loads nothing, nobody has to be asked about it.
        """
        if not history.totals.given:
            return ()
        call, own = call_of(standing.site.key), standing.site.key
        keys = (other.site.key for other in self.standings.all())
        return tuple(self.store.load(key) or UNKNOWN for key in keys if key != own and call_of(key) == call)

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

    def decide(self, key: str, decisions: Decisions) -> None:
        """Keep what a person has decided about one call site, here and in the store; others heed it as they forget.

        Raises:
            Exception: that of the store, where it cannot be written. It is kept here then, until it can.
        """
        self.open_store(conf.current())
        delta = History(decisions=decisions)
        if isinstance(self.store, Front):
            self.store.decide(key, delta)
        else:
            self.store.merge(key, delta)

    def planned_for(self, standing: Standing, history: History) -> Plan:
        """Return what the next evaluation of a call site would load ahead."""
        if standing.form is None or standing.quarantined:
            return Plan(Model)
        standing.heed(history.decisions)
        planning.replan_below(standing, history, conf.current())
        return planning.plan(standing, history, standing.form, conf.current())[0]

    def settle(self, **kwargs: object) -> None:
        """Merge what a request showed, and log the suggestions that follow from it."""
        routes.left()
        self.close(writes.forget())
        with shielded(None, None):
            reading.end()
        self.advise()

    def advise(self) -> None:
        """Merge what was learned here until now, and log the suggestions that follow from it."""
        config = conf.current()
        for key in self.collector.merge():
            standing = self.standings.get(key)
            with shielded(standing, None):
                history = self.store.load(key)
                if standing is not None and history is not None and config.learns and config.log_suggestions:
                    plan = self.planned_for(standing, history)
                    advise.log_once(standing, plan, history, self.alike(standing, history))

    def look_at(self, evaluations: Sequence[Followed]) -> None:
        """Count what evaluations that are followed have used by now, as the end of the request will."""
        for one in evaluations:
            with shielded(self.standings.get(one.recording.key), None):
                one.recording.close()
        self.advise()
        if not conf.current().learns:
            for one in evaluations:  # nobody else takes their counts
                one.recording.take()

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
        self.collect()

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
        advise.forget()
        self.collect()  # recordings of before tell the old collector
        self.store.clear()
        self.standings.clear()
