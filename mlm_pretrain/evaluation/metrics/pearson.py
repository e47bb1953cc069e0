"""Pearson correlation of predicted and reference numbers."""

from __future__ import annotations

from typing import Any

from scipy.stats import pearsonr

from mlm_pretrain.errors import InputError
from mlm_pretrain.evaluation.metrics.base import NUMBER, LocalMetric, describe


class Pearson(LocalMetric):
    """`{"pearson": r}` in −1…1.

    Raises:
        InputError: for fewer than two examples or a constant side, where r is not defined.
    """

    def _info(self) -> Any:
        return describe(__doc__ or "", (NUMBER, NUMBER))

    def _compute(self, predictions: list[float], references: list[float]) -> dict[str, float]:
        if len(set(predictions)) < 2 or len(set(references)) < 2:
            raise InputError("pearson: predictions and references need two different values each")
        return {"pearson": float(pearsonr(predictions, references).statistic)}
