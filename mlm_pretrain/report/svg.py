"""Drawings written by hand: a scale, marks, texts, and a frame that says in words what is drawn.

All is in the colour of the text around it, so that light, dark and paper need no second drawing. Units are
those of the drawing, which a page stretches to its width.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

TEXT_SIZE = 12
_STEPS = (1, 2, 5, 10)


@dataclass(frozen=True)
class Scale:
    """Values from `low` to `high` on a line from `start` to `end`."""

    low: float
    high: float
    start: float
    end: float

    def at(self, value: float) -> float:
        """Where a value lies."""
        share = (value - self.low) / (self.high - self.low)
        return self.start + share * (self.end - self.start)

    def ticks(self, about: int = 5) -> list[float]:
        """Round values within the scale, about so many."""
        raw = (self.high - self.low) / about
        power = 10.0 ** math.floor(math.log10(raw))
        step = min((power * factor for factor in _STEPS), key=lambda s: abs(math.log(s / raw)))
        first, last = math.ceil(self.low / step - 1e-9), math.floor(self.high / step + 1e-9)
        return [number * step for number in range(first, last + 1)]


def scale_of(values: Sequence[float], start: float, end: float) -> Scale:
    """A scale that holds all values, with some room on both sides."""
    low, high = min(values), max(values)
    room = 0.06 * (high - low) or max(abs(high), 1) * 0.01
    return Scale(low - room, high + room, start, end)


def frame(
    width: float, height: float, name: str, title: str, told: str, marks: Sequence[str]
) -> str:
    """The <svg>.

    Args:
        name: of this drawing alone on its page.
        told: all that is drawn, in words.
    """
    return (
        f'<svg viewBox="0 0 {number(width)} {number(height)}" role="img" '
        f'aria-labelledby="{name}-title {name}-told" font-family="system-ui,sans-serif" '
        f'font-size="{TEXT_SIZE}" fill="currentColor" stroke="none">'
        f'<title id="{name}-title">{escape(title)}</title><desc id="{name}-told">{escape(told)}</desc>'
        f"{''.join(marks)}</svg>"
    )


def line(
    start: tuple[float, float],
    end: tuple[float, float],
    width: float = 1,
    opacity: float = 1,
    dashes: str = "",
) -> str:
    """A stroke."""
    (x1, y1), (x2, y2) = start, end
    dashed = f' stroke-dasharray="{dashes}"' if dashes else ""
    return (
        f'<line x1="{number(x1)}" y1="{number(y1)}" x2="{number(x2)}" y2="{number(y2)}" '
        f'stroke="currentColor" stroke-width="{number(width)}" stroke-opacity="{number(opacity)}"{dashed}/>'
    )


def polyline(points: Sequence[tuple[float, float]], opacity: float = 1) -> str:
    """Points joined in order."""
    joined = " ".join(f"{number(x)},{number(y)}" for x, y in points)
    return (
        f'<polyline points="{joined}" fill="none" stroke="currentColor" '
        f'stroke-opacity="{number(opacity)}"/>'
    )


def dot(x: float, y: float, radius: float = 4, is_hollow: bool = False) -> str:
    """A point."""
    inside = ' fill="none" stroke="currentColor" stroke-width="1.5"' if is_hollow else ""
    return f'<circle cx="{number(x)}" cy="{number(y)}" r="{number(radius)}"{inside}/>'


def words(x: float, y: float, text: str, anchor: str = "start") -> str:
    """A text whose middle line is at `y`."""
    return (
        f'<text x="{number(x)}" y="{number(y)}" text-anchor="{anchor}" dy="0.35em">'
        f"{escape(text)}</text>"
    )


def axis(scale: Scale, y: float, label: str) -> list[str]:
    """A horizontal line with ticks and what it counts, below; it takes 40 units of height."""
    marks = [line((scale.start, y), (scale.end, y), opacity=0.5)]
    for tick in scale.ticks():
        x = scale.at(tick)
        marks += [line((x, y), (x, y + 4), opacity=0.5), words(x, y + 13, f"{tick:g}", "middle")]
    return [*marks, words((scale.start + scale.end) / 2, y + 32, label, "middle")]


def shortened(text: str, letters: int) -> str:
    """The text, or its beginning where it is longer."""
    return text if len(text) <= letters else text[: letters - 1].rstrip() + "…"


def number(value: float) -> str:
    """Short, and the same on every machine."""
    return f"{value:.2f}".rstrip("0").rstrip(".") if value else "0"
