"""How far apart two models score, and how sure that is: paired over seeds and over test examples.

Two things are drawn by chance: the test examples, and what a seed decides (the labelled subset, the new
head, the order). Both models are scored on the same examples, and a seed of one goes with the same seed of
the other. What examples contribute to the error is found by resampling them (Efron & Tibshirani 1993,
chapter 8), both models and all seeds at once, so that whatever makes an example hard for both cancels; what
seeds contribute is the variance of the differences a seed, which is what resampling them comes to without
its bias for few of them. Each part has Student's interval, and the two are joined as the sides of a right
angle (Zou & Donner 2008, "Construction of confidence limits about effect measures"): five seeds know their
own variance badly, and an interval of plain percentiles would be too narrow.

Shapes: S seeds, R resamples, D of what is drawn: examples, or paragraphs with all their questions.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq
from scipy.stats import t as student

from mlm_pretrain.errors import InputError
from mlm_pretrain.evaluation.statistics.scorers import Array, Scorer

RESAMPLES = 2_000
LEVEL = 0.05
_LEAST_LEVEL = 1e-12
_MOST_SEEDS = 1_000
_FEW_EXAMPLES = 20  # more cannot be of one mind by chance
_CHUNK = 250  # resamples at a time: weights take 8 bytes an example


@dataclass(frozen=True)
class Effect:
    """A difference of two mean scores, second minus first.

    Attributes:
        low, high: its 95 % interval.
        p_value: of a difference at least so large where there is none, two-sided.
        seeds_error, examples_error: standard errors that come from either.
        seeds, examples: how many there were.
        drawn: paragraphs that the examples are questions on; of all else as many as examples.
    """

    difference: float
    low: float
    high: float
    p_value: float
    seeds_error: float
    examples_error: float
    seeds: int
    examples: int
    drawn: int

    def seeds_needed(self, level: float = LEVEL) -> int | None:
        """Seeds with which a difference of this size would show; None where no number of them would.

        What examples contribute stays, whatever the number of seeds.
        """
        once = self.seeds_error**2 * self.seeds
        for seeds in range(2, _MOST_SEEDS + 1):
            error = math.sqrt(once / seeds)
            reach = _reach(level, error, self.examples_error, seeds, self.drawn)
            if reach < abs(self.difference):
                return seeds
        return None

    def examples_needed(self, level: float = LEVEL) -> int | None:
        """Test examples with which it would show even were seeds no matter; None for no difference.

        Questions are taken to be as many on a paragraph as they are here.
        """
        if not self.difference:
            return None
        quantile = float(student.ppf(1 - level / 2, self.drawn - 1))
        once = self.examples_error**2 * self.examples
        return math.ceil(once * (quantile / self.difference) ** 2)


def paired_effect(
    first: Sequence[Scorer],
    second: Sequence[Scorer],
    examples: int,
    drawn: int,
    *,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> Effect:
    """The difference of the mean scores of two models, each given by its scorers, one a seed.

    Args:
        drawn: D, as `drawn_count` counts it.

    Raises:
        InputError: for fewer than two seeds, or not the same number of both, or fewer than two examples.
    """
    if len(first) != len(second) or len(first) < 2:
        raise InputError(
            f"seeds: {len(first)} and {len(second)}; a comparison needs two or more, of both alike",
            "give --seeds 5: with fewer only very large differences show",
        )
    require_examples(drawn, "the scored split")
    by_seed_S = _differences(first, second, np.ones((1, drawn), np.int64))[:, 0]
    seeds_error = float(by_seed_S.std(ddof=1)) / math.sqrt(len(first))
    resampled_R = np.concatenate(
        [
            _differences(first, second, weights_RD).mean(0)
            for weights_RD in resamples_of(drawn, resamples, seed)
        ]
    )
    difference = float(by_seed_S.mean())
    examples_error = max(error_of(resampled_R, drawn), _least_error(difference, drawn))
    return _effect(difference, (seeds_error, examples_error, len(first), drawn), examples)


def error_of(resampled_R: Array, drawn: int) -> float:
    """The standard error of what was resampled: resampling D has (D − 1) / D of their variance."""
    return float(resampled_R.std(ddof=1)) * math.sqrt(drawn / (drawn - 1))


def examples_reach(examples_error: float, drawn: int, level: float = LEVEL) -> float:
    """Student's: half the width of an interval over examples alone."""
    return examples_error * float(student.isf(level / 2, drawn - 1))


def require_examples(examples: int, place: str) -> None:
    """Refuse too few examples to say anything of others.

    Raises:
        InputError: for fewer than two.
    """
    if examples < 2:
        raise InputError(
            f"{place}: {examples} example, which says nothing of others", "give it hundreds"
        )


def _least_error(difference: float, examples: int) -> float:
    """What a few examples leave open though all of them agree.

    Resampling them finds no error at all; that N of them lie on one side by chance has the probability
    2 ** (1 - N) (the sign test), which the p-value is then not below.
    """
    if examples > _FEW_EXAMPLES:
        return 0.0
    return abs(difference) / float(student.isf(2.0**-examples, examples - 1))


def _differences(
    first: Sequence[Scorer], second: Sequence[Scorer], weights_RD: NDArray[np.int64]
) -> Array:
    """(S, R)."""
    pairs = zip(first, second, strict=True)
    return np.stack([later(weights_RD) - former(weights_RD) for former, later in pairs])


def resamples_of(drawn: int, resamples: int, seed: int) -> Iterator[NDArray[np.int64]]:
    """How often each was drawn (R, D), D of D with replacement, some resamples at a time."""
    generator = np.random.default_rng(seed)
    even = np.full(drawn, 1 / drawn)
    for start in range(0, resamples, _CHUNK):
        yield generator.multinomial(drawn, even, min(_CHUNK, resamples - start))


def _effect(difference: float, errors: tuple[float, float, int, int], examples: int) -> Effect:
    reach = _reach(LEVEL, *errors)
    p_value = _p_value(abs(difference), *errors)
    low, high = difference - reach, difference + reach
    seeds_error, examples_error, seeds, drawn = errors
    return Effect(
        difference, low, high, p_value, seeds_error, examples_error, seeds, examples, drawn
    )


def _reach(
    level: float, seeds_error: float, examples_error: float, seeds: int, drawn: int
) -> float:
    """Half the width of an interval that misses with the chance `level`."""
    of_seeds = seeds_error * float(student.isf(level / 2, seeds - 1))
    return math.hypot(of_seeds, examples_reach(examples_error, drawn, level))


def _p_value(distance: float, *errors: Any) -> float:
    """The level whose interval just reaches zero."""
    if _reach(_LEAST_LEVEL, *errors) <= distance:
        return _LEAST_LEVEL if distance else 1.0
    return float(brentq(lambda level: _reach(level, *errors) - distance, _LEAST_LEVEL, 1.0))
