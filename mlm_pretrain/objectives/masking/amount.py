"""How many tokens of each row are predicted. R: rows."""

from __future__ import annotations

import numpy as np

from mlm_pretrain.objectives.masking.config import MaskedConfig
from mlm_pretrain.objectives.vocabulary import Ids, Numbers


def ratio_at(config: MaskedConfig, progress: float | None) -> float:
    """The share of tokens to predict when this share of the run is done; outside a run, `ratio`."""
    if progress is None or config.ratio_end is None:
        return config.ratio
    return (1 - progress) * config.ratio + progress * config.ratio_end


def wanted_tokens(config: MaskedConfig, ordinary_R: Ids, ratios_R: Numbers | None) -> Ids:
    """How many of each row's ordinary tokens (R) to predict: at least one, so that none comes in vain.

    Args:
        ratios_R: the share for each row, in place of the settings'.
    """
    if config.count is not None:
        return np.clip(ordinary_R, 1, config.count)
    ratios = config.ratio if ratios_R is None else ratios_R
    return np.maximum(1, np.rint(ratios * ordinary_R)).astype(np.int64)
