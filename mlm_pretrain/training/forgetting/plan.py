"""After which steps a run is measured.

In a run by steps these follow from its settings alone, so that what comes of a measurement is the same on
any machine and after any stop. A run by minutes has a clock to keep to (see `probing.pace`).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, NamedTuple

from mlm_pretrain.training.forgetting.config import TIMES, GuardConfig
from mlm_pretrain.training.forgetting.measure import FEWEST_ROWS
from mlm_pretrain.training.probing.config import NO_LIMIT
from mlm_pretrain.training.probing.pace import SPARE, Moment, Pace

_SCORED = (
    3  # rows that are scored for the work of one that is learnt: forward, and backward twice that
)


LOOKS = 5  # the first, the last, and one after each quarter between them


class Work(NamedTuple):
    """What a run learns, and what one measurement of it scores.

    Attributes:
        steps: of the run.
        rows_a_step: that it learns from.
        rows: that a measurement scores of all texts together, with all that are asked for.
        others: measurements' worth of scoring that comes besides.
    """

    steps: int
    rows_a_step: int
    rows: int
    others: int = 0


def affordable(work: Work, share: float) -> int:
    """Measurements with all their rows that a share of the run pays for; as many as steps without a limit."""
    if share >= NO_LIMIT:
        return work.steps + 1
    return int(_paid_rows(work, share) / max(work.rows, 1)) - work.others


def _paid_rows(work: Work, share: float) -> float:
    return share * _SCORED * work.steps * work.rows_a_step


def fitting_rows(count: int, texts: int, work: Work, share: float, looks: int = LOOKS) -> int:
    """Of `count` rows a text as many as let `looks` measurements keep to their share, but not fewer than 16.

    Fewer rows say it less exactly, but only a measurement on the way comes early enough to act on.
    """
    if share >= NO_LIMIT:
        return count
    paid = _paid_rows(work, share) / (looks + work.others) / max(texts, 1)
    return _between(count, paid)


def rows_in_time(
    count: int, seconds_a_row: float, others: int, paid_seconds: float, looks: int = LOOKS
) -> int:
    """The same of a run by minutes, which has `paid_seconds` for it, and keeps a little of them back.

    Args:
        seconds_a_row: that scoring a row of every text took.
        others: measurements' worth of scoring that comes besides.
    """
    looks_paid = looks + others + SPARE
    return _between(count, max(paid_seconds, 0.0) / looks_paid / max(seconds_a_row, 1e-9))


def _between(count: int, paid: float) -> int:
    return min(count, max(FEWEST_ROWS, int(paid)))


def looks_wanted(config: GuardConfig, steps: int | None) -> int:
    """Measurements that rows are given up for: five, or the first one and as many as were asked for.

    Args:
        steps: of the run, where it is known.
    """
    asked = config.times or LOOKS
    if config.every_steps is not None and steps is not None:
        asked = math.ceil(steps / config.every_steps)
    return min(LOOKS, asked + 1)


@dataclass
class StepPlan:
    """Every so many steps, and after the last one.

    Attributes:
        every: steps between two measurements.
        steps: of the run.
    """

    every: int
    steps: int

    def is_due(self, moment: Moment, is_last: bool = False) -> bool:
        return is_last or moment.step % self.every == 0

    def note(self, moment: Moment, cost_seconds: float, besides_seconds: float = 0.0) -> None:
        """What it cost changes nothing."""

    def facts(self) -> dict[str, Any]:
        return {}

    def restore(self, facts: dict[str, Any]) -> None:
        """There is nothing to remember."""


def step_plan(config: GuardConfig, work: Work) -> StepPlan:
    """As often as was asked for, or as the share of the run pays for."""
    every = config.every_steps or math.ceil(work.steps / (config.times or TIMES))
    between = max(1, affordable(work, config.budget_share) - 1)  # without the first one
    return StepPlan(max(every, math.ceil(work.steps / between)), work.steps)


def clock_plan(config: GuardConfig) -> Pace:
    """The same of a run by minutes."""
    most = config.times or TIMES
    return Pace(config.every_steps, config.budget_share, most=most)
