"""Random programs give what plain Django gives: values, order, exceptions, what is in the database, queries."""

import pytest

from tests.equivalence.differential.differences import compared
from tests.equivalence.differential.searching import CHUNK, PROGRAMS, sample, smallest

BATCH = CHUNK
"""Programs in one test, so that workers share a nightly run."""

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
