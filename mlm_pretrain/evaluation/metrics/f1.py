"""F1 of a classifier: the harmonic mean of precision and recall."""

from __future__ import annotations

from typing import Any

from sklearn.metrics import f1_score

from mlm_pretrain.evaluation.metrics.base import LocalMetric, describe_labels


class F1(LocalMetric):
    """`{"f1": …}` over labels.

    `average="macro"` (the default) is the plain mean over the labels of predictions and
    references; "micro" and "weighted" as in scikit-learn; "binary" scores `positive` alone, as
    GLUE does for MRPC and QQP with `positive="1"`. A label never predicted scores 0.
    """

    def _info(self) -> Any:
        return describe_labels(__doc__ or "")

    def _compute(
        self,
        predictions: list[str],
        references: list[str],
        average: str = "macro",
        positive: str = "1",
    ) -> dict[str, float]:
        positive_label = {"pos_label": positive} if average == "binary" else {}
        score = f1_score(
            references, predictions, average=average, zero_division=0, **positive_label
        )
        return {"f1": float(score)}
