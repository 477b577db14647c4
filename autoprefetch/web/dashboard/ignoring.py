"""Ignoring: what to paste into the settings so that a call site, or one of its relations, is left alone.

What is ignored stands in the settings, where it is reviewed, has a history, and holds for each worker from its first
request. The store holds counts that add up in any order, so it has no place for a decision that a person may take back.
"""

from __future__ import annotations

from dataclasses import dataclass

from autoprefetch.surveying import Surveyed, as_pattern


@dataclass(frozen=True, slots=True)
class Ignoring:
    """How a call site is ignored.

    Attributes:
        line: what to add to `AUTOPREFETCH`; "" where this process does not know it.
        relations: what to add instead for one relation each, wherever it is used.
        others: how many other call sites the line stands for: the same call, evaluated from elsewhere.
        ignored_by: the pattern by which it is ignored already; "" when it is not.
    """

    line: str
    relations: list[str]
    others: int
    ignored_by: str


def ignoring(site: Surveyed, sites: tuple[Surveyed, ...]) -> Ignoring:
    """Say how to ignore a call site.

    Args:
        site: that call site.
        sites: all that are known.
    """
    pattern, plan = as_pattern(site.origin), site.report.plan
    relations = {f"{branch.relation.owner}.{branch.relation.name}" for branch in plan.walk()} if plan else set()
    return Ignoring(
        line=_setting(pattern) if pattern else "",
        relations=[_setting(name) for name in sorted(relations)],
        others=sum(other.origin == site.origin for other in sites) - 1 if pattern else 0,
        ignored_by=site.ignored_by,
    )


def _setting(pattern: str) -> str:
    text = repr(pattern)
    return f'"IGNORE": ["{text[1:-1]}"],' if "'" not in pattern and '"' not in pattern else f'"IGNORE": [{text}],'
