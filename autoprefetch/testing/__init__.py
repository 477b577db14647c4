"""Testing: assertions, a mixin for `unittest`, and a plugin for pytest that is loaded on request.

The plugin is `autoprefetch.testing.plugin`; it has the assertions as fixtures.
"""

from typing import TYPE_CHECKING as _TYPE_CHECKING

from autoprefetch import importing as _importing

if _TYPE_CHECKING:
    from autoprefetch.testing.lazy_loads import assert_no_lazy_loads
    from autoprefetch.testing.mixins import AutoprefetchMixin
    from autoprefetch.testing.scaling import assert_scales
else:  # on demand, as in the package above
    __getattr__ = _importing.on_demand(
        __name__,
        {"AutoprefetchMixin": "mixins", "assert_no_lazy_loads": "lazy_loads", "assert_scales": "scaling"},
    )

__all__ = ["AutoprefetchMixin", "assert_no_lazy_loads", "assert_scales"]
