"""Regression: a quantity of a text or a pair of texts, such as how alike two sentences are."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np

from mlm_pretrain.errors import InputError
from mlm_pretrain.evaluation.metrics import load_metric
from mlm_pretrain.finetune.batching import Feature
from mlm_pretrain.finetune.data import TextExample, read_texts
from mlm_pretrain.finetune.fields import quantity_of
from mlm_pretrain.finetune.loss import squared_error
from mlm_pretrain.finetune.task import Task
from mlm_pretrain.finetune.text_features import check_paired, shown_texts, text_features


class Regression(Task[TextExample]):
    """One number for a text (or a pair), by the least squared error.

    The model's one output is in the labels' own unit.
    """

    auto_class: ClassVar[str] = "AutoModelForSequenceClassification"
    needs_offsets: ClassVar[bool] = False
    problem_type: ClassVar[str | None] = "regression"

    @property
    def metrics(self) -> tuple[str, ...]:
        return ("spearman", "pearson")

    def read(self, spec: str, split: str) -> list[TextExample]:
        return read_texts(spec, split, self.config, quantity_of)

    def learn(self, train: Sequence[TextExample]) -> None:
        _refuse_constant(train, self.config.train)
        self.labels = ["quantity"]
        self.paired = train[0].text_pair is not None

    def check(self, examples: Sequence[TextExample], spec: str) -> None:
        check_paired(self.paired, examples, spec, self.config.train)
        _refuse_constant(examples, spec)

    def encode(
        self,
        examples: Sequence[TextExample],
        tokenizer: Any,
        names: tuple[str, ...],
        max_length: int,
        training: bool = False,
    ) -> list[Feature]:
        labels = [np.array([example.label], np.float32) for example in examples]
        return text_features(examples, labels, tokenizer, names, max_length, self.counts)

    def criterion(self, logits: Any, labels: Any) -> Any:
        return squared_error(logits, labels)

    def keep(self, logits: Any, feature: Feature) -> np.ndarray:
        return logits.numpy()

    def decode(
        self,
        examples: Sequence[TextExample],
        features: Sequence[Feature],
        outputs: Sequence[np.ndarray],
    ) -> list[dict[str, Any]]:
        return [
            {**shown_texts(example), "label": example.label, "prediction": float(output[0])}
            for example, output in zip(examples, outputs, strict=True)
        ]

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
