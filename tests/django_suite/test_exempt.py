"""The list of Django's tests that may fail with autoprefetch stays short, and says why."""

from tests.django_suite.__main__ import EXEMPT, exempt
from tests.django_suite.labels import FAST, LABELS


def test_at_most_ten_tests_are_exempt_each_with_a_sentence():
    """A test that gives another result is a bug, and not an entry here."""
    lines = [line for line in EXEMPT.read_text().splitlines() if line and not line.startswith("#")]
    assert len(exempt()) == len(lines) <= 10
    assert all(line.partition(" ")[2].strip().endswith(".") for line in lines)


def test_the_fast_labels_are_among_all_labels():
    """And none is named twice."""
    assert set(FAST) < set(LABELS)
    assert len(set(LABELS)) == len(LABELS)
