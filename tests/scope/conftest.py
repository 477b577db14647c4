"""What the tests of `SCOPE` share; how they compare is in `tests/equivalence/comparing.py`."""

import pytest

pytest.register_assert_rewrite("tests.equivalence.comparing")
