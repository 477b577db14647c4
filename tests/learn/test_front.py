"""The memory in front of a store: requests do not wait for the store, and nothing is lost or counted twice."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest

from autoprefetch.learn import breakers
from autoprefetch.learn.decisions import WHOLE, Decision
from autoprefetch.learn.front import BOUND, FLUSH_SIZE, Front
from autoprefetch.learn.histories import UNKNOWN, History
from autoprefetch.learn.profiles import Profile, Usage
from autoprefetch.learn.stores import tell_nobody
from autoprefetch.learn.stores.memory import MemoryStore

ONE = History.of(Profile(1, 16, usages={("author",): Usage(1, 16, 16)}), 0)
LONG = 3600.0


class Shared:
    """A store that several fronts share within this process; it can be made to fail or to hang."""

    def __init__(self) -> None:
        self.tell = tell_nobody
        self.may_lose = False
        self.whole: Callable[[], Mapping[str, History]] = dict
        self.known: dict[str, History] = {}
        self.error: Exception | None = None
        self.open = threading.Event()
        self.open.set()
        self.loads: list[str] = []
        self.threads: set[int] = set()

    def _used(self) -> None:
        self.threads.add(threading.get_ident())
        self.open.wait(10)
        if self.error is not None:
            raise self.error

    def load(self, key: str) -> History | None:
        self.loads.append(key)
        self._used()
        return self.known.get(key)

    def items(self) -> list[tuple[str, History]]:
        self._used()
        return list(self.known.items())

    def merge(self, key: str, delta: History) -> None:
        self.merge_many({key: delta})

    def merge_many(self, deltas: Mapping[str, History]) -> None:
        self._used()
        for key, delta in (self.whole() if self.is_emptied() else deltas).items():
            self.known[key] = self.known.get(key, UNKNOWN).merged_with(delta)

    def delete(self, key: str) -> None:
        self._used()
        self.known.pop(key, None)

    def is_emptied(self) -> bool:
        return self.may_lose and not self.known

    def clear(self) -> None:
        self._used()
        self.known.clear()


@pytest.fixture
def shared() -> Shared:
    return Shared()


@pytest.fixture
def troubles() -> list[tuple[str, BaseException | None]]:
    return []


@pytest.fixture
def opened(shared: Shared, troubles: list[tuple[str, BaseException | None]]) -> Iterator[list[Front]]:
    made: list[Front] = []
    yield made
    shared.error = None
    shared.open.set()
    for front in made:
        front.close()


@pytest.fixture
def front(shared: Shared, troubles: list[tuple[str, BaseException | None]], opened: list[Front]) -> Front:
    return another(shared, troubles, opened)


def another(
    shared: Shared,
    troubles: list[tuple[str, BaseException | None]],
    opened: list[Front],
    *,
    flush: float = LONG,
    refresh: float = LONG,
    limit: int = 100,
) -> Front:
    found = Front(
        MemoryStore(limit),
        shared,
        lambda trouble, error: troubles.append((trouble, error)),
        flush_interval=flush,
        refresh_interval=refresh,
    )
    opened.append(found)
    return found


def wait_until(holds: object) -> None:
    until = time.monotonic() + 10
    while not holds():  # type: ignore[operator]
        assert time.monotonic() < until
        time.sleep(0.005)


# Reading --------------------------------------------------------------------------------------------------------------


def test_the_store_is_asked_once_for_each_call_site(front: Front, shared: Shared) -> None:
    """For what it knows, and for what it does not know."""
    shared.known["a"] = ONE
    for _ in range(3):
        assert front.load("a") == ONE
        assert not front.load("b")
    assert shared.loads == ["a", "b"]


def test_threads_that_ask_at_once_ask_once(front: Front, shared: Shared) -> None:
    """And all of them get the answer."""
    shared.known["a"] = ONE
    shared.open.clear()
    found: list[History | None] = []
    threads = [threading.Thread(target=lambda: found.append(front.load("a"))) for _ in range(8)]
    for thread in threads:
        thread.start()
    shared.open.set()
    for thread in threads:
        thread.join()
    assert found == [ONE] * 8
    assert shared.loads == ["a"]


def test_a_request_waits_no_longer_than_the_bound(
    front: Front, shared: Shared, troubles: list[tuple[str, BaseException | None]]
) -> None:
    """The late answer is taken when it comes; until then nobody waits again."""
    shared.known.update(a=ONE, b=ONE)
    shared.open.clear()
    began = time.monotonic()
    assert not front.load("a")
    assert time.monotonic() - began < BOUND + 1
    assert not front.load("a")
    assert not front.load("b")
    assert [trouble for trouble, _ in troubles] == ["does not answer in time"]
    front.merge("a", ONE)
    shared.open.set()
    wait_until(lambda: front.load("a") == ONE.merged_with(ONE))
    front.flush()
    assert shared.known["a"] == ONE.merged_with(ONE)


def test_the_store_is_used_by_one_thread_that_is_not_a_requests(front: Front, shared: Shared) -> None:
    """A connection of its own, never in the transaction of a request."""
    front.load("a")
    front.merge("a", ONE)
    front.flush()
    assert list(front.items()) == [("a", ONE)]
    assert len(shared.threads) == 1
    assert threading.get_ident() not in shared.threads


# Writing --------------------------------------------------------------------------------------------------------------


def test_what_is_learned_is_known_at_once_and_brought_later(front: Front, shared: Shared) -> None:
    """Beside the requests."""
    front.merge("a", ONE)
    assert front.load("a") == ONE
    assert shared.known == {}
    front.flush()
    assert shared.known == {"a": ONE}
    front.flush()
    assert shared.known == {"a": ONE}


def test_it_is_brought_after_the_interval(
    shared: Shared, troubles: list[tuple[str, BaseException | None]], opened: list[Front]
) -> None:
    """Without anybody asking for it."""
    another(shared, troubles, opened, flush=0.02).merge("a", ONE)
    wait_until(lambda: shared.known == {"a": ONE})


def test_much_is_brought_before_the_interval(front: Front, shared: Shared) -> None:
    """By the size of what waits."""
    front.limit = 1000
    for number in range(FLUSH_SIZE):
        front.merge(f"site {number}", ONE)
    wait_until(lambda: len(shared.known) == FLUSH_SIZE)


def test_workers_learn_from_one_another_and_count_once(
    shared: Shared, troubles: list[tuple[str, BaseException | None]], opened: list[Front]
) -> None:
    """Whatever is brought and fetched in between."""
    one, other = (another(shared, troubles, opened) for _ in range(2))
    for _ in range(3):
        for front in (one, other):
            front.load("a")
            front.merge("a", ONE)
            front.refresh()
        one.flush()
    other.flush()
    for front in (one, other):
        front.refresh()
        loaded = front.load("a")
        assert loaded is not None
        assert loaded.evaluations == 6
    assert shared.known["a"].evaluations == 6


def test_the_memory_is_refreshed_after_the_interval(
    shared: Shared, troubles: list[tuple[str, BaseException | None]], opened: list[Front]
) -> None:
    """What one worker learned is warm in all."""
    front = another(shared, troubles, opened, refresh=0.02)
    assert not front.load("a")
    shared.merge("a", ONE)
    wait_until(lambda: front.load("a") == ONE)


def test_what_a_person_forgets_is_forgotten_by_all(front: Front, shared: Shared) -> None:
    """At the next refresh; what was learned since then stays."""
    front.merge("a", ONE)
    front.merge("b", ONE)
    front.flush()
    shared.delete("a")
    shared.delete("b")
    front.merge("b", ONE)
    front.refresh()
    assert not front.load("a")
    assert front.load("b") == ONE


IGNORED = History(decisions={WHOLE: Decision(5, ignores=True)})


def test_what_a_person_decides_is_brought_at_once_and_heeded_by_all(
    front: Front, shared: Shared, troubles: list[tuple[str, BaseException | None]], opened: list[Front]
) -> None:
    """By others when they look into the store next; forgetting drops it there as well."""
    other = another(shared, troubles, opened)
    for one in (front, other):
        one.merge("a", ONE)
        one.flush()
    front.decide("a", IGNORED)
    assert shared.known["a"] == ONE.merged_with(ONE).merged_with(IGNORED)
    before = other.load("a")
    assert before is not None
    assert not before.is_ignored
    other.refresh()
    after = other.load("a")
    assert after is not None
    assert after.is_ignored
    front.delete("a")
    other.refresh()
    assert not other.load("a")
    assert not shared.known.get("a")


def test_a_decision_that_cannot_be_brought_is_heeded_here_and_brought_later(front: Front, shared: Shared) -> None:
    """Who decides sees the error, and what is shown is what is heeded."""
    front.merge("a", ONE)
    front.flush()
    shared.error = OSError("it is read only")
    with pytest.raises(OSError, match="read only"):
        front.decide("a", IGNORED)
    known = front.load("a")
    assert known is not None
    assert known.is_ignored
    shared.error = None
    front.refresh()
    assert front.load("a") == ONE.merged_with(IGNORED)
    front._breaker.retry()
    front.flush()
    assert shared.known["a"] == ONE.merged_with(IGNORED)


def test_what_could_not_be_brought_is_shown(front: Front, shared: Shared) -> None:
    """Once, with what the store knows: as of a file that can be read, and not written."""
    shared.known["a"] = ONE
    merge_many, shared.merge_many = shared.merge_many, _refuse  # type: ignore[method-assign]
    with pytest.raises(OSError, match="refused"):
        front.decide("a", IGNORED)
    assert front.items() == [("a", ONE.merged_with(IGNORED))]
    shared.merge_many = merge_many  # type: ignore[method-assign]
    front.decide("b", IGNORED)
    assert dict(front.items()) == {"a": ONE.merged_with(IGNORED), "b": IGNORED} == shared.known


def _refuse(deltas: Mapping[str, History]) -> None:
    msg = "refused"
    raise OSError(msg)


def test_a_decision_survives_a_cache_that_lost_everything(front: Front, shared: Shared) -> None:
    """Taken after the loss, it is brought with all that this process knows; before it, with what is learned next."""
    shared.may_lose = True
    front.merge("a", ONE)
    front.flush()
    shared.known.clear()
    front.decide("a", IGNORED)
    assert shared.known == {"a": ONE.merged_with(IGNORED)}
    shared.known.clear()
    front.merge("b", ONE)
    front.flush()
    assert shared.known == {"a": ONE.merged_with(IGNORED), "b": ONE}


def test_what_a_cache_has_lost_is_brought_back(front: Front, shared: Shared) -> None:
    """Nothing is lost that a memory still holds."""
    shared.may_lose = True
    front.merge("a", ONE)
    front.flush()
    front.merge("b", ONE)
    front.flush()
    del shared.known["a"]  # evicted
    front.refresh()
    front.flush()
    assert shared.known["a"] == ONE
    shared.known.clear()  # the server was started again
    front.merge("a", ONE)
    front.refresh()
    assert front.load("a") == ONE.merged_with(ONE)
    front.flush()
    assert shared.known["b"] == ONE
    assert shared.known["a"] == ONE.merged_with(ONE)
    shared.known["a"] = UNKNOWN  # as a cache keeps what a person has forgotten
    front.refresh()
    assert not front.load("a")


def test_the_least_recently_used_call_sites_are_evicted_and_asked_for_again(
    shared: Shared, troubles: list[tuple[str, BaseException | None]], opened: list[Front]
) -> None:
    """The memory is bounded, what it had learned is not lost."""
    front = another(shared, troubles, opened, limit=3)
    for number in range(5):
        front.merge(str(number), ONE)
    front.flush()
    assert len(shared.known) == 5
    assert len(front.memory.items()) == 3
    assert front.load("0") == ONE


# Trouble --------------------------------------------------------------------------------------------------------------


def test_a_store_that_fails_is_said_once_and_tried_again(
    front: Front,
    shared: Shared,
    troubles: list[tuple[str, BaseException | None]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What waits is kept until it is well again, and is counted once."""
    monkeypatch.setattr(breakers, "SHORTEST", 0.02)
    front.refresh()
    shared.error = OSError("no server")
    front.merge("a", ONE)
    for _ in range(5):
        front.flush()
        time.sleep(0.005)
    assert troubles == [("cannot be written", shared.error)]
    assert not front.load("b")
    front.merge("a", ONE)
    shared.error = None
    wait_until(lambda: (front.flush(), shared.known)[1])
    assert shared.known["a"] == ONE.merged_with(ONE)
    assert [trouble for trouble, _ in troubles] == ["cannot be written", "is well again"]


def test_pauses_grow(front: Front, shared: Shared) -> None:
    """A store that is down is not asked all the time."""
    front.refresh()
    shared.error = OSError("no server")
    front.merge("a", ONE)
    pauses = []
    for _ in range(8):
        front._breaker.retry()
        front.flush()
        pauses.append(front._breaker._retry_at - time.monotonic())
    assert all(0.75 * 2**number < pause < 1.25 * 2**number for number, pause in enumerate(pauses[:6]))
    assert max(pauses) < breakers.LONGEST * 1.25


def test_no_request_waits_while_the_store_rests(front: Front, shared: Shared) -> None:
    """They are answered from memory at once, and the store is not even asked."""
    shared.error = OSError("no server")
    front.load("a")
    asked = len(shared.loads)
    for number in range(100):
        front.load(f"new {number}")
    assert len(shared.loads) == asked


def test_a_person_who_asks_sees_the_error(front: Front, shared: Shared) -> None:
    """A command has to say why it cannot do its work."""
    shared.error = OSError("no server")
    with pytest.raises(OSError, match="no server"):
        front.items()
    with pytest.raises(OSError, match="no server"):
        front.clear()


# Processes ------------------------------------------------------------------------------------------------------------

ENDING = """
import os, sys
from autoprefetch.learn.front import Front
from autoprefetch.learn.histories import History
from autoprefetch.learn.profiles import Profile
from autoprefetch.learn.stores.file import FileStore
from autoprefetch.learn.stores.memory import MemoryStore

front = Front(MemoryStore(100), FileStore(sys.argv[1]), lambda trouble, error: sys.exit(trouble))
front.merge("a", History.of(Profile(1), 0))
if "fork" in sys.argv:
    front.merge("a", History.of(Profile(1), 0))
    pid = os.fork()
    front.merge("a" if pid else "child", History.of(Profile(1), 0))
    if pid:
        assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
"""


@pytest.mark.parametrize(("argument", "known"), [("end", {"a": 1}), ("fork", {"a": 3, "child": 1})])
def test_what_was_learned_is_brought_when_a_process_ends_or_forks(
    argument: str, known: dict[str, int], tmp_path: Path
) -> None:
    """Once: what waits at a fork is its parent's, and the child has a thread of its own. No warning is raised."""
    found = known_after(ENDING, argument, tmp_path)
    assert {key: history.evaluations for key, history in found.items()} == known


def known_after(program: str, argument: str, folder: Path) -> dict[str, History]:
    """Run a program that is given a file and an argument, and return what the file knows afterwards."""
    from autoprefetch.learn.stores.file import FileStore

    if argument == "fork" and not hasattr(os, "fork"):
        pytest.skip("this system does not fork")
    path = folder / "known.json"
    run = subprocess.run(
        [sys.executable, "-W", "error", "-c", program, str(path), argument],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        cwd=Path(__file__).parents[2],
    )
    assert (run.returncode, run.stderr) == (0, "")
    return dict(FileStore(path).items())


EVALUATING = """
import os, sys
from django.conf import settings

settings.configure(
    DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}},
    INSTALLED_APPS=["django.contrib.contenttypes", "autoprefetch"],
    AUTOPREFETCH={"STORE": {"BACKEND": "autoprefetch.learn.stores.file.FileStore", "OPTIONS": {"PATH": sys.argv[1]}}},
)
import django

django.setup()
from django.core.management import call_command
from autoprefetch import auto
from django.contrib.contenttypes.models import ContentType

call_command("migrate", verbosity=0)
def evaluate(times):
    for _ in range(times):
        auto(ContentType.objects.all(), name="types").first()

evaluate(10)
if "fork" in sys.argv:
    pid = os.fork()
    evaluate(3)
    if pid:
        assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
"""


@pytest.mark.parametrize(("argument", "known"), [("end", 10), ("fork", 16)])
def test_what_was_evaluated_last_is_brought_when_a_process_ends_or_forks(
    argument: str, known: int, tmp_path: Path
) -> None:
    """Outside of a request nothing else would merge it; and what was evaluated before a fork counts once."""
    found = known_after(EVALUATING, argument, tmp_path)
    assert [history.evaluations for history in found.values()] == [known]


def test_no_thread_is_started_before_it_is_needed(front: Front) -> None:
    """Importing and opening a store start nothing."""
    assert front._thread is None
    front.load("a")
    assert front._thread is not None
