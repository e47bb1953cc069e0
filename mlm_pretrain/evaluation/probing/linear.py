"""What a linear model makes of frozen vectors: how much of a label they say outright.

Source: Alain and Bengio 2016, "Understanding intermediate layers using linear classifier probes"; pairs as
    InferSent takes them (Conneau et al. 2017).
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

_STRENGTHS = (0.01, 0.1, 1.0, 10.0)  # of the regularisation, inverse


def pair_features(
    first_NH: NDArray[np.float32], second_NH: NDArray[np.float32] | None
) -> NDArray[np.float32]:
    """Of pairs of vectors (u, v) what InferSent takes: u, v, |u − v|, u · v (N, 4 H); of texts alone u."""
    if second_NH is None:
        return first_NH
    parts = [first_NH, second_NH, np.abs(first_NH - second_NH), first_NH * second_NH]
    return np.concatenate(parts, axis=1)


def linear_score(
    train_NF: NDArray[Any],
    train_labels: Sequence[str],
    tested_NF: NDArray[Any],
    tested_labels: Sequence[str],
    metric: str = "accuracy",
) -> float:
    """Score in percent of a logistic regression on standardised features (N, F), its strength chosen by
    cross-validation on the training rows alone.

    Args:
        train_labels: of which two or more have three rows each.
        metric: "accuracy" or "matthews".
    """
    from sklearn.linear_model import LogisticRegression
    from sklearn.metrics import accuracy_score, matthews_corrcoef
    from sklearn.model_selection import GridSearchCV
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=500))
    search = GridSearchCV(model, {"logisticregression__C": _STRENGTHS}, cv=3)
    with warnings.catch_warnings():  # of fits that are cut off, and of classes of one or two rows
        warnings.simplefilter("ignore")
        search.fit(train_NF, list(train_labels))
    score = {"accuracy": accuracy_score, "matthews": matthews_corrcoef}[metric]
    return 100 * float(score(list(tested_labels), search.predict(tested_NF)))
