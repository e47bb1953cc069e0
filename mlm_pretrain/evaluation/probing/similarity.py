"""Whether the cosine of two texts' vectors goes with how alike people find them; no label is learnt from."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray


def similarity_score(
    first_NH: NDArray[Any], second_NH: NDArray[Any], alike: Sequence[float]
) -> float:
    """Spearman's correlation of the cosine with `alike`, in percent; 0 where all cosines are equal."""
    from scipy.stats import spearmanr

    first, second = (x / np.linalg.norm(x, axis=1, keepdims=True) for x in (first_NH, second_NH))
    cosine_N = (first * second).sum(1)
    if np.ptp(cosine_N) == 0:
        return 0.0
    return 100 * float(spearmanr(cosine_N, list(alike)).statistic)
