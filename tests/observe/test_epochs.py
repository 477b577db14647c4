"""Epochs: whose writes make whose values stale."""

from __future__ import annotations

import asyncio
import contextvars
import threading

import pytest

from autoprefetch.observe import epochs
from autoprefetch.observe.epochs import Freshness

TABLES = frozenset({"a", "b"})


def write(*tables: str, everything: bool = False) -> None:
    epochs.here().move(tables, everything)


def in_context(action, *, is_request: bool):
    """Run something in a context that inherits nothing, as a thread of a server does."""

    def run():
        if is_request:
            epochs.begin()
        return action()

    return contextvars.Context().run(run)


def test_a_write_makes_stale_what_was_read_from_its_table():
    found, other, unknown = Freshness(TABLES), Freshness(frozenset({"c"})), Freshness(None)
    write("b")
    assert [value.are_stale() for value in (found, other, unknown)] == [True, False, True]


def test_a_write_to_everything_makes_everything_stale():
    found = Freshness(TABLES)
    write(everything=True)
    assert found.are_stale()


def test_an_older_write_does_not():
    write("a", everything=True)
    assert not Freshness(TABLES).are_stale()
    assert not Freshness(None).are_stale()


def test_stale_stays_stale_until_it_is_read_anew():
    found = Freshness(TABLES)
    write("a")
    assert found.are_stale()
    assert found.are_stale()
    found.begin(epochs.now())
    assert not found.are_stale()


def test_what_was_read_before_a_write_is_stale_however_late_that_is_noted():
    """Rows of a stream are hydrated long after the statement that read them."""
    before = epochs.now()
    write("a")
    assert Freshness(TABLES, before).are_stale()


def test_what_was_handed_out_is_stale_after_any_write():
    found = Freshness(TABLES)
    write("c")
    used = found.used()
    assert not found.are_stale()
    assert not used.are_stale()
    write("c")
    assert used.are_stale()
    assert not found.are_stale()
    assert not found.used().are_stale()


@pytest.mark.parametrize(("reader_is_request", "writer_is_request"), [(True, False), (False, True), (False, False)])
def test_a_write_outside_of_requests_or_read_there_is_seen(reader_is_request, writer_is_request):
    """A thread that inherits no context may belong to any request."""
    reader, writer = contextvars.Context(), contextvars.Context()
    if reader_is_request:
        reader.run(epochs.begin)
    if writer_is_request:
        writer.run(epochs.begin)
    found = reader.run(Freshness, TABLES)
    writer.run(write, "a")
    assert reader.run(found.are_stale)


def test_a_request_does_not_expire_what_another_has_loaded():
    one, other = contextvars.Context(), contextvars.Context()
    one.run(epochs.begin)
    other.run(epochs.begin)
    found = one.run(Freshness, TABLES)
    other.run(write, "a")
    assert not one.run(found.are_stale)
    one.run(write, "a")
    assert one.run(found.are_stale)


def test_what_one_request_has_loaded_is_not_trusted_in_another_once_anything_was_written():
    """Rows that are kept in a module are read by all requests, and neither sees the other's writes."""
    one, other = contextvars.Context(), contextvars.Context()
    one.run(epochs.begin)
    other.run(epochs.begin)
    found = one.run(Freshness, TABLES)
    assert not other.run(found.are_stale)
    other.run(write, "a")
    assert other.run(found.are_stale)


def test_child_tasks_and_threads_share_the_epochs_of_their_request():
    """Whoever asks first."""

    async def child() -> None:
        write("a")

    async def request() -> list[bool]:
        epochs.begin()
        stale = []
        for run in (
            lambda: asyncio.gather(child(), child()),
            lambda: asyncio.create_task(child()),
            lambda: asyncio.to_thread(write, "a"),
        ):
            found = Freshness(TABLES)
            await run()
            stale.append(found.are_stale())
        return stale

    assert in_context(lambda: asyncio.run(request()), is_request=False) == [True, True, True]


def test_threads_that_write_at_once_lose_no_write():
    """Each write is seen by who read before it."""
    lost, barrier = [], threading.Barrier(8)

    def work() -> None:
        barrier.wait()
        for _ in range(500):
            found = Freshness(frozenset({"shared"}))
            write("shared")
            if not found.are_stale():
                lost.append(found)

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert lost == []


# A write that cannot be noted ---------------------------------------------------------------------------------------


@pytest.fixture
def _resumed():
    yield
    epochs.resume()


@pytest.mark.usefixtures("_resumed")
@pytest.mark.parametrize("is_request", [True, False])
def test_nothing_is_fresh_once_a_write_could_not_be_noted(is_request):
    """Neither what was read before nor what is read after it; from `resume` on, what is read then is fresh again."""

    def work():
        before = Freshness(TABLES)
        epochs.give_up()
        after = Freshness(TABLES)
        write("c")
        for value in (before, after, before, after):
            assert value.are_stale()
            assert value.saw_a_write()
        epochs.resume()
        again = Freshness(TABLES)
        assert before.are_stale()
        assert after.are_stale()
        assert not again.are_stale()
        assert not again.saw_a_write()
        write("a")
        assert again.are_stale()

    in_context(work, is_request=is_request)


def test_to_resume_what_was_not_given_up_changes_nothing():
    value = Freshness(TABLES)
    epochs.resume()
    assert not value.are_stale()
    assert not epochs.are_given_up()
