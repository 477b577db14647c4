"""Logs: every event of autoprefetch, through the stdlib logger `autoprefetch`, wrapped by structlog.

The processors are given with the logger, because a structlog that nobody configured prints to stdout and passes
`LOGGING` by. Nothing global is configured. The record's message is the text for people, and the event's name and values
are attributes of the record (`extra`), where structlog's `ExtraAdder` and JSON formatters find them.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, MutableMapping, Sequence
from typing import Any

import structlog

from autoprefetch.advise.suggestions import Suggestion
from autoprefetch.advise.tables import counted

SUGGESTION = "autoprefetch.suggestion"
FAULT = "autoprefetch.fault"
SLOW_BATCH = "autoprefetch.slow_batch"
STORE = "autoprefetch.store"
QUERIES = "autoprefetch.queries"
COMMENT = "autoprefetch.comment"


def _to_record(logger: Any, method: str, event: MutableMapping[str, Any]) -> tuple[tuple[str, ...], dict[str, Any]]:
    text, exc_info = event.pop("text"), event.pop("exc_info", None)
    return (f"{event['event']}: {text}",), {"extra": dict(event), "exc_info": exc_info}


_logger = structlog.wrap_logger(
    logging.getLogger("autoprefetch"),
    processors=[structlog.stdlib.filter_by_level, _to_record],
    wrapper_class=structlog.BoundLogger,
    context_class=dict,
    cache_logger_on_first_use=True,
)


def suggested(suggestion: Suggestion) -> None:
    """Log the code change for one call site (INFO)."""
    _logger.info(
        SUGGESTION,
        text=suggestion.as_text(),
        call_site=suggestion.call_site,
        model=suggestion.model,
        queries_before=suggestion.queries_before,
        queries_after=suggestion.queries_after,
        code=suggestion.code,
        imports=list(suggestion.imports),
        removals=[removal.as_dict() for removal in suggestion.removals],
        accessed_at=dict(suggestion.accessed_at),
    )


def faulted(call_site: str, fault: BaseException) -> None:
    """Log a fault of autoprefetch's own, and what follows from it (ERROR)."""
    _logger.error(
        FAULT,
        text=f"{call_site}: {type(fault).__name__} inside autoprefetch. It runs as plain Django from now on.",
        call_site=call_site,
        fault=repr(fault),
        exc_info=fault,
    )


def slow_batch(call_site: str, path: str, batch: float, alone: float, instances: int) -> None:
    """Log that batches of a path were slower than the lazy loads that they replaced (WARNING).

    Args:
        call_site: its name for people.
        path: the lookup.
        batch: what the latest batch took (seconds).
        alone: what the lazy loads would have taken (seconds).
        instances: for how many instances.
    """
    _logger.warning(
        SLOW_BATCH,
        text=f"{call_site}: a batch of {path} for {instances} instances took {batch * 1000:.0f} ms, where lazy loads"
        f" would take {alone * 1000:.0f} ms. It is loaded lazily from now on. Look for an index that serves both.",
        call_site=call_site,
        path=path,
        batch=batch,
        alone=alone,
        instances=instances,
    )


def store_troubled(store: str, trouble: str, error: BaseException | None) -> None:
    """Log that a store fails (WARNING), or that it does so no more (INFO).

    Args:
        store: its class.
        trouble: what it cannot do, as the end of a sentence.
        error: why; None when it is well again.
    """
    if error is None:
        _logger.info(STORE, text=f"{store} {trouble}. What was learned meanwhile is brought to it.", store=store)
        return
    _logger.warning(
        STORE,
        text=f"{store} {trouble} ({type(error).__name__}: {error}). What is learned stays in the memory of each process"
        " until it can be. Look at the server, the disk and AUTOPREFETCH['STORE'].",
        store=store,
        error=repr(error),
    )


def left_out(store: str, text: str) -> None:
    """Log that a store has left out what it could not read (WARNING)."""
    _logger.warning(STORE, text=text, store=store)


def wrong_comment(call_site: str, comment: str, text: str) -> None:
    """Log that a comment beside a call site does not say what to ignore (WARNING).

    Args:
        call_site: its name for people.
        comment: the comment, from its `#` on.
        text: place, fact and remedy.
    """
    _logger.warning(COMMENT, text=text, call_site=call_site, comment=comment)


def many_queries(
    view: str, queries: int, threshold: int, database: float, seconds: float, similar: Sequence[Mapping[str, Any]]
) -> None:
    """Log that a request ran more queries than `QUERY_THRESHOLD` (WARNING).

    Args:
        view: its name and route.
        queries: how many it ran.
        threshold: how many are no matter.
        database: what the databases took (seconds).
        seconds: what the request took.
        similar: statements that repeat, without values, each with `sql`, `queries`, `seconds` and `sent_from`.
    """
    times = f"{database * 1000:.0f} ms of {seconds * 1000:.0f} ms"
    ran = counted(queries, "query", "queries")
    lines = [f"{view}: {ran}, {times}, where QUERY_THRESHOLD is {threshold}."]
    for group in similar:
        place = f" from {group['sent_from']}" if group["sent_from"] else ""
        lines.append(f"    {group['queries']} times, {group['seconds'] * 1000:.0f} ms{place}: {group['sql'][:300]}")
    is_read = any(group["sql"].upper().startswith("SELECT") for group in similar)
    there = "there" if any(group["sent_from"] for group in similar) else "in this view"  # async: nobody knows the line
    lines += [f"Give the querysets whose rows are read {there} to auto()."] if is_read else []
    _logger.warning(
        QUERIES,
        text="\n".join(lines),
        view=view,
        queries=queries,
        threshold=threshold,
        database=database,
        seconds=seconds,
        similar=list(similar),
    )
