"""Learning curves of which it is known how far one is behind the other."""

from __future__ import annotations

import math

import numpy as np
import pytest

from mlm_pretrain.errors import InputError
from mlm_pretrain.evaluation.statistics import Scorer, labels_saved, scorer
from mlm_pretrain.evaluation.statistics.labels_saved import labels_needed

_EXAMPLES, _SEEDS = 500, 5
_LABELS = [32, 64, 128, 256, 512, 1_024]


def test_labels_are_found_between_points_by_their_logarithm() -> None:
    labels, scores = np.array([10.0, 100.0, 1_000.0]), np.array([0.5, 0.6, 0.8])
    wanted = np.array([0.5, 0.55, 0.7, 0.8, 0.81, 0.1])
    found = labels_needed(labels, scores, wanted)
    assert found[:4] == pytest.approx([10, math.sqrt(1_000), math.sqrt(100_000), 1_000])
    assert math.isinf(found[4]) and found[5] == pytest.approx(10)


def test_a_dip_in_a_curve_is_not_gone_back_to() -> None:
    labels, scores = np.array([10.0, 100.0, 1_000.0]), np.array([0.6, 0.5, 0.8])
    assert labels_needed(labels, scores, np.array([0.55, 0.6])) == pytest.approx([10, 10])


def _runs(generator: np.random.Generator, behind: float) -> dict[int, list[Scorer]]:
    """Right answers grow by 8 points with every doubling; `behind` times as many labels are needed."""
    runs = {}
    for labels in _LABELS:
        share = 0.4 + 0.08 * math.log2(labels / behind / 8)
        runs[labels] = []
        for _ in range(_SEEDS):
            chance = share + 0.01 * generator.standard_normal()
            is_right = generator.random(_EXAMPLES) < chance
            rows = [{"label": "1", "prediction": "1" if right else "0"} for right in is_right]
            runs[labels].append(scorer("sentiment", "accuracy", rows))
    return runs


def test_the_interval_holds_the_true_factor() -> None:
    generator = np.random.default_rng(5)
    inside, found = 0, []
    for repeat in range(30):
        first, second = _runs(generator, 1), _runs(generator, 4)
        saving = labels_saved(first, second, _EXAMPLES, resamples=200, seed=repeat)[2]
        assert (saving.labels, saving.is_bound) == (128, False)
        inside += saving.low <= 4 <= saving.high
        found.append(saving.factor)
    assert np.median(found) == pytest.approx(4, rel=0.1)
    assert inside >= 26  # of 30, and none is sure to be


def test_a_score_the_other_never_has_gives_a_bound() -> None:
    generator = np.random.default_rng(5)
    last = labels_saved(_runs(generator, 1), _runs(generator, 4), _EXAMPLES, resamples=100)[-1]
    assert (last.factor, last.is_bound, last.high_is_bound) == (1.0, True, True)


def test_a_score_below_the_other_s_whole_curve_tells_of_no_saving() -> None:
    generator = np.random.default_rng(5)
    found = labels_saved(_runs(generator, 16), _runs(generator, 1), _EXAMPLES, resamples=100)
    assert all(saving.is_below for saving in found[:3]) and not found[-1].is_below
    assert not labels_saved(_runs(generator, 1), _runs(generator, 4), _EXAMPLES, resamples=100)[
        2
    ].is_below


def test_one_number_of_labels_is_no_curve() -> None:
    runs = _runs(np.random.default_rng(0), 1)
    with pytest.raises(InputError, match="one number of labels"):
        labels_saved(runs, {32: runs[32]}, _EXAMPLES)
