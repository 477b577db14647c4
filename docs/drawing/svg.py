"""What the pictures are made of: a few elements of SVG, and the colours of a light and of a dark page."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from html import escape

FONT = "-apple-system, BlinkMacSystemFont, 'Segoe UI', Helvetica, Arial, sans-serif"
MONOSPACE = "ui-monospace, SFMono-Regular, Menlo, Consolas, monospace"


@dataclass(frozen=True, slots=True)
class Colours:
    """What is drawn in which colour; each has a contrast of 4.5 to 1 and more with its page."""

    name: str
    text: str
    muted: str
    line: str
    fill: str
    plain: str
    ours: str
    other: str


LIGHT = Colours("light", "#1f2328", "#59636e", "#818b98", "#f6f8fa", "#c62f3c", "#1a7f37", "#59636e")
DARK = Colours("dark", "#f0f6fc", "#9198a1", "#818b98", "#161b22", "#ff7b72", "#3fb950", "#9198a1")
THEMES = (LIGHT, DARK)


def picture(width: float, height: float, title: str, parts: Iterable[str]) -> str:
    """Put elements together as a document, with a title that screen readers read."""
    size = f'viewBox="0 0 {width:g} {height:g}" width="{width:g}" height="{height:g}"'
    head = f'<svg xmlns="http://www.w3.org/2000/svg" {size} role="img" font-family="{FONT}">'
    return "\n".join([head, f"<title>{escape(title)}</title>", *parts, "</svg>", ""])


def text(x: float, y: float, words: str, colour: str, *, size: float = 14, bold: bool = False, anchor: str = "start",
         code: bool = False) -> str:  # fmt: skip
    """Write one line of text with its baseline at `y`."""
    extra = ' font-weight="600"' if bold else ""
    extra += f' text-anchor="{anchor}"' if anchor != "start" else ""
    extra += f' font-family="{MONOSPACE}"' if code else ""
    return f'<text x="{x:g}" y="{y:g}" font-size="{size:g}" fill="{colour}"{extra}>{escape(words)}</text>'


def box(x: float, y: float, width: float, height: float, fill: str, *, line: str = "", radius: float = 2) -> str:
    """Draw a rectangle."""
    stroke = f' stroke="{line}"' if line else ""
    return f'<rect x="{x:g}" y="{y:g}" width="{width:g}" height="{height:g}" rx="{radius:g}" fill="{fill}"{stroke}/>'


def squares(corners: Iterable[tuple[float, float]], side: float, fill: str) -> str:
    """Draw many squares as one element, which keeps the file small."""
    path = "".join(f"M{x:g},{y:g}h{side:g}v{side:g}h-{side:g}z" for x, y in corners)
    return f'<path fill="{fill}" d="{path}"/>'


def arrow(points: Iterable[tuple[float, float]], colour: str) -> str:
    """Draw a line through points, with a head at its end; `arrow_head` has to be in the picture."""
    path = " ".join(f"{x:g},{y:g}" for x, y in points)
    return f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="1.5" marker-end="url(#head)"/>'


def arrow_head(colour: str) -> str:
    """Define the head of the arrows."""
    return (
        '<defs><marker id="head" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto">'
        f'<path d="M0,0 L8,4 L0,8 z" fill="{colour}"/></marker></defs>'
    )
