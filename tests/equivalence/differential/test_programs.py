"""Random programs give what plain Django gives: values, order, exceptions, what is in the database, queries."""

import os

import pytest

from tests.equivalence.differential.differences import compared
from tests.equivalence.differential.searching import sample, smallest

PROGRAMS = int(os.environ.get("AUTOPREFETCH_PROGRAMS", "200"))
"""Programs on SQLite, half of them writing; the nightly run asks for 20,000."""

BATCH = 100
"""Programs in one test, so that workers share the nightly run."""

ON_SERVERS = 8
"""One in how many batches also runs on PostgreSQL and MariaDB."""

LEAST_SHARE = 0.6


@pytest.mark.parametrize("batch", range(max(PROGRAMS // BATCH // 2, 1)))
@pytest.mark.parametrize("may_write", [False, True], ids=["reading", "writing"])
def test_random_programs_give_what_plain_django_gives(database: str, may_write: bool, batch: int) -> None:
    """On the servers fewer of them, since their savepoints take longer."""
    count = BATCH if database == "default" else BATCH // 4
    loads = answered = 0
    for program in sample(count, may_write=may_write, skip=batch * BATCH):
        comparison = compared(program)
        assert not comparison.difference(), smallest(program)
        found = comparison.repeated_loads()
        loads, answered = loads + found[0], answered + found[1]
    share = answered / max(loads, 1)
    print(f"{database}: {answered} of {loads} repeated lazy loads answered ahead or in batches ({share:.0%})")
    assert may_write or share >= LEAST_SHARE
