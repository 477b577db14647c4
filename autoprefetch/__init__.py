"""autoprefetch optimises Django querysets at run time.

Wrap a queryset once, and leave the view, the serializer and the template as they are::

    from autoprefetch import auto

    accounts = auto(Account.objects.filter(org=request.user.org))

The first time this line is evaluated, autoprefetch records which relations its rows load lazily. From the second time
on it applies the plan made from that: `select_related` where a join cannot change the result, `prefetch_related`
elsewhere. And it logs the code change that would do the same, ready to paste. Results stay what they were.
"""

from typing import TYPE_CHECKING as _TYPE_CHECKING

from autoprefetch import importing as _importing

if _TYPE_CHECKING:
    from autoprefetch.conf import override
    from autoprefetch.errors import InvalidSettingsError, LazyLoadError
    from autoprefetch.proxy import auto
    from autoprefetch.reporting import report, reset, suggestions
else:  # on demand, so that the pytest plugin can be loaded before Django is set up
    __getattr__ = _importing.on_demand(
        __name__,
        {
            "InvalidSettingsError": "errors",
            "LazyLoadError": "errors",
            "auto": "proxy",
            "override": "conf",
            "report": "reporting",
            "reset": "reporting",
            "suggestions": "reporting",
        },
    )

__all__ = ["InvalidSettingsError", "LazyLoadError", "auto", "override", "report", "reset", "suggestions"]
