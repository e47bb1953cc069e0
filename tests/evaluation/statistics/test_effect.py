"""Simulated models, of which it is known how far apart they are."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from mlm_pretrain.errors import InputError
from mlm_pretrain.evaluation.statistics import (
    Effect,
    Scorer,
    drawn_count,
    holm,
    paired_effect,
    scorer,
)

_EXAMPLES, _REPEATS = 400, 200


def _seeds_of(
    generator: np.random.Generator, hardness_N: np.ndarray, skill: float, seeds: int, spread: float
) -> list[Scorer]:
    """Right answers of one model: hard examples are hard for every seed, and seeds differ by `spread`."""
    made = []
    for _ in range(seeds):
        logit_N = skill + spread * generator.standard_normal() + hardness_N
        is_right_N = generator.random(len(hardness_N)) < 1 / (1 + np.exp(-logit_N))
        rows = [{"label": "1", "prediction": "1" if right else "0"} for right in is_right_N]
        made.append(scorer("sentiment", "accuracy", rows))
    return made


def _effects(skill_apart: float, seeds: int, spread: float) -> list[Effect]:
    generator = np.random.default_rng(7)
    found = []
    for repeat in range(_REPEATS):
        hardness_N = 1.5 * generator.standard_normal(_EXAMPLES)
        first = _seeds_of(generator, hardness_N, 1.0, seeds, spread)
        second = _seeds_of(generator, hardness_N, 1.0 + skill_apart, seeds, spread)
        found.append(paired_effect(first, second, _EXAMPLES, _EXAMPLES, resamples=300, seed=repeat))
    return found


@pytest.mark.parametrize(("seeds", "spread"), [(2, 0.3), (3, 0.0), (5, 0.5)])
def test_two_copies_of_a_model_are_rarely_told_apart(seeds: int, spread: float) -> None:
    effects = _effects(0.0, seeds, spread)
    better = sum(effect.p_value < 0.05 and effect.difference > 0 for effect in effects)
    assert better <= 0.05 * _REPEATS
    covered = sum(effect.low <= 0 <= effect.high for effect in effects)
    assert covered >= 0.93 * _REPEATS


def test_a_model_that_is_better_is_found_to_be() -> None:
    effects = _effects(0.5, 5, 0.1)
    assert sum(effect.p_value < 0.05 for effect in effects) >= 0.85 * _REPEATS  # 8 points apart
    assert all(effect.difference > 0 for effect in effects)


def test_seeds_needed_are_those_with_which_it_shows() -> None:
    effect = Effect(
        difference=0.02, low=-0.01, high=0.05, p_value=0.15, seeds_error=0.011,
        examples_error=0.004, seeds=5, examples=2_000, drawn=2_000,
    )  # fmt: skip
    needed = effect.seeds_needed()
    assert needed is not None and 5 < needed < 15
    # With more of the error from the examples than the difference allows, seeds cannot help.
    stuck = Effect(0.02, -0.04, 0.08, 0.5, 0.011, 0.012, 5, 2_000, 2_000)
    assert stuck.seeds_needed() is None
    more = stuck.examples_needed()
    assert more is not None and 2_500 < more < 3_000


def test_the_same_predictions_differ_by_nothing() -> None:
    generator = np.random.default_rng(0)
    models = _seeds_of(generator, np.zeros(50), 0.5, 3, 0.2)
    effect = paired_effect(models, models, 50, 50)
    assert (effect.difference, effect.low, effect.high, effect.p_value) == (0.0, 0.0, 0.0, 1.0)


def test_questions_of_a_paragraph_are_drawn_together() -> None:
    """Ten questions with one fate are one draw: the interval is that of as many single questions."""
    generator = np.random.default_rng(3)
    right_2SP = generator.random((2, 3, 60)) < np.array([0.5, 0.7])[:, None, None]
    single, tenfold = (
        [
            [scorer("qa", "f1", _questions(fates_P, times)) for fates_P in of_model]
            for of_model in right_2SP
        ]
        for times in (1, 10)
    )
    assert drawn_count(_questions(right_2SP[0, 0], 10)) == 60
    one = paired_effect(*single, 60, 60)
    ten = paired_effect(*tenfold, 600, 60)
    assert (ten.low, ten.high, ten.p_value) == pytest.approx((one.low, one.high, one.p_value))
    assert (ten.examples, ten.drawn) == (600, 60)
    assert ten.examples_needed() == pytest.approx(10 * one.examples_needed(), abs=10)


def test_questions_of_a_single_paragraph_are_drawn_one_by_one() -> None:
    rows = [{**row, "paragraph": 0} for row in _questions(np.array([True, False, True]), 1)]
    assert drawn_count(rows) == 3
    assert scorer("qa", "exact_match", rows)(np.array([[1, 1, 1], [3, 0, 0]])) == pytest.approx(
        [2 / 3, 1]
    )


def _questions(fates_P: np.ndarray, times: int) -> list[dict[str, Any]]:
    """So many on each paragraph, all right or all wrong."""
    answers = [(place, "here" if right else "there") for place, right in enumerate(fates_P)]
    return [
        {"answers": ["here"], "prediction": answer, "paragraph": place}
        for place, answer in answers
        for _ in range(times)
    ]


def test_one_seed_is_refused() -> None:
    generator = np.random.default_rng(0)
    models = _seeds_of(generator, np.zeros(50), 0.5, 1, 0.2)
    with pytest.raises(InputError, match=r"seeds: 1 and 1.*two or more"):
        paired_effect(models, models, 50, 50)


def test_holm_multiplies_by_the_tests_that_are_left() -> None:
    # By hand: 0.01 * 4, 0.02 * 3, then 0.03 * 2 is no less than the one before, and 0.5 * 1.
    assert holm([0.03, 0.01, 0.5, 0.02]) == pytest.approx([0.06, 0.04, 0.5, 0.06])
    assert holm([0.9, 0.6]) == [1.0, 1.0]
    assert holm([]) == []


@pytest.mark.parametrize("examples", [2, 5, 8])
def test_few_examples_of_one_mind_are_no_certainty(examples: int) -> None:
    """That all fall to one side has by chance the probability of as many coins."""
    models = [
        [scorer("sentiment", "accuracy", [{"label": "1", "prediction": answer}] * examples)] * 3
        for answer in "01"
    ]
    effect = paired_effect(*models, examples, examples)
    assert effect.difference == 1.0
    assert effect.p_value == pytest.approx(2.0 ** (1 - examples), rel=1e-6)
    assert (effect.low < 0 < effect.high) == (effect.p_value > 0.05)


def test_one_example_is_refused() -> None:
    models = [[scorer("sentiment", "accuracy", [{"label": "1", "prediction": "1"}])] * 2] * 2
    with pytest.raises(InputError, match="1 example, which says nothing of others"):
        paired_effect(*models, 1, 1)
