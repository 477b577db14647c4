"""What a person can ask for: the report, the suggestions, and to forget it all."""

from __future__ import annotations

from autoprefetch import advise
from autoprefetch.apply.standing import Standing
from autoprefetch.evaluation import engine
from autoprefetch.learn.histories import History


def report() -> advise.Report:
    """Report what was learned at each call site, what is applied and why, and what it saved.

    Returns:
        a report whose `call_sites` come with the one first that saved most queries.
    """
    sites = [advise.call_site_report(standing, history) for standing, history in engine.known()]
    return advise.Report(tuple(sorted(sites, key=advise.by_saving)))


def suggestions() -> list[advise.Suggestion]:
    """Return the code change for each call site that has one, the one first that saves most queries."""
    made = (suggestion_for(standing, history) for standing, history in engine.known())
    found = [suggestion for suggestion in made if suggestion is not None]
    return sorted(found, key=by_queries_saved)


def suggestion_for(standing: Standing, history: History) -> advise.Suggestion | None:
    """Return the code change for one call site, or None."""
    plan, alike = engine.planned_for(standing, history), engine.alike(standing, history)
    return advise.suggestion_here(standing, plan, history, alike)


def by_queries_saved(suggestion: advise.Suggestion) -> tuple[int, str]:
    """Return what puts suggestions in order: the one first that saves most queries."""
    return suggestion.queries_after - suggestion.queries_before, suggestion.call_site


def reset() -> None:
    """Forget what was learned, what was planned and what was logged, in this process and its store."""
    engine.reset()
