"""What a row of the table found: figures of its variants, ratios with the bars they have to reach, and query counts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Self


@dataclass(frozen=True, slots=True)
class Figure:
    """What a variant cost, once.

    Args:
        median_s: seconds.
        queries: statements sent to the database.
        rounds: how many rounds it is the median of.
    """

    median_s: float
    queries: float
    rounds: int


@dataclass(frozen=True, slots=True)
class Ratio:
    """A proportion, or another number that a bar is set for.

    Args:
        name: what is compared, such as "warm / select_related".
        value: the number.
        at_most: the bar from above, None where there is none.
        at_least: the bar from below, None where there is none.
        unit: what the number is in; "x" for a proportion.
    """

    name: str
    value: float
    at_most: float | None = None
    at_least: float | None = None
    unit: str = "x"

    @property
    def is_reached(self) -> bool | None:
        """Whether the bar is reached; None where there is none."""
        if self.at_most is None and self.at_least is None:
            return None
        return (self.at_most is None or self.value <= self.at_most) and (
            self.at_least is None or self.value >= self.at_least
        )


@dataclass(frozen=True, slots=True)
class QueryBar:
    """How many queries a variant may run."""

    variant: str
    queries: float
    at_most: float

    @property
    def is_reached(self) -> bool:
        """Whether no more ran."""
        return self.queries <= self.at_most


@dataclass(slots=True)
class Outcome:
    """What a row found, or a part of it.

    Attributes:
        variants: the figures, by the name of the variant and, behind an "@", of what is not the row's usual setting.
        ratios: the ratios, named in the same way.
        query_bars: the variants whose queries are limited.
        skipped: what was not measured, with the reason.
    """

    variants: dict[str, Figure] = field(default_factory=dict)
    ratios: list[Ratio] = field(default_factory=list)
    query_bars: list[QueryBar] = field(default_factory=list)
    skipped: dict[str, str] = field(default_factory=dict)

    def add(self, figures: Mapping[str, Figure], at: str = "") -> None:
        """Add figures that were measured in one setting."""
        self.variants |= {named(name, at): figure for name, figure in figures.items()}

    def compare(self, variant: str, *others: str, at: str = "", **bars: float) -> None:
        """Add the ratio of one variant's time to the sum of others', unless one of them was not measured."""
        names = [named(name, at) for name in (variant, *others)]
        if all(name in self.variants for name in names):
            own, *rest = (self.variants[name].median_s for name in names)
            right = " + ".join(others)
            title = f"{variant} / ({right})" if len(others) > 1 else f"{variant} / {right}"
            self.ratios.append(Ratio(named(title, at), own / sum(rest), **bars))

    def limit(self, variant: str, at_most: float, at: str = "") -> None:
        """Limit the queries of a variant."""
        name = named(variant, at)
        if name in self.variants:
            self.query_bars.append(QueryBar(name, self.variants[name].queries, at_most))

    def merged_with(self, other: Self) -> Self:
        """Put two parts of a row together."""
        return type(self)(
            self.variants | other.variants,
            self.ratios + other.ratios,
            self.query_bars + other.query_bars,
            self.skipped | other.skipped,
        )

    @property
    def too_many_queries(self) -> list[QueryBar]:
        """The variants that ran more queries than they may."""
        return [bar for bar in self.query_bars if not bar.is_reached]

    @property
    def is_reached(self) -> bool | None:
        """Whether every bar is reached; None where none could be measured."""
        found = [reached for ratio in self.ratios if (reached := ratio.is_reached) is not None]
        return None if not found and not self.query_bars else all(found) and not self.too_many_queries

    def as_dict(self) -> dict[str, Any]:
        """Return it as values that JSON can hold."""
        return asdict(self)

    @classmethod
    def from_dict(cls, given: Mapping[str, Any]) -> Self:
        """Make it of such values."""
        return cls(
            {name: Figure(**figure) for name, figure in given["variants"].items()},
            [Ratio(**ratio) for ratio in given["ratios"]],
            [QueryBar(**bar) for bar in given["query_bars"]],
            dict(given["skipped"]),
        )


def named(name: str, at: str) -> str:
    """Name something with the setting it was measured in."""
    return f"{name}@{at}" if at else name


def setting(*parts: str) -> str:
    """Name a setting by what is not usual in it."""
    return "/".join(part for part in parts if part)


def merged(outcomes: Iterable[Outcome]) -> Outcome:
    """Put the parts of a row together."""
    whole = Outcome()
    for outcome in outcomes:
        whole = whole.merged_with(outcome)
    return whole
