"""Matthews correlation, the score of GLUE's CoLA."""

from __future__ import annotations

from typing import Any

from sklearn.metrics import matthews_corrcoef

from mlm_pretrain.evaluation.metrics.base import LocalMetric, describe_labels


class Matthews(LocalMetric):
    """`{"matthews": r}` in −1…1: 0 for guessing, whatever the balance of the labels."""

    def _info(self) -> Any:
        return describe_labels(__doc__ or "")

    def _compute(self, predictions: list[str], references: list[str]) -> dict[str, float]:
        return {"matthews": float(matthews_corrcoef(references, predictions))}
