"""Every program that once differed from plain Django does so no more."""

import pytest

from tests.equivalence.differential.counter_examples import COUNTER_EXAMPLES
from tests.equivalence.differential.differences import compared


@pytest.mark.parametrize("name", COUNTER_EXAMPLES)
def test_a_counter_example_differs_no_more(name: str, database: str) -> None:
    comparison = compared(COUNTER_EXAMPLES[name])
    assert comparison.is_repeatable
    assert not comparison.difference(), comparison.difference()
