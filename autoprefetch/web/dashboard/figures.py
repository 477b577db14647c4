"""Figures: numbers as people read them, and bars as SVG draws them.

They are text before they reach a template: a template writes numbers in the language of the visitor, with commas that
SVG does not understand.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

_LEAST = 1.0
"""What is left of a bar that would be too short to be seen (percent)."""


def number(value: float) -> str:
    """Write a number: whole, but for one decimal where that is a tenth of it or more."""
    return f"{value:.1f}" if value < 10 and round(value, 1) % 1 else f"{value:,.0f}"


def share(value: float) -> str:
    """Write a share, from 0 to 1, as percent."""
    return f"{value:.0%}"


def counted(value: float, one: str, many: str) -> str:
    """Write a number of things."""
    return f"{number(value)} {one if number(value) == '1' else many}"


@dataclass(frozen=True, slots=True)
class Bar:
    """A labelled bar.

    Attributes:
        label: what it stands for, a word; also its class.
        text: how much that is.
        width: how long it is, of what there is room for.
        is_chosen: whether it is the one that matters.
    """

    label: str
    text: str
    width: str
    is_chosen: bool = False


def bars(values: Mapping[str, float], texts: Mapping[str, str], chosen: frozenset[str] = frozenset()) -> list[Bar]:
    """Draw values to one scale, which ends at the largest of them."""
    largest = max(values.values(), default=0.0)
    return [Bar(label, texts[label], _width(value, largest), label in chosen) for label, value in values.items()]


def _width(value: float, largest: float) -> str:
    return f"{max(value / largest * 100, _LEAST):.1f}%" if value > 0 else "0%"


def queries(plain: float, warm: float | None) -> list[Bar]:
    """Draw the queries of an evaluation by plain Django, and those when warm, where that was measured."""
    values = {"plain": plain} | ({"warm": warm} if warm is not None else {})
    return bars(values, {label: number(value) for label, value in values.items()})
