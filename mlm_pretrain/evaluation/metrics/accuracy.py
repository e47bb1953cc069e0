"""Share of examples whose prediction equals the reference."""

from __future__ import annotations

from typing import Any

from sklearn.metrics import accuracy_score

from mlm_pretrain.evaluation.metrics.base import LocalMetric, describe_labels


class Accuracy(LocalMetric):
    """`{"accuracy": correct / examples}` over labels given as text or numbers."""

    def _info(self) -> Any:
        return describe_labels(__doc__ or "")

    def _compute(self, predictions: list[str], references: list[str]) -> dict[str, float]:
        return {"accuracy": float(accuracy_score(references, predictions))}
