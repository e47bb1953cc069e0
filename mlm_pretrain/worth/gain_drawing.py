"""Gain over cost, drawn: each variant a point with its interval, the base where nothing is spent."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any, NamedTuple

from mlm_pretrain.report.svg import (
    TEXT_SIZE,
    Scale,
    axis,
    dot,
    frame,
    line,
    scale_of,
    shortened,
    words,
)
from mlm_pretrain.worth.scores_drawing import WIDTH
from mlm_pretrain.worth.wording import duration, interval, metric_name, signed

_HEIGHT, _LEFT, _RIGHT, _BOTTOM, _TOP = 270.0, 44.0, WIDTH - 8, 226.0, 18.0
_APART = 14.0  # two models of one cost would lie on each other
_LETTERS, _LETTER_WIDTH = 18, 0.6 * TEXT_SIZE
_HOURS_FROM_SECONDS = 3 * 3_600


class Mark(NamedTuple):
    """A variant's place in the drawing."""

    name: str
    x: float
    y: float
    top: float
    bottom: float


class Box(NamedTuple):
    """What a text or an interval takes up."""

    left: float
    right: float
    top: float
    bottom: float

    def meets(self, other: Box) -> bool:
        """Whether they overlap."""
        is_beside = self.right < other.left or other.right < self.left
        return not (is_beside or self.bottom < other.top or other.bottom < self.top)


def gain_drawing(
    name: str,
    task: str,
    gains: Sequence[Mapping[str, Any]],
    seconds: Mapping[str, float],
    controls: Collection[str] = (),
) -> str:
    """Gain over the base with its interval, over training time; "" where no cost is known.

    Args:
        name: of the drawing, for its page.
        gains: comparisons with the base, as worth.json has them.
        seconds: by variant; whoever is missing is not drawn.
        controls: their points are rings.
    """
    drawn = sorted(
        ((seconds[one["variant"]], one) for one in gains if one["variant"] in seconds),
        key=lambda pair: pair[0],
    )
    if not drawn:
        return ""
    unit, each = _unit(drawn[-1][0])
    across = scale_of([0, *(cost / each for cost, _ in drawn)], _LEFT, _RIGHT)
    ends = [100 * one[end] for _, one in drawn for end in ("low", "high")]
    up = scale_of([0, *ends], _BOTTOM - 1.5 * TEXT_SIZE, _TOP + 1.5 * TEXT_SIZE)
    base = Mark(gains[0]["against"], across.at(0), up.at(0), up.at(0) - 4, up.at(0) + 4)
    marks = _apart([base, *(_mark(across.at(cost / each), up, one) for cost, one in drawn)])
    parts = [*axis(across, _BOTTOM, f"{unit} of training"), *_upward(up, gains[0]["metric"])]
    parts += [part for one in marks for part in _drawn(one, one.name in controls)]
    told = "; ".join(_told(cost, one) for cost, one in drawn)
    title = f"Gain over {base.name} on {task} against training time"
    return frame(WIDTH, _HEIGHT, name, title, told, [*parts, *_names(marks)])


def _told(cost: float, one: Mapping[str, Any]) -> str:
    found = f"{signed(one['difference'])} ({interval(one['low'], one['high'])})"
    return f"{one['variant']}: {found} for {duration(cost)}"


def _mark(x: float, up: Scale, one: Mapping[str, Any]) -> Mark:
    y, top, bottom = (up.at(100 * one[end]) for end in ("difference", "high", "low"))
    return Mark(one["variant"], x, y, top, bottom)


def _apart(marks: Sequence[Mark]) -> list[Mark]:
    """The same from left to right, none nearer to the next than `_APART`, and none outside."""
    found: list[Mark] = []
    for mark in marks:
        least = found[-1].x + _APART if found else mark.x
        found.append(mark._replace(x=max(mark.x, least)))
    outside = max(0.0, found[-1].x - (_RIGHT - 4))
    return [mark._replace(x=mark.x - outside) for mark in found]


def _upward(up: Scale, metric: str) -> list[str]:
    """The axis of gains at the left, and the line of no gain."""
    parts = [line((_LEFT, _BOTTOM), (_LEFT, _TOP), opacity=0.5)]
    for tick in up.ticks():
        y = up.at(tick)
        text = f"{tick:+g}".replace("-", "−") if tick else "0"
        parts += [line((_LEFT - 4, y), (_LEFT, y), opacity=0.5), words(_LEFT - 7, y, text, "end")]
    zero = line((_LEFT, up.at(0)), (_RIGHT, up.at(0)), opacity=0.6, dashes="4 3")
    return [*parts, zero, words(4, 8, f"gain, points of {metric_name(metric)}")]


def _drawn(mark: Mark, is_hollow: bool) -> list[str]:
    """The interval leaves room for a ring."""
    gap = 4.0 if is_hollow else 0.0
    return [
        line((mark.x, mark.top), (mark.x, mark.y - gap), 2),
        line((mark.x, mark.y + gap), (mark.x, mark.bottom), 2),
        dot(mark.x, mark.y, is_hollow=is_hollow),
    ]


def _names(marks: Sequence[Mark]) -> list[str]:
    """Each above or below its interval, where it meets neither another name nor an interval."""
    taken = [Box(mark.x - 2, mark.x + 2, mark.top, mark.bottom) for mark in marks]
    parts = []
    for mark in marks:
        text = shortened(mark.name, _LETTERS)
        half = _LETTER_WIDTH * len(text) / 2
        x = min(max(mark.x, _LEFT + half), WIDTH - half)
        places = [(x, y) for y in _heights(mark)]
        boxes = [Box(x - half, x + half, y - TEXT_SIZE / 2, y + TEXT_SIZE / 2) for x, y in places]
        free = [not any(box.meets(other) for other in taken) for box in boxes]
        place = free.index(True) if True in free else 0
        taken.append(boxes[place])
        parts.append(words(*places[place], text, "middle"))
    return parts


def _heights(mark: Mark) -> list[float]:
    """Where its name may stand, the best first."""
    above = [mark.top - TEXT_SIZE * step for step in (0.8, 1.9, 3.0)]
    below = [mark.bottom + TEXT_SIZE * step for step in (0.8, 1.9, 3.0)]
    pairs = zip(above, below, strict=True)
    return [y for pair in pairs for y in pair if _TOP < y < _BOTTOM - TEXT_SIZE / 2]


def _unit(most_seconds: float) -> tuple[str, float]:
    """What time is counted in, and its seconds."""
    if most_seconds < 120:
        return "seconds", 1
    return ("minutes", 60) if most_seconds < _HOURS_FROM_SECONDS else ("hours", 3_600)
