"""The memory of the process in front of a shared store: a request never waits for the store, but once.

Requests read and write the memory. A thread beside them brings to the store what was learned here, and fetches what
others have learned. When the store fails, what is to be brought is kept, and requests do not wait for it until it is
tried again (`breakers.py`).
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from queue import Empty, SimpleQueue
from typing import TypeVar

from autoprefetch.learn import endings
from autoprefetch.learn.breakers import Breaker, Told
from autoprefetch.learn.histories import UNKNOWN, History
from autoprefetch.learn.stores import SharedStore
from autoprefetch.learn.stores.memory import MemoryStore

BOUND = 0.05
"""How long a request waits for a call site that this process has not seen (seconds)."""

FLUSH_INTERVAL = 5.0
"""How long what was learned waits at the most before it is brought to the store (seconds)."""

REFRESH_INTERVAL = 15.0
"""How old what others have learned is at the most (seconds)."""

FLUSH_SIZE = 500
"""Call sites with news that are brought to the store before the interval is over."""

AT_EXIT = 3.0
"""How long the process waits for the store when it ends or forks (seconds)."""

T = TypeVar("T")


class Front:
    """What is known in this process, kept in step with a shared store.

    Args:
        memory: the memory of this process.
        store: where several processes keep what they know.
        troubled: called with what the store cannot do and the error, once until it is well again, and then with None.
        flush_interval: how long what was learned waits at the most (seconds).
        refresh_interval: how old what others have learned is at the most (seconds).
        bound: how long a request waits for a call site that this process has not seen (seconds); None for as long as
            it takes.

    Attributes:
        collect: called before the process ends or forks, to merge what was learned and not merged yet.

    A thread is started when it is first needed, in the process that needs it: not at import, and anew after a fork.
    """

    def __init__(
        self,
        memory: MemoryStore,
        store: SharedStore,
        troubled: Told,
        *,
        flush_interval: float = FLUSH_INTERVAL,
        refresh_interval: float = REFRESH_INTERVAL,
        bound: float | None = BOUND,
    ) -> None:
        self.memory = memory
        self.store = store
        self._breaker = Breaker(troubled)
        self._intervals = flush_interval, refresh_interval
        self._bound = bound
        self.collect: Callable[[], object] = lambda: None
        store.whole = lambda: {key: history for key, history in memory.items() if history}
        self._begin()
        endings.heed(self)

    def _begin(self) -> None:
        self._lock = threading.Lock()
        self._pending: dict[str, History] = {}
        self._asked: dict[str, Future[None]] = {}
        self._jobs: SimpleQueue[Callable[[], None] | None] = SimpleQueue()
        self._thread: threading.Thread | None = None
        self._breaker.retry()

    @property
    def limit(self) -> int:
        """How many call sites the memory keeps."""
        return self.memory.limit

    @limit.setter
    def limit(self, limit: int) -> None:
        self.memory.limit = limit

    # What requests do

    def load(self, key: str) -> History | None:
        """Return what is known of a call site; one that this process has not seen is asked of the store, once."""
        history = self.memory.load(key)
        if history is None:
            self._ask(key)
            history = self.memory.load(key)
        return history

    def merge(self, key: str, delta: History) -> None:
        """Add counts to what is known here, and have them brought to the store."""
        with self._lock:
            self.memory.merge(key, delta)
            known = self._pending.get(key)
            self._pending[key] = known.merged_with(delta) if known else delta
            is_full = len(self._pending) == FLUSH_SIZE
        self._run()
        if is_full:
            self._jobs.put(self._flush)

    def _ask(self, key: str) -> None:
        if self._breaker.is_open():
            self.memory.merge(key, UNKNOWN)
            return
        with self._lock:
            if self.memory.peek(key) is not None:
                return  # another thread has just got the answer
            answer = self._asked.get(key)
            if answer is None:
                answer = self._asked[key] = Future()
                self._jobs.put(lambda: self._answer(key, answer))
        self._run()
        try:
            answer.result(self._bound)
        except TimeoutError as error:
            self._breaker.failed("does not answer in time", error)
            self.memory.merge(key, UNKNOWN)  # so that nobody asks again; the answer is taken when it comes

    def _answer(self, key: str, answer: Future[None]) -> None:
        try:
            self._breaker.attempt("cannot be read", lambda: self._take(key, self.store.load(key)))
        finally:
            self.memory.merge(key, UNKNOWN)
            with self._lock:
                self._asked.pop(key, None)
            answer.set_result(None)

    # What the thread does

    def _run(self) -> None:
        if not self._is_running():
            with self._lock:
                if not self._is_running():
                    self._thread = threading.Thread(target=self._work, name="autoprefetch", daemon=True)
                    # Where none can be started, as when Python 3.12 ends, what is to be brought waits for `close`.
                    with suppress(RuntimeError):
                        self._thread.start()

    def _is_running(self) -> bool:
        return self._thread is not None and self._thread.is_alive()

    def _work(self) -> None:
        flush_interval, refresh_interval = self._intervals
        flush_at, refresh_at = time.monotonic() + flush_interval, time.monotonic()  # what others know, first of all
        while True:
            try:
                job = self._jobs.get(timeout=max(min(flush_at, refresh_at) - time.monotonic(), 0))
            except Empty:
                if time.monotonic() >= flush_at:
                    self._flush()
                    flush_at = time.monotonic() + flush_interval
                if time.monotonic() >= refresh_at:
                    self._refresh()
                    refresh_at = time.monotonic() + refresh_interval
                continue
            if job is None:
                return
            job()

    def _flush(self) -> None:
        """Bring what was learned to the store, unless it is left alone now."""
        if self._pending:
            self._breaker.attempt("cannot be written", self._bring)

    def _bring(self) -> None:
        """Bring what was learned to the store; what cannot be brought waits for the next time."""
        with self._lock:
            bringing, self._pending = self._pending, {}
        if not bringing:
            return
        try:
            self.store.merge_many(bringing)
        except BaseException:  # whatever it is: it is raised again
            with self._lock:
                for key, delta in bringing.items():
                    later = self._pending.get(key)
                    self._pending[key] = delta.merged_with(later) if later else delta
            raise

    def _refresh(self) -> None:
        """Take over what others have learned, as far as there is room for it."""
        self._breaker.attempt("cannot be read", self._take_all)

    def _take_all(self) -> None:
        if self.store.is_emptied():
            return  # the next flush brings back what is known here
        known, found = self.memory.known(), dict(self.store.items())
        for key in known:
            self._take(key, found.pop(key, None) or (UNKNOWN if not self.store.may_lose else self.store.load(key)))
        for key in list(found)[: max(self.memory.limit - len(known), 0)]:
            self._take(key, found[key])

    def _take(self, key: str, found: History | None) -> None:
        """Know what the store knows, and what was learned here since; nothing is counted twice.

        The store is read and written by one thread, so what is on the way there is either in `found` or pending.
        """
        with self._lock:
            known = self.memory.peek(key)
            if found is None and known and self.store.may_lose:
                self._pending[key] = known  # it was lost, and is brought back as a whole
            elif found is not None or known:
                pending = self._pending.get(key, UNKNOWN)
                self.memory.replace(key, pending.merged_with(found or UNKNOWN))

    # What people ask for; they wait for the store, and see its errors

    def items(self) -> list[tuple[str, History]]:
        """Return what the store knows, with what was learned here, and with the places that this process knows."""
        self.flush()
        found = dict(self._call(lambda: list(self.store.items())))
        with self._lock:
            for key, delta in self._pending.items():  # what could not be brought
                found[key] = found[key].merged_with(delta) if key in found else delta
        pairs = [(key, history, self.memory.peek(key)) for key, history in found.items()]
        return [(key, history.with_places_of(known) if known else history) for key, history, known in pairs]

    def decide(self, key: str, delta: History) -> None:
        """Know what a person has decided, and bring it to the store now; what cannot be brought is known here only."""
        self.merge(key, delta)
        self._call(self._bring)

    def delete(self, key: str) -> None:
        """Forget one call site, here and in the store."""
        with self._lock:
            self._pending.pop(key, None)
        self._call(lambda: self.store.delete(key))
        self.memory.delete(key)

    def clear(self) -> None:
        """Forget everything, here and in the store."""
        with self._lock:
            self._pending.clear()
        self._call(self.store.clear)
        self.memory.clear()

    def flush(self, timeout: float | None = None) -> None:
        """Bring what was learned to the store now.

        Args:
            timeout: how long to wait for that (seconds); None for as long as it takes.
        """
        if self._pending:
            self._call(self._flush, timeout)

    def refresh(self) -> None:
        """Take over what others have learned now."""
        self._call(self._refresh)

    def _call(self, use: Callable[[], T], timeout: float | None = None) -> T:
        """Have the thread use the store, and wait for what comes of it."""
        done: Future[T] = Future()

        def job() -> None:
            try:
                done.set_result(use())
            except BaseException as error:
                done.set_exception(error)

        self._jobs.put(job)
        self._run()
        return done.result(timeout)

    # When the process ends or forks

    def close(self) -> None:
        """Bring what was learned to the store, and let the thread end; it begins again when it is needed."""
        self.collect()
        thread = self._thread
        if thread is None or not thread.is_alive():
            self._flush()
            return
        self._jobs.put(self._flush)
        self._jobs.put(None)
        thread.join(AT_EXIT)
        self._thread = None

    def forked(self) -> None:
        """Begin anew in a child: what was not brought yet is brought by its parent."""
        self._begin()
