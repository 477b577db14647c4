"""Each mutant makes the random programs fail, so they would see such a mistake."""

import pytest

from autoprefetch.plan import relations
from tests.equivalence.differential.differences import FAULT
from tests.equivalence.differential.mutants import MUTANTS, Mutant
from tests.equivalence.differential.searching import first_difference

BUDGET = 200
"""Programs within which a mutant has to be found."""


@pytest.mark.django_db
@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_a_mutant_makes_a_program_fail(mutant: Mutant, monkeypatch: pytest.MonkeyPatch) -> None:
    relations.relations.cache_clear()
    mutant.apply(monkeypatch)
    try:
        found = first_difference(BUDGET, may_write=mutant.may_write, about=mutant.about)
    finally:
        monkeypatch.undo()
        relations.relations.cache_clear()
    assert found, f"no program out of {BUDGET} shows that {mutant.name}"
    assert FAULT not in found, found
