"""The competence of Platanios et al. 2019: the share of the rows, easiest first, that may be drawn.

A form is a function of the start share, the share done of the time until all rows may be drawn, and the
number of stages; and a line in `FORMS`.
"""

from __future__ import annotations

import math
from collections.abc import Callable

from mlm_pretrain.training.curriculum.config import CurriculumConfig

_ROUNDING = 1e-9  # 0.3 · 10 lies below 3


def linear(start: float, done: float, stages: int) -> float:
    """As many new rows in every step."""
    return start + (1 - start) * done


def root(start: float, done: float, stages: int) -> float:
    """New rows ever more slowly: as the share grows, each is drawn less often, and needs more time."""
    return math.sqrt(start**2 + (1 - start**2) * done)


def stepwise(start: float, done: float, stages: int) -> float:
    """As much again after each of `stages` equal times."""
    return linear(start, math.floor(done * stages + _ROUNDING) / stages, stages)


FORMS: dict[str, Callable[[float, float, int], float]] = {
    "linear": linear,
    "root": root,
    "stepwise": stepwise,
}


def eligible_share(config: CurriculumConfig, progress: float) -> float:
    """Of the rows, when a share `progress` of the run is done; 1 from `until` on."""
    if progress >= config.until:
        return 1.0
    share = FORMS[config.pacing](config.start_share, progress / config.until, config.stages)
    return min(1.0, share)


def eligible_rows(config: CurriculumConfig, progress: float, rows: int) -> int:
    """How many of the easiest may be drawn, 1 to `rows`."""
    wanted = math.ceil(eligible_share(config, progress) * rows - _ROUNDING)
    return max(1, min(rows, wanted))
