"""Each mutant makes the programs fail, the kept ones or the random ones, so they would see such a mistake."""

import pytest

from autoprefetch.plan import relations
from tests.equivalence.differential.counter_examples import COUNTER_EXAMPLES
from tests.equivalence.differential.differences import FAULT, compared
from tests.equivalence.differential.mutants import MUTANTS, Mutant
from tests.equivalence.differential.searching import PROGRAMS, first_difference

BUDGET = 200
"""Programs within which a mutant has to be found."""


# Neither the default nor any run of CI asks for so few; a person who does wants a short answer about programs alone.
@pytest.mark.skipif(PROGRAMS < BUDGET, reason=f"AUTOPREFETCH_PROGRAMS asks for {PROGRAMS}, too few to find a mutant")
@pytest.mark.django_db
@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_a_mutant_makes_a_program_fail(mutant: Mutant, monkeypatch: pytest.MonkeyPatch) -> None:
    kept = list(COUNTER_EXAMPLES.values())
    relations.relations.cache_clear()
    mutant.apply(monkeypatch)
    try:
        found = next(filter(None, (compared(program).difference() for program in kept)), "")
        found = found or first_difference(BUDGET, may_write=mutant.may_write, about=mutant.about)
    finally:
        monkeypatch.undo()
        relations.relations.cache_clear()
    assert found, f"no program out of {BUDGET} shows that {mutant.name}"
    assert FAULT not in found, found
