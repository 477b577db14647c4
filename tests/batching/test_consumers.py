"""The table: relation kind x consumer x database. Plain, cold and warm are equal, in the queries that the issue allows.

One batch answers each statement, so a consumer of `n` statements a parent takes at most 1 + 2n queries cold (a first
batch and the rest) and 1 + n warm.
"""

from typing import Any

import pytest

import autoprefetch
from autoprefetch import auto
from tests.batching.consumers import CONSUMERS, Consumer
from tests.batching.kinds import KINDS, Kind
from tests.equivalence.comparing import runs


@pytest.mark.usefixtures("library")
@pytest.mark.parametrize("consumer", CONSUMERS, ids=lambda consumer: consumer.name)
def test_a_consumer_gives_on_every_relation_what_plain_django_gives(consumer: Consumer, database: str) -> None:
    """Whatever consumes the rows of each parent gets plain Django's values, from one statement for all parents."""
    failures = [failure for kind in KINDS if consumer.suits(kind) and (failure := failure_of(kind, consumer))]
    assert not failures, "\n\n".join(failures)


def failure_of(kind: Kind, consumer: Consumer) -> str:
    """Run one cell of the table and say what is wrong with it."""
    autoprefetch.reset()
    model = kind.rows(kind.parents()[0]).model
    sample = model._base_manager.order_by("pk")[1]

    def view() -> Any:
        return [consumer.use(kind.rows(parent), kind, sample) for parent in auto(kind.parents())]

    plain, cold, warm, again = runs(view, 3)
    for name, run, most in [
        ("cold", cold, 1 + 2 * consumer.statements),
        ("warm", warm, 1 + consumer.statements),
        ("third", again, 1 + consumer.statements),
    ]:
        if run.outcome != plain.outcome:
            return f"{kind.name}, {name}: {run.outcome}\nplain: {plain.outcome}\n{run.log}"
        if run.queries > min(most, max(plain.queries, 2)):
            return f"{kind.name}, {name}: {run.queries} queries, not {most} (plain {plain.queries})\n{run.log}"
    quarantined = [site.as_dict()["quarantined"] for site in autoprefetch.report().call_sites]
    return f"{kind.name}: quarantined {quarantined}" if any(quarantined) else ""
