"""Several labels of a text or a pair of texts: topics, skills, clauses."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np

from mlm_pretrain.errors import InputError
from mlm_pretrain.finetune.config import FinetuneConfig
from mlm_pretrain.finetune.data import TextExample, check_known
from mlm_pretrain.finetune.fields import label_set_of
from mlm_pretrain.finetune.loss import label_entropy
from mlm_pretrain.finetune.task import in_order
from mlm_pretrain.finetune.texts import Texts, written_chance


class MultiLabel(Texts):
    """Any number of labels for a text (or a pair), each decided by itself: above one half it is given."""

    problem_type: ClassVar[str | None] = "multi_label_classification"

    @property
    def metrics(self) -> tuple[str, ...]:
        return ("f1_micro", "f1_macro", "accuracy")

    def read_label(self, value: Any, where: str, config: FinetuneConfig) -> Any:
        return label_set_of(value, where, config)

    def learn_labels(self, train: Sequence[TextExample]) -> None:
        seen = {label for example in train for label in example.label}
        self.labels = in_order(seen, self.config.label_names)
        if len(self.labels) < 2:
            raise InputError(
                f"{self.config.train}: {len(self.labels)} labels over all rows",
                "give rows of two labels or more; for one, `finetune sentiment` tells yes from no",
            )

    def check_labels(self, examples: Sequence[TextExample], spec: str) -> None:
        seen = [(label, example.where) for example in examples for label in example.label]
        check_known(self.labels, seen, spec, self.config.train)

    def target(self, example: TextExample) -> np.ndarray:
        return self._marks(example.label)

    def _marks(self, labels: Sequence[str]) -> np.ndarray:
        """1 for each label that is given, else 0 (C)."""
        given = set(labels)
        return np.array([label in given for label in self.labels], np.float32)

    def criterion(self, logits: Any, labels: Any) -> Any:
        return label_entropy(logits, labels)

    def answer(self, logits_C: np.ndarray) -> dict[str, Any]:
        chances_C = 1 / (1 + np.exp(-logits_C.astype(np.float64)))
        named = {n: written_chance(p) for n, p in zip(self.labels, chances_C, strict=True)}
        given = [label for label, chance in named.items() if chance > 0.5]
        return {"prediction": given, "probabilities": named}

    def score(self, rows: Sequence[dict[str, Any]]) -> dict[str, Any]:
        from sklearn.metrics import f1_score

        true, found = (
            np.stack([self._marks(row[side]) for row in rows]) for side in ("label", "prediction")
        )
        f1 = {
            f"f1_{kind}": float(f1_score(true, found, average=kind, zero_division=0))
            for kind in ("micro", "macro")
        }
        return {**f1, "accuracy": float((true == found).all(1).mean())}
