"""Two drawings a task: scores by seed, and gain over cost."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

from mlm_pretrain.report.svg import (
    TEXT_SIZE,
    Scale,
    dot,
    frame,
    line,
    polyline,
    scale_of,
    shortened,
    words,
)
from mlm_pretrain.worth.wording import duration, interval, metric_name, percent, signed

# Narrow, so that the texts can be read on a phone.
_WIDTH = 420.0
_NAME_WIDTH, _MEAN_WIDTH, _NAME_LETTERS = 112.0, 44.0, 16
_ROW, _AXIS = 40.0, 44.0
_BELOW = 11.0  # from a row's points down to its interval
_GAIN_HEIGHT = 250.0
_HOURS_FROM_MINUTES = 180


def scores_drawing(name: str, task: str, found: Mapping[str, Any]) -> str:
    """Each variant a row: a point a seed, lines between the same seed's points, mean and interval below.

    Args:
        name: of the drawing, for its page.
        found: of the task, as worth.json has it.
    """
    rows = {
        v: (s[found["scored"]], s["mean"], s["low"], s["high"]) for v, s in found["scores"].items()
    }
    values = [100 * x for seeds, _, low, high in rows.values() for x in (*seeds, low, high)]
    scale = scale_of(values, _NAME_WIDTH, _WIDTH - _MEAN_WIDTH)
    height = _ROW * len(rows)
    middles = [_ROW * (place + 0.4) for place in range(len(rows))]
    points = [
        [(scale.at(100 * score), y) for score in seeds]
        for (seeds, *_), y in zip(rows.values(), middles, strict=True)
    ]
    marks = _axis(scale, height, f"{metric_name(found['metric'])} of {found['scored']}, percent")
    marks += [
        polyline([former, later], 0.3)
        for upper, lower in pairwise(points)
        for former, later in zip(upper, lower, strict=True)
    ]
    for (variant, (_, mean, low, high)), of_row, y in zip(
        rows.items(), points, middles, strict=True
    ):
        marks += _score_row(variant, mean, low, high, of_row, y, scale)
    told = "; ".join(
        f"{v}: mean {percent(mean)} ({interval(low, high).replace('+', '')}), "
        f"seeds {', '.join(map(percent, seeds))}"
        for v, (seeds, mean, low, high) in rows.items()
    )
    return frame(_WIDTH, height + _AXIS, name, f"Scores on {task} by seed", told, marks)


def gain_drawing(
    name: str, task: str, gains: Sequence[Mapping[str, Any]], seconds: Mapping[str, float]
) -> str:
    """Gain over the base with its interval, over minutes of training; "" where no cost is known.

    Args:
        gains: comparisons with the base, as worth.json has them.
        seconds: by variant; whoever is missing is not drawn.
    """
    drawn = [(seconds[one["variant"]], one) for one in gains if one["variant"] in seconds]
    if not drawn:
        return ""
    unit, each = _unit(max(cost for cost, _ in drawn))
    across = scale_of([0, *(cost / each for cost, _ in drawn)], 44, _WIDTH - 24)
    ends = [100 * one[end] for _, one in drawn for end in ("low", "high")]
    up = scale_of([0, *ends], _GAIN_HEIGHT - _AXIS, 16)
    marks = [
        *_axis(across, _GAIN_HEIGHT - _AXIS, f"{unit} of training"),
        *_upward(up, gains[0]["metric"]),
    ]
    taken: list[tuple[float, float]] = []
    for cost, one in sorted(drawn, key=lambda pair: pair[0]):
        marks += _gain_mark(across.at(cost / each), up, one, taken)
    told = "; ".join(
        f"{one['variant']}: {signed(one['difference'])} ({interval(one['low'], one['high'])}) "
        f"for {duration(cost)}"
        for cost, one in drawn
    )
    title = f"Gain over {gains[0]['against']} on {task} against training time"
    return frame(_WIDTH, _GAIN_HEIGHT, name, title, told, marks)


def _axis(scale: Scale, y: float, label: str) -> list[str]:
    """A line below with ticks and what it counts."""
    marks = [line((scale.start, y), (scale.end, y), opacity=0.5)]
    for tick in scale.ticks():
        x = scale.at(tick)
        marks += [line((x, y), (x, y + 4), opacity=0.5), words(x, y + 13, f"{tick:g}", "middle")]
    return [*marks, words((scale.start + scale.end) / 2, y + 32, label, "middle")]


def _upward(scale: Scale, metric: str) -> list[str]:
    """The axis of gains at the left, and the line of no gain."""
    left, right = 44.0, _WIDTH - 24
    marks = [line((left, scale.start), (left, scale.end), opacity=0.5)]
    for tick in scale.ticks():
        y = scale.at(tick)
        text = f"{tick:+g}".replace("-", "−") if tick else "0"
        marks += [line((left - 4, y), (left, y), opacity=0.5), words(left - 7, y, text, "end")]
    zero = scale.at(0)
    return [
        *marks,
        line((left, zero), (right, zero), opacity=0.6, dashes="4 3"),
        words(left + 4, 8, f"gain, points of {metric_name(metric)}"),
    ]


def _score_row(
    variant: str,
    mean: float,
    low: float,
    high: float,
    points: Sequence[tuple[float, float]],
    y: float,
    scale: Scale,
) -> list[str]:
    below, middle = y + _BELOW, scale.at(100 * mean)
    left, right = scale.at(100 * low), scale.at(100 * high)
    return [
        words(0, y + 4, shortened(variant, _NAME_LETTERS)),
        *(dot(x, each, is_hollow=True) for x, each in points),
        line((left, below), (right, below), 2),
        dot(middle, below, 3.5),
        words(_WIDTH, y + 4, percent(mean), "end"),
    ]


def _gain_mark(
    x: float, up: Scale, one: Mapping[str, Any], taken: list[tuple[float, float]]
) -> list[str]:
    y = up.at(100 * one["difference"])
    ends = (x, up.at(100 * one["low"])), (x, up.at(100 * one["high"]))
    is_left = x > _WIDTH * 0.62  # a name at the right would leave the drawing
    place = _free_place(x, y, taken)
    label = shortened(one["variant"], 2 * _NAME_LETTERS)
    return [
        line(*ends, 2),
        dot(x, y),
        words(x - 8 if is_left else x + 8, place, label, "end" if is_left else "start"),
    ]


def _free_place(x: float, y: float, taken: list[tuple[float, float]]) -> float:
    """The nearest height at which no other name stands near."""
    steps = sorted(range(-12, 13), key=abs)
    place = next(
        at
        for at in (y + 0.6 * TEXT_SIZE * step for step in steps)
        if all(abs(at - other) >= 1.1 * TEXT_SIZE or abs(x - near) > 150 for near, other in taken)
    )
    taken.append((x, place))
    return place


def _unit(most_seconds: float) -> tuple[str, float]:
    """What time is counted in, and its seconds."""
    if most_seconds < 120:
        return "seconds", 1
    if most_seconds < 60 * _HOURS_FROM_MINUTES:
        return "minutes", 60
    return "hours", 3_600
