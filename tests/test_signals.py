"""Signals: receivers are told of what is found, adopted, dropped and given up, and whatever they raise does no harm."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.core.signals import request_finished
from django.dispatch import Signal

from autoprefetch import auto, override, signals
from autoprefetch.evaluation import engine
from autoprefetch.loading import gave_up
from autoprefetch.observe.watching import Watch
from autoprefetch.orm import forms
from autoprefetch.plan.costs import FORGOTTEN
from tests.databases import count_queries
from tests.library.models import Book

pytestmark = [
    pytest.mark.usefixtures("library"),
    pytest.mark.parametrize("database", ["sqlite"], indirect=True),
]

SIGNALS: dict[str, Signal] = {name: value for name, value in vars(signals).items() if isinstance(value, Signal)}
Told = list[tuple[str, Any, dict[str, Any]]]


@pytest.fixture
def told() -> Iterator[Told]:
    found: Told = []
    receivers = {}
    for name, signal in SIGNALS.items():

        def note(sender: Any, name: str = name, **values: Any) -> None:
            del values["signal"]
            found.append((name, sender, values))

        receivers[name] = note
        signal.connect(note)
    yield found
    for name, signal in SIGNALS.items():
        signal.disconnect(receivers[name])


def view(*lookups: str) -> int:
    with count_queries() as log:
        for book in auto(Book.objects.order_by("pk"), name="books"):
            for lookup in lookups:
                assert getattr(book, lookup) is not None or lookup
    request_finished.send(None)
    return len(log)


def test_what_is_found_and_adopted_is_told_once(told: Told) -> None:
    """The lazy loads of the first evaluation, and the plan of the second."""
    for _ in range(5):
        view("author")
    (found, sender, values), (adopted, _, plan) = told
    assert (found, adopted) == ("lazy_load_found", "plan_adopted")
    assert sender is Book
    assert re.fullmatch(r"view \(tests/test_signals\.py:\d+\)", values["call_site"])
    assert (values["path"], values["loads"]) == ("author", 16)
    assert "tests/test_signals.py:" in values["place"]
    assert plan == {"call_site": values["call_site"], "paths": ["author"]}


def test_what_is_new_is_told(told: Told) -> None:
    """A relation more, once."""
    view("author")
    view("author")
    told.clear()
    for _ in range(3):
        view("author", "publisher")
    assert [(name, values.get("path", values.get("paths"))) for name, _, values in told] == [
        ("lazy_load_found", "publisher"),
        ("plan_adopted", ["publisher"]),
    ]


def test_what_is_dropped_is_told(told: Told) -> None:
    """Once it was not used for long."""
    for _ in range(3):
        view("author")
    told.clear()
    for _ in range(FORGOTTEN + 5):
        view()
    assert [(name, values.get("paths")) for name, _, values in told] == [("plan_dropped", ["author"])]


def test_forms_of_one_call_site_are_no_change(told: Told) -> None:
    """A plan for each; going from one to the other is no news."""
    for number in range(12):
        books = Book.objects.order_by("pk")
        for book in auto(books.only("title", "author") if number % 2 else books, name="books"):
            assert book.author
    request_finished.send(None)
    assert [name for name, _, _ in told].count("plan_adopted") <= 2
    assert "plan_dropped" not in [name for name, _, _ in told]


def test_batches_that_are_given_up_are_told(told: Told) -> None:
    """With both figures."""
    view("author")
    told.clear()
    [standing] = engine.standings.all()
    gave_up(standing, ("author",), Watch(alone=0.01, batch=3.0, asked=16))
    [(name, sender, values)] = told
    assert (name, sender) == ("batch_quarantined", Book)
    assert values.pop("call_site").startswith("view (")
    assert values == {"path": "author", "batch": 3.0, "alone": 0.16, "instances": 16}


def test_faults_are_told(told: Told, monkeypatch: pytest.MonkeyPatch) -> None:
    """Once for a call site."""

    def fail(*args: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(forms, "form_of", fail)
    for _ in range(3):
        view("author")
    [(name, sender, values)] = told
    assert (name, sender) == ("fault_quarantined", None)
    assert isinstance(values["fault"], ZeroDivisionError)


def raising(sender: Any, **values: Any) -> None:
    raise ZeroDivisionError


async def asynchronous(sender: Any, **values: Any) -> None:
    """Cannot be called from the thread of an event loop."""


def test_receivers_that_raise_do_no_harm(caplog: pytest.LogCaptureFixture) -> None:
    """Django logs them."""
    for signal in SIGNALS.values():
        signal.connect(raising)
    try:
        counts = [view("author") for _ in range(3)]
    finally:
        for signal in SIGNALS.values():
            signal.disconnect(raising)
    assert counts == [2, 1, 1]
    assert {record.name for record in caplog.records} == {"django.dispatch"}
    assert len(caplog.records) == 2


async def test_an_async_receiver_is_named_where_it_cannot_be_called(caplog: pytest.LogCaptureFixture) -> None:
    """It is said, and the evaluation goes on."""
    signals.plan_adopted.connect(asynchronous)
    try:
        signals.tell(signals.plan_adopted, Book, "a view", paths=["author"])
    finally:
        signals.plan_adopted.disconnect(asynchronous)
    [record] = [record for record in caplog.records if record.name == "autoprefetch"]
    assert "a view: a receiver could not be called. Use a sync receiver." in record.getMessage()


@pytest.mark.parametrize("mode", ["apply", "strict", "off"])
def test_where_nothing_is_learned_nothing_is_told(mode: str, told: Told) -> None:
    """Every evaluation would be the first."""
    with override(MODE=mode):
        list(auto(Book.objects.order_by("pk"), name="books"))
    request_finished.send(None)
    assert told == []


def test_every_signal_is_described() -> None:
    """With what it says."""
    text = (Path(__file__).parents[1] / "docs" / "reference" / "signals.md").read_text()
    assert set(re.findall(r"^\| `(\w+)`", text, re.MULTILINE)) == set(SIGNALS)
