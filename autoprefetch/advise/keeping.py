"""Keeping: what `auto()` alone loads for all rows at once, because no code does the same."""

from __future__ import annotations

from collections.abc import Iterator

from django.db.models.constants import LOOKUP_SEP

from autoprefetch.advise.advising import Advised, derived_queries
from autoprefetch.advise.derived import changes_for
from autoprefetch.advise.writing import Writer
from autoprefetch.learn.profiles import Path, Profile, is_derived
from autoprefetch.plan.choosing import stays_lazy
from autoprefetch.plan.costs import REPEATED
from autoprefetch.plan.plans import Plan


def kept(site: Advised, plan: Plan, profile: Profile) -> str:
    """Say what only `auto()` loads for all rows of a call site that nothing is suggested for, and why.

    Args:
        site: the call site.
        plan: what is loaded ahead, which is nothing.
        profile: the counts of the call site, with the places where derived queries are built.

    Returns:
        "" where nothing is loaded again and again.
    """
    paths = [path for path in _repeated(profile) if not stays_lazy(site.choices, plan.model, path)]
    if not paths or site.form is None:
        return ""
    writer = Writer({}, taken=set(site.form.gives))
    queries = derived_queries(site, profile, plan.model)
    changes_for(writer, queries, site.form, profile)
    seen = {query.path for query in queries}
    unseen = [path for path in paths if is_derived(path) and path not in seen]
    reasons = [f"The expression behind {path_with_place(path, profile)} is not recognised." for path in unseen]
    what = ", ".join(path_with_place(path, profile) for path in paths)
    return " ".join([f"{site.name} keeps auto(), which alone loads {what} for all rows.", *writer.unwritten, *reasons])


def _repeated(profile: Profile) -> Iterator[Path]:
    for path in sorted(profile.usages):
        if profile.loads_per_evaluation(path) > REPEATED:
            yield path


def path_with_place(path: Path, profile: Profile) -> str:
    """Name a path for people, who know of no shapes of queries but of the lines that ask them."""
    lookup = LOOKUP_SEP.join(step.partition("(")[0] for step in path)
    usage = profile.usages.get(path)
    return f"{lookup} (read at {usage.first_access})" if usage is not None and usage.first_access else lookup
