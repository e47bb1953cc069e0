"""Regression: a quantity of a text or a pair of texts, such as how alike two sentences are."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np

from mlm_pretrain.errors import InputError
from mlm_pretrain.evaluation.metrics import load_metric
from mlm_pretrain.finetune.config import FinetuneConfig
from mlm_pretrain.finetune.data import TextExample
from mlm_pretrain.finetune.fields import quantity_of
from mlm_pretrain.finetune.loss import squared_error
from mlm_pretrain.finetune.texts import Texts


class Regression(Texts):
    """One number for a text (or a pair), by the least squared error.

    The model's one output is in the labels' own unit.
    """

    problem_type: ClassVar[str | None] = "regression"

    @property
    def metrics(self) -> tuple[str, ...]:
        return ("spearman", "pearson")

    def read_label(self, value: Any, where: str, config: FinetuneConfig) -> Any:
        return quantity_of(value, where, config)

    def learn_labels(self, train: Sequence[TextExample]) -> None:
        _refuse_constant(train, self.config.train)
        self.labels = ["quantity"]

    def check_labels(self, examples: Sequence[TextExample], spec: str) -> None:
        _refuse_constant(examples, spec)

    def target(self, example: TextExample) -> np.ndarray:
        return np.array([example.label], np.float32)

    def answer(self, logits_C: np.ndarray) -> dict[str, Any]:
        return {"prediction": float(logits_C[0])}

    def criterion(self, logits: Any, labels: Any) -> Any:
        return squared_error(logits, labels)

    def score(self, rows: Sequence[dict[str, Any]]) -> dict[str, Any]:
        found = [row["prediction"] for row in rows]
        if len(set(found)) < 2:  # as after too few steps: no order is no likeness
            return dict.fromkeys(self.metrics, 0.0)
        sides = {"predictions": found, "references": [row["label"] for row in rows]}
        return {
            **load_metric("spearman").compute(**sides),
            **load_metric("pearson").compute(**sides),
        }


def _refuse_constant(examples: Sequence[TextExample], spec: str) -> None:
    if len({example.label for example in examples}) < 2:
        raise InputError(
            f"{spec}: every row has the label {examples[0].label}",
            "give rows of different quantities",
        )
