"""The learning rate over a run, as a pure function of how far along it is."""

from __future__ import annotations


def rate_share(progress: float, warmup_share: float, decay_share: float) -> float:
    """Share of the peak learning rate at `progress` (0 to 1): up, level, down to zero.

    Warm-up, stable phase and linear decay (Hu et al. 2024, MiniCPM): the stable phase needs no
    decision about the length, and a straight line to zero beats cosine at equal length. A share of 0
    leaves its part out: a run without a decay ends on the level, for another to go on from there.
    """
    if progress < warmup_share:
        return max(progress, 1e-3 * warmup_share) / warmup_share
    if progress > 1.0 - decay_share:
        return max(0.0, (1.0 - progress) / decay_share)
    return 1.0
