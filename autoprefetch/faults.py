"""Faults of autoprefetch's own: kept from the caller, logged once, and answered by plain Django from then on."""

from __future__ import annotations

from contextlib import suppress

from django.core.exceptions import SynchronousOnlyOperation
from django.db import DatabaseError, connections

from autoprefetch import advise
from autoprefetch.apply.standing import Standing
from autoprefetch.errors import LazyLoadError
from autoprefetch.signals import fault_quarantined, tell


class shielded:  # noqa: N801  (a context manager)
    """Keep a fault inside `with` from the caller, and let the call site run as plain Django from then on.

    Args:
        standing: the call site, None when it is not known.
        using: the database alias that the block may query; None when it queries nothing.

    What is meant for the caller passes: `LazyLoadError`, and a database error that has broken the caller's transaction.
    """

    __slots__ = ("_standing", "_using")

    def __init__(self, standing: Standing | None, using: str | None) -> None:
        self._standing = standing
        self._using = using

    def __enter__(self) -> None: ...

    def __exit__(self, kind: type[BaseException] | None, fault: BaseException | None, trace: object) -> bool:
        if not isinstance(fault, Exception) or isinstance(fault, LazyLoadError):
            return False
        if isinstance(fault, SynchronousOnlyOperation):
            return True  # no fault: Django refuses the query in async code, and will say so itself
        if self._using is not None and is_callers(fault, self._using):
            return False
        quarantine(self._standing, fault)
        return True


def is_callers(error: Exception, using: str) -> bool:
    """Tell whether an error has broken a transaction, so that no further query can stand in for the failed one."""
    return isinstance(error, DatabaseError) and connections[using].in_atomic_block


def quarantine(standing: Standing | None, fault: Exception) -> None:
    """Take the plan of a call site away for good, and say so once."""
    if standing is not None:
        is_known, standing.quarantined = bool(standing.quarantined), repr(fault)
    else:
        is_known = _is_known(fault)
    if not is_known:
        with suppress(Exception):  # a log handler that fails must not fail the caller
            name = standing.site.name if standing else "autoprefetch"
            advise.faulted(name, fault)
            tell(fault_quarantined, standing.model if standing else None, name, fault=fault)


_known: set[tuple[type, str, int]] = set()


def _is_known(fault: Exception) -> bool:
    """Tell whether a fault that belongs to no call site was logged before: the same error from the same line."""
    trace = fault.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    place = (trace.tb_frame.f_code.co_filename, trace.tb_lineno) if trace is not None else ("", 0)
    is_known = (type(fault), *place) in _known
    _known.add((type(fault), *place))
    return is_known


def forget() -> None:
    """Forget which faults were logged."""
    _known.clear()
