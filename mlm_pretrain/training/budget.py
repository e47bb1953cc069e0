"""How much a run may use: steps, epochs or minutes, and how far along it is."""

from __future__ import annotations

import time
from dataclasses import dataclass, field

from mlm_pretrain.training.agreement import first_process_value

# A run bounded by minutes has no number of steps; this many are never reached.
UNBOUNDED_STEPS = 100_000_000


@dataclass
class Budget:
    """Exactly one of `steps` and `seconds` is set; epochs are turned into steps.

    In a run bounded by time the learning rate follows the clock, so that it reaches its end exactly
    when the time does, on any machine. All processes follow the first one's clock.

    `setup_seconds` went before the first step. They count as used, but the rate starts after them.
    """

    steps: int | None = None
    seconds: float | None = None
    elapsed_seconds: float = 0.0
    setup_seconds: float = 0.0
    _started: float = field(default=0.0, repr=False)

    @property
    def max_steps(self) -> int:
        return self.steps if self.steps is not None else UNBOUNDED_STEPS

    def start(self) -> None:
        """Start, or continue from `elapsed_seconds`."""
        self._started = time.monotonic() - self.elapsed_seconds

    def spend_on_setup(self, seconds: float) -> None:
        """Count seconds that went before the first step, the same on all processes."""
        self.setup_seconds = first_process_value(seconds)
        self.elapsed_seconds += self.setup_seconds

    def tick(self) -> None:
        """Read the clock, the same on all processes."""
        self.elapsed_seconds = first_process_value(time.monotonic() - self._started)

    def progress(self, step: int) -> float:
        """Share of the budget used at `step`, 0 to 1."""
        if self.steps is not None:
            return min(1.0, step / self.steps)
        used, limit = self.elapsed_seconds - self.setup_seconds, self._limit - self.setup_seconds
        return min(1.0, used / max(limit, 1e-9))

    def is_spent(self, step: int) -> bool:
        return self.progress(step) >= 1.0

    @property
    def _limit(self) -> float:
        return self.seconds or 0.0
