"""Two ways run with the same seeds: their difference, and how sure it is."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence

from scipy.stats import t as student

LEVEL = 0.95


def paired_interval(first: Sequence[float], second: Sequence[float]) -> tuple[float, float, float]:
    """Mean of second − first over seeds, and the ends of its interval by Student's t; no ends of one seed."""
    differences = [b - a for a, b in zip(first, second, strict=True)]
    mean, seeds = statistics.mean(differences), len(differences)
    if seeds < 2:
        return mean, -math.inf, math.inf
    quantile = float(student.ppf(0.5 + LEVEL / 2, seeds - 1))
    reach = quantile * statistics.stdev(differences) / math.sqrt(seeds)
    return mean, mean - reach, mean + reach


def paired_text(first: Sequence[float], second: Sequence[float]) -> str:
    """Of `paired_interval`: "+0.5 (−0.9 to 1.9)"."""
    mean, low, high = paired_interval(first, second)
    ends = f" ({low:.1f} to {high:.1f})" if len(first) > 1 else ""
    return f"{mean:+.1f}{ends}".replace("-", "−")
