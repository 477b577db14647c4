"""Random programs give what plain Django gives: values, order, exceptions, what is in the database, queries."""

import pytest
from hypothesis import HealthCheck, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.equivalence.differential.differences import compared
from tests.equivalence.differential.machines import Programs, WritingPrograms
from tests.equivalence.differential.searching import CHUNK, PROGRAMS, sample, smallest

BATCH = CHUNK * max(PROGRAMS // 2_000, 1)
"""Programs in one test: so many that no single one decides its share, and so few that workers share a nightly run."""

ON_SERVERS = 8
"""Programs of each batch that also run on PostgreSQL and MariaDB, where savepoints take longer."""

LEAST_SHARE = 0.6
"""Of the repeated lazy loads in programs that only read: staying lazy does not pass."""


@pytest.mark.parametrize("batch", range(max(PROGRAMS // BATCH // 2, 1)))
@pytest.mark.parametrize("may_write", [False, True], ids=["reading", "writing"])
def test_random_programs_give_what_plain_django_gives(
    database: str, may_write: bool, batch: int, capsys: pytest.CaptureFixture[str]
) -> None:
    """A difference is shown as the smallest program that has it; keep it in `counter_examples.py`."""
    count = BATCH if database == "default" else ON_SERVERS
    loads = answered = 0
    for program in sample(count, may_write=may_write, skip=batch * BATCH):
        comparison = compared(program)
        assert not comparison.difference(), smallest(program)
        found = comparison.repeated_loads()
        loads, answered = loads + found[0], answered + found[1]
    share = answered / max(loads, 1)
    with capsys.disabled():
        print(f"\n{database}: {answered} of {loads} repeated lazy loads answered ahead or in batches ({share:.0%})")
    assert may_write or share >= LEAST_SHARE


@pytest.mark.parametrize("machine", [Programs, WritingPrograms], ids=["reading", "writing"])
def test_programs_step_by_step_give_what_plain_django_gives(
    database: str, machine: type[Programs], capsys: pytest.CaptureFixture[str]
) -> None:
    """A difference is shown as the fewest steps that make it."""
    machine.answered[:] = 0, 0
    count = max(PROGRAMS // 4, 1) if database == "default" else ON_SERVERS
    quiet = settings(max_examples=count, stateful_step_count=16, database=None, deadline=None, derandomize=True,
                     suppress_health_check=list(HealthCheck))  # fmt: skip
    run_state_machine_as_test(machine, settings=quiet)
    loads, answered = machine.answered
    share = answered / max(loads, 1)
    with capsys.disabled():
        print(f"\n{database}: {answered} of {loads} repeated lazy loads answered ahead or in batches ({share:.0%})")
    assert loads
    assert machine.may_write or database != "default" or share >= LEAST_SHARE
