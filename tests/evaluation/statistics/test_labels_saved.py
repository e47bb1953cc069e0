"""Learning curves of which it is known how far one is behind the other."""

from __future__ import annotations

import math
from functools import partial

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


def test_an_end_of_the_interval_below_the_other_s_curve_is_said_to_be_a_bound() -> None:
    """Where the score lies a little above the other's first point, as measured, but not for sure."""
    generator = np.random.default_rng(5)
    second = _runs(generator, 1)
    first = {64: _runs(generator, 1.8)[64]}  # so it needs some 36 labels
    (close,) = labels_saved(first, second, _EXAMPLES, resamples=400)
    assert (close.is_below, close.low_is_below, close.high_is_below) == (False, True, False)
    assert close.low == 32 / 64 < close.factor
    sure, _ = labels_saved(
        {n: second[n] for n in (256, 512)}, {n: second[n] for n in _LABELS[:-1]}, _EXAMPLES
    )
    assert not (sure.low_is_below or sure.high_is_below or sure.is_below)
    worse = {32: _runs(generator, 64)[32]}
    (below,) = labels_saved(worse, second, _EXAMPLES, resamples=400)
    assert below.is_below and below.low_is_below and below.high_is_below
    assert below.low == below.high == 1


def _seeds(generator: np.random.Generator, behind: float) -> dict[int, list[Scorer]]:
    """Scores that seeds alone decide: examples say nothing more."""
    of_learner: dict[int, list[Scorer]] = {}
    for labels in _LABELS:
        mean = 0.4 + 0.08 * math.log2(labels / behind / 8)
        scores = mean + 0.02 * generator.standard_normal(_SEEDS)
        of_learner[labels] = [partial(_constant, score) for score in scores]
    return of_learner


def _constant(score: float, weights: np.ndarray) -> np.ndarray:
    return np.full(len(weights), score)


def test_where_seeds_decide_the_interval_holds_the_true_factor_as_often_as_it_says() -> None:
    """Percentiles of resampled seeds hold it in nine of ten cases: too few for 95 %."""
    generator = np.random.default_rng(3)
    repeats, inside = 300, 0
    for repeat in range(repeats):
        first = {64: _seeds(generator, 1)[64]}
        (saving,) = labels_saved(first, _seeds(generator, 4), 1, resamples=200, seed=repeat)
        inside += saving.low <= 4 <= saving.high
    assert 0.93 <= inside / repeats <= 0.99


def test_what_was_measured_is_told_as_it_was() -> None:
    generator = np.random.default_rng(3)
    first, second = _seeds(generator, 1), _seeds(generator, 4)
    means = [
        np.array([np.mean([score(np.ones((1, 1))) for score in runs[n]]) for n in _LABELS])
        for runs in (first, second)
    ]
    needed = labels_needed(np.array(_LABELS, float), means[1], means[0])
    saved = labels_saved(first, second, 1, resamples=50)
    for saving, labels in zip(saved[:3], needed, strict=False):
        assert saving.factor == pytest.approx(labels / saving.labels)


def test_one_seed_makes_no_interval_of_seeds() -> None:
    runs = {n: of_n[:1] for n, of_n in _seeds(np.random.default_rng(3), 1).items()}
    saving = labels_saved({64: runs[64]}, runs, 1, resamples=50)[0]
    assert saving.low == saving.factor == saving.high == pytest.approx(1)


def test_one_number_of_labels_is_no_curve() -> None:
    runs = _runs(np.random.default_rng(0), 1)
    with pytest.raises(InputError, match="one number of labels"):
        labels_saved(runs, {32: runs[32]}, _EXAMPLES)
