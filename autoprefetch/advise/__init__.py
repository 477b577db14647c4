"""Advise: say what a plan would be as code, and report what was learned, applied and saved.

What the engine says goes through the names below. They are imported when the first of them is asked for, because most
of what a process that starts would import is here, and structlog, and it may never have anything to say.
"""

from typing import TYPE_CHECKING as _TYPE_CHECKING

from autoprefetch import importing as _importing

if _TYPE_CHECKING:
    from autoprefetch.advise.advising import call_site_report, log_once, suggestion_here
    from autoprefetch.advise.commenting import forget, warn_once
    from autoprefetch.advise.logs import faulted, left_out, many_queries, slow_batch, store_troubled
    from autoprefetch.advise.reports import Report, by_saving
    from autoprefetch.advise.suggestions import Suggestion
else:
    __getattr__ = _importing.on_demand(
        __name__,
        {
            "Report": "reports",
            "Suggestion": "suggestions",
            "by_saving": "reports",
            "call_site_report": "advising",
            "faulted": "logs",
            "forget": "commenting",
            "left_out": "logs",
            "log_once": "advising",
            "many_queries": "logs",
            "slow_batch": "logs",
            "store_troubled": "logs",
            "suggestion_here": "advising",
            "warn_once": "commenting",
        },
    )

__all__ = [
    "Report",
    "Suggestion",
    "by_saving",
    "call_site_report",
    "faulted",
    "forget",
    "left_out",
    "log_once",
    "many_queries",
    "slow_batch",
    "store_troubled",
    "suggestion_here",
    "warn_once",
]
