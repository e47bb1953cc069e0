"""Calibration of models of which it is known how sure they ought to be."""

from __future__ import annotations

import numpy as np
import pytest

from mlm_pretrain.evaluation.calibration import (
    calibration_error,
    fit_temperature,
    with_temperature,
)


def _drawn(heat: float, examples: int = 20_000) -> tuple[np.ndarray, np.ndarray]:
    """Labels drawn from true probabilities of three classes, and those of a model whose logits are `heat`
    times as large as they should be."""
    generator = np.random.default_rng(0)
    logits = 1.5 * generator.standard_normal((examples, 3))
    true = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    labels = (true.cumsum(1) > generator.random((examples, 1))).argmax(1)
    said = np.exp(heat * logits)
    return said / said.sum(1, keepdims=True), labels


def test_the_error_of_two_examples_by_hand() -> None:
    chances = np.array([[0.9, 0.1], [0.6, 0.4]])
    # Sure of 0.9 and right; sure of 0.6 and wrong: two bins, (|1 - 0.9| + |0 - 0.6|) / 2.
    assert calibration_error(chances, np.array([0, 1])) == pytest.approx(0.35)
    # In one bin they are taken together: |2 * 0.62 - 1| / 2.
    one_bin = np.array([[0.62, 0.38], [0.62, 0.38]])
    assert calibration_error(one_bin, np.array([0, 1])) == pytest.approx(0.12)


@pytest.mark.parametrize("heat", [0.5, 1.0, 3.0])
def test_the_temperature_undoes_what_was_done(heat: float) -> None:
    chances, labels = _drawn(heat)
    temperature = fit_temperature(chances, labels)
    assert temperature == pytest.approx(heat, rel=0.05)
    softened = with_temperature(chances, temperature)
    assert (softened.argmax(1) == chances.argmax(1)).all()
    assert softened.sum(1) == pytest.approx(1)
    assert calibration_error(softened, labels) < 0.015
    if heat != 1.0:
        assert calibration_error(chances, labels) > 0.05
