"""How often a run is probed, so that probes keep to their share of its time."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, NamedTuple

from mlm_pretrain.training.probing.config import NO_LIMIT

MOST_PROBINGS = 20  # that are spread over a run where nobody says how often
SPARE = 0.1  # of one probing, kept back: one that takes a little longer shall not cost the last one


class Moment(NamedTuple):
    """Where a run is.

    Attributes:
        step: steps made.
        progress: share of the run that is done, 0 to 1.
        elapsed_seconds: the run's time so far, with its probings.
        total_seconds: the time it may take; None where its steps are counted, and its time follows from how
            long they take.
    """

    step: int
    progress: float
    elapsed_seconds: float
    total_seconds: float | None = None


@dataclass
class Pace:
    """When the next probing is due. It follows from what the last one cost and from how long the run will be,
    both as they are known at the moment: nothing is planned that a slower machine would have to break.

    Attributes:
        every: steps between probings that are asked for, or None.
        share: of the run's time; 1 sets no limit.
        spent_seconds, count: of all probings so far.
        cost_seconds: of the last one.
        last_step, last_progress: where that was; −1 before the first.
        stretch: how many times `every` the interval is now.
        most: probings that are spread over a run where nobody says how often.
    """

    every: int | None
    share: float
    spent_seconds: float = 0.0
    count: int = 0
    cost_seconds: float = 0.0
    last_step: int = -1
    last_progress: float = 0.0
    stretch: int = 1
    most: int = MOST_PROBINGS

    def note(self, moment: Moment, cost_seconds: float, besides_seconds: float = 0.0) -> None:
        """A probing was made at `moment`.

        Args:
            besides_seconds: that were spent too, but that another probing will not cost.
        """
        self.spent_seconds += cost_seconds + besides_seconds
        self.cost_seconds, self.count = cost_seconds, self.count + 1
        self.last_step, self.last_progress = moment.step, moment.progress

    def is_due(self, moment: Moment, is_last: bool = False) -> bool:
        """Whether to probe after the step of `moment`; after the last one whenever that is affordable."""
        left = self.affordable(moment, 0.0 if is_last else SPARE)
        if moment.step <= self.last_step or left < 1:
            return False
        if is_last:
            return True
        if self.every is None:
            gap = max((1 - self.last_progress) / left, 1 / self.most)
            return moment.progress >= self.last_progress + gap - 1e-9
        if moment.step % self.every or not moment.progress:
            return False
        self.stretch = self._stretch(moment, left)
        return moment.step - self.last_step >= self.every * self.stretch

    def affordable(self, moment: Moment, spare: float = 0.0) -> float:
        """Probings like the last one that the share still allows, whole; infinitely many without a limit.

        Args:
            spare: probings that are kept back.
        """
        if self.share >= NO_LIMIT or not self.cost_seconds:
            return math.inf
        allowed = self.share * self.whole_seconds(moment)
        # A hair more than what was spent exactly as allowed, since sums of floats are not exact.
        return math.floor((allowed - self.spent_seconds) / self.cost_seconds - spare + 1e-6)

    def whole_seconds(self, moment: Moment) -> float:
        """The time that the whole run will take, as far as is known: steps take what they took so far."""
        if moment.total_seconds is not None:
            return moment.total_seconds
        steps_seconds = moment.elapsed_seconds - self.spent_seconds
        return self.spent_seconds + steps_seconds / max(moment.progress, 1e-9)

    def _stretch(self, moment: Moment, left: float) -> int:
        """The fewest times `every` at which those left reach to the end."""
        steps = moment.step / moment.progress - self.last_step
        return max(1, math.ceil(steps / (self.every or 1) / left - 1e-6))

    def facts(self) -> dict[str, Any]:
        """For a checkpoint."""
        return {
            "spent_seconds": self.spent_seconds, "count": self.count, "cost_seconds": self.cost_seconds,
            "last_step": self.last_step, "last_progress": self.last_progress,
        }  # fmt: skip

    def restore(self, facts: dict[str, Any]) -> None:
        """As `facts` had it; without any, as before the first probing."""
        fresh = Pace(self.every, self.share).facts()
        for name, value in {**fresh, **facts}.items():
            setattr(self, name, value)
        self.stretch = 1
