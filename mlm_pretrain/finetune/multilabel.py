"""Several labels of a text or a pair of texts: topics, skills, clauses."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np

from mlm_pretrain.errors import InputError
from mlm_pretrain.finetune.batching import Feature
from mlm_pretrain.finetune.data import TextExample, check_known, read_texts
from mlm_pretrain.finetune.fields import label_set_of
from mlm_pretrain.finetune.loss import label_entropy
from mlm_pretrain.finetune.task import Task, in_order
from mlm_pretrain.finetune.text_features import check_paired, shown_texts, text_features


class MultiLabel(Task[TextExample]):
    """Any number of labels for a text (or a pair), each decided by itself: above one half it is given."""

    auto_class: ClassVar[str] = "AutoModelForSequenceClassification"
    needs_offsets: ClassVar[bool] = False
    problem_type: ClassVar[str | None] = "multi_label_classification"

    @property
    def metrics(self) -> tuple[str, ...]:
        return ("f1_micro", "f1_macro", "accuracy")

    def read(self, spec: str, split: str) -> list[TextExample]:
        return read_texts(spec, split, self.config, label_set_of)

    def learn(self, train: Sequence[TextExample]) -> None:
        seen = {label for example in train for label in example.label}
        self.labels = in_order(seen, self.config.label_names)
        if len(self.labels) < 2:
            raise InputError(
                f"{self.config.train}: {len(self.labels)} labels over all rows",
                "give rows of two labels or more; for one, `finetune sentiment` tells yes from no",
            )
        self.paired = train[0].text_pair is not None

    def check(self, examples: Sequence[TextExample], spec: str) -> None:
        seen = [(label, example.where) for example in examples for label in example.label]
        check_known(self.labels, seen, spec, self.config.train)
        check_paired(self.paired, examples, spec, self.config.train)

    def encode(
        self,
        examples: Sequence[TextExample],
        tokenizer: Any,
        names: tuple[str, ...],
        max_length: int,
        training: bool = False,
    ) -> list[Feature]:
        labels = [self._marks(example.label) for example in examples]
        return text_features(examples, labels, tokenizer, names, max_length, self.counts)

    def _marks(self, labels: Sequence[str]) -> np.ndarray:
        """1 for each label that is given, else 0 (C)."""
        given = set(labels)
        return np.array([label in given for label in self.labels], np.float32)

    def criterion(self, logits: Any, labels: Any) -> Any:
        return label_entropy(logits, labels)

    def keep(self, logits: Any, feature: Feature) -> np.ndarray:
        return logits.numpy()

    def decode(
        self,
        examples: Sequence[TextExample],
        features: Sequence[Feature],
        outputs: Sequence[np.ndarray],
    ) -> list[dict[str, Any]]:
        return [self._row(e, logits) for e, logits in zip(examples, outputs, strict=True)]

    def _row(self, example: TextExample, logits_C: np.ndarray) -> dict[str, Any]:
        chances = 1 / (1 + np.exp(-logits_C.astype(np.float64)))
        named = {n: round(float(p), 6) for n, p in zip(self.labels, chances, strict=True)}
        return {
            **shown_texts(example),
            "label": list(example.label),
            "prediction": [label for label, chance in named.items() if chance > 0.5],
            "probabilities": named,
        }

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
