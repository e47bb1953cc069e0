"""How many labels a model saves: with how many the other one comes to the same score.

Two learning curves, scores at growing numbers of labels. Where the first has score s with N labels, the
second has it with M, found on its curve between measured points (in the logarithm of the number of labels,
since scores grow about evenly with it); M / N is what is saved, as a factor. Curves are made to never fall:
a dip is chance, and would let one score stand at several places.

Intervals are percentiles over resamples of test examples (the same for all runs) and of the seeds of every
point. Few seeds that are resampled as they are would make them too narrow, by the reasoning of `effect`; so
what resampling does to a mean over seeds is widened to Student's interval of it (see `_widening`).

Shapes: P points of a curve, R resamples, D of what is drawn (see `scorers`).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import norm
from scipy.stats import t as student

from mlm_pretrain.errors import InputError
from mlm_pretrain.evaluation.statistics.scorers import Array, Scorer

RESAMPLES = 1_000
_SHARES = (0.025, 0.975)  # the ends of an interval


@dataclass(frozen=True)
class Saving:
    """At `labels` of the first: the factor by which the second needs more, with its 95 % interval.

    `is_bound`: the second did not come so far with all labels it was given, so the factor is a lower bound.
    `is_below`: the score is no more than the second has with its fewest labels, so nothing is known of what
    is saved: the factor is an upper bound. Likewise of either end of the interval.
    """

    labels: int
    factor: float
    low: float
    high: float
    is_bound: bool
    low_is_bound: bool
    high_is_bound: bool
    is_below: bool
    low_is_below: bool
    high_is_below: bool


def labels_saved(
    first: Mapping[int, Sequence[Scorer]],
    second: Mapping[int, Sequence[Scorer]],
    drawn: int,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> list[Saving]:
    """At every number of labels of the first, what it saves against the second.

    Args:
        first, second: scorers by number of labels, one a seed.
        drawn: D, as `drawn_count` counts it.

    Raises:
        InputError: for a curve of one point, which reaches nothing.
    """
    if len(second) < 2:
        raise InputError("a curve of one number of labels", "give two numbers of labels or more")
    generator = np.random.default_rng(seed)
    even = np.full(drawn, 1 / drawn)
    weights_RD = generator.multinomial(drawn, even, resamples)
    weights_RD[0] = 1  # what was measured, before any resampling
    curves = [_curve(runs, weights_RD, generator) for runs in (first, second)]
    counts = [np.array(sorted(runs), float) for runs in (first, second)]
    needed_RP = np.stack(
        [
            labels_needed(counts[1], second_P, first_P)
            for first_P, second_P in zip(*curves, strict=True)
        ]
    )
    needed_RP[curves[0] <= curves[1][:, :1]] = 0  # as many as the fewest, or less
    reach = (counts[1][0], counts[1][-1])
    return [
        _saving(int(labels), needed_RP[:, place], *reach) for place, labels in enumerate(counts[0])
    ]


def _curve(
    runs: Mapping[int, Sequence[Scorer]],
    weights_RD: NDArray[np.int64],
    generator: np.random.Generator,
) -> Array:
    """Mean scores over drawn seeds (R, P), so widely that their percentiles are an interval of the mean; of
    the first resample over the seeds as they are."""
    points = []
    for labels in sorted(runs):
        scores_SR = np.stack([score(weights_RD) for score in runs[labels]])
        drawn_SR = generator.integers(0, len(scores_SR), scores_SR.shape)
        drawn_SR[:, 0] = np.arange(len(scores_SR))
        mean_R = scores_SR.mean(0)
        change_R = np.take_along_axis(scores_SR, drawn_SR, axis=0).mean(0) - mean_R
        points.append(mean_R + _widening(len(scores_SR)) * change_R)
    return np.stack(points, axis=1)


def _widening(seeds: int) -> float:
    """What makes the spread of means over resampled seeds that of Student's interval.

    Resampling S of them has (S − 1) / S of their variance, and takes it as if it were known and not told
    from S alone. One seed says nothing of its variance, and nothing is made of it.
    """
    if seeds < 2:
        return 1.0
    quantile = float(student.ppf(_SHARES[1], seeds - 1))
    return math.sqrt(seeds / (seeds - 1)) * quantile / float(norm.ppf(_SHARES[1]))


def labels_needed(labels_P: Array, scores_P: Array, wanted: Array) -> Array:
    """With how many labels a curve comes to each score; infinite where it never does.

    A score below the whole curve needs its fewest labels, or less: no fewer are given.
    """
    risen_P = np.maximum.accumulate(scores_P)
    # Of points of one score the first counts; the others would make the way from score to labels unclear.
    is_new = np.concatenate([[True], np.diff(risen_P) > 0])
    found = np.exp(np.interp(wanted, risen_P[is_new], np.log(labels_P[is_new])))
    return np.where(wanted > risen_P[-1], np.inf, found)


def _saving(labels: int, needed_R: Array, fewest: float, most: float) -> Saving:
    """Of what is needed, 0 stands for the fewest or less and infinity for more than the most."""
    needed = float(needed_R[0])
    # "lower" and "higher": between a number and infinity lies no number.
    low, high = (
        float(np.quantile(needed_R[1:], share, method=method))
        for share, method in zip(_SHARES, ("lower", "higher"), strict=True)
    )
    found = {"factor": needed, "low": low, "high": high}
    factors = {name: min(max(value, fewest), most) / labels for name, value in found.items()}
    return Saving(
        labels, **factors, is_bound=math.isinf(needed), low_is_bound=math.isinf(low),
        high_is_bound=math.isinf(high), is_below=needed == 0, low_is_below=low == 0,
        high_is_below=high == 0,
    )  # fmt: skip
