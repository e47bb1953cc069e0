"""Whether a classifier is as often right as it is sure.

Source: Guo et al. 2017, "On calibration of modern neural networks": the expected calibration error, and one
temperature that softens (above 1) or sharpens all probabilities, found on validation examples. It changes
no prediction.

Shapes: N examples, C classes.
"""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Array: TypeAlias = NDArray[np.float64]
BINS = 15
_COLDEST, _HOTTEST = 0.05, 20.0


def calibration_error(probabilities_NC: Array, labels_N: NDArray[np.int64]) -> float:
    """Mean distance between how sure the model is and how often it is right, over 15 bins of even width."""
    sure_N = probabilities_NC.max(1)
    right_N = (probabilities_NC.argmax(1) == labels_N).astype(float)
    bin_N = np.minimum((sure_N * BINS).astype(int), BINS - 1)
    gaps = [abs(float((right_N - sure_N)[bin_N == number].sum())) for number in range(BINS)]
    return sum(gaps) / len(labels_N)


def fit_temperature(probabilities_NC: Array, labels_N: NDArray[np.int64]) -> float:
    """The temperature with the least −log p of the labels."""
    from scipy.optimize import minimize_scalar

    def loss(log_temperature: float) -> float:
        softened = with_temperature(probabilities_NC, float(np.exp(log_temperature)))
        return -float(np.log(softened[np.arange(len(labels_N)), labels_N] + 1e-12).mean())

    bounds = (np.log(_COLDEST), np.log(_HOTTEST))
    return float(np.exp(minimize_scalar(loss, bounds=bounds, method="bounded").x))


def with_temperature(probabilities_NC: Array, temperature: float) -> Array:
    """Probabilities as if the logits had been divided by `temperature`."""
    logits_NC = np.log(probabilities_NC + 1e-12) / temperature
    shifted_NC = np.exp(logits_NC - logits_NC.max(1, keepdims=True))
    softened: Array = shifted_NC / shifted_NC.sum(1, keepdims=True)
    return softened
