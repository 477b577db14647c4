"""The assertions as methods, for `unittest`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager

from autoprefetch.testing.lazy_loads import assert_no_lazy_loads
from autoprefetch.testing.scaling import SIZES, assert_scales


class AutoprefetchMixin:
    """Beside a `TestCase`: `class BooksTest(AutoprefetchMixin, TestCase)`."""

    def assertNoLazyLoads(self) -> AbstractContextManager[None]:  # noqa: N802  (as unittest names its own)
        """Return a block in which no relation may be loaded row by row; see `assert_no_lazy_loads`."""
        return assert_no_lazy_loads()

    def assertScales(  # noqa: N802  (as above)
        self, factory: Callable[[int], object], view: Callable[[], object], *, sizes: Sequence[int] = SIZES
    ) -> None:
        """Assert that a view runs no more queries when there are more rows; see `assert_scales`."""
        __tracebackhide__ = True
        assert_scales(factory, view, sizes=sizes)
