"""What the tests of the proxy share; how they compare is in `comparing.py`."""

import pytest

pytest.register_assert_rewrite("tests.proxy.comparing")

#: For what does not depend on the database.
sqlite_only = pytest.mark.parametrize("database", ["sqlite"], indirect=True)
