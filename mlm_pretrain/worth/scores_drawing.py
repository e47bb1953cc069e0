"""Scores by seed, drawn: each variant a row."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

from mlm_pretrain.report.svg import (
    Scale,
    axis,
    dot,
    frame,
    line,
    polyline,
    scale_of,
    shortened,
    words,
)
from mlm_pretrain.worth.wording import interval, metric_name, percent

# Narrow, so that the texts can be read on a phone.
WIDTH = 420.0
_NAME_WIDTH, _MEAN_WIDTH, _NAME_LETTERS = 112.0, 44.0, 16
_ROW, _AXIS = 40.0, 44.0
_BELOW = 11.0  # from a row's points down to its interval


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
    scale = scale_of(values, _NAME_WIDTH, WIDTH - _MEAN_WIDTH)
    height = _ROW * len(rows)
    middles = [_ROW * (place + 0.4) for place in range(len(rows))]
    points = [
        [(scale.at(100 * score), y) for score in seeds]
        for (seeds, *_), y in zip(rows.values(), middles, strict=True)
    ]
    marks = axis(scale, height, f"{metric_name(found['metric'])} of {found['scored']}, percent")
    marks.append(words(WIDTH, height + 13, "mean", "end"))
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
        f"{v}: mean {percent(mean)} ({interval(low, high)}), seeds {', '.join(map(percent, seeds))}"
        for v, (seeds, mean, low, high) in rows.items()
    )
    return frame(WIDTH, height + _AXIS, name, f"Scores on {task} by seed", told, marks)


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
        words(WIDTH, y + 4, percent(mean), "end"),
    ]
