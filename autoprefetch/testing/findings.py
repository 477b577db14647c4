"""Findings: what a test run has shown, as values that the workers of pytest-xdist send to the process that prints."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from operator import itemgetter
from typing import Self

from autoprefetch.learn.histories import History
from autoprefetch.learn.stores.file import entries, text_of

Advice = tuple[int, str]
"""What a suggestion saves in an evaluation (queries), and its text."""


@dataclass(slots=True)
class Findings:
    """What the tests of one process have shown, or of all.

    Attributes:
        learned: the histories by the keys of the call sites.
        advice: the suggestion for each call site.
        compared: how many evaluations and accesses were compared with plain Django.
        unlike: how many of them differed.
        is_whole: whether no test was deselected.
    """

    learned: dict[str, History] = field(default_factory=dict)
    advice: dict[str, Advice] = field(default_factory=dict)
    compared: int = 0
    unlike: int = 0
    is_whole: bool = True

    def learn(self, deltas: Mapping[str, History]) -> None:
        """Add counts."""
        for key, delta in deltas.items():
            self.learned[key] = self.learned[key].merged_with(delta) if key in self.learned else delta

    def top(self) -> list[str]:
        """Return the texts of all suggestions, the one first that saves most queries."""
        return [text for _, text in sorted(self.advice.values(), key=itemgetter(0), reverse=True)]

    def add(self, other: Self) -> None:
        """Add what another process has shown."""
        self.learn(other.learned)
        for call_site, advice in other.advice.items():
            self.advice[call_site] = max(self.advice.get(call_site, advice), advice)
        self.compared += other.compared
        self.unlike += other.unlike
        self.is_whole &= other.is_whole

    def as_text(self) -> str:
        """Return them for another process."""
        values = {name: getattr(self, name) for name in ("advice", "compared", "unlike", "is_whole")}
        return json.dumps({**values, "learned": text_of(self.learned)})

    @classmethod
    def from_text(cls, text: str) -> Self:
        """Return what another process has sent."""
        values = json.loads(text)
        advice = {call_site: (saved, code) for call_site, (saved, code) in values["advice"].items()}
        learned = entries(values["learned"], lambda key, reason: None)
        return cls(learned, advice, values["compared"], values["unlike"], values["is_whole"])
