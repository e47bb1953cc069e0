"""Classification of a text or a pair of texts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import numpy as np

from mlm_pretrain.corpus.shown import cut as shorten
from mlm_pretrain.errors import InputError
from mlm_pretrain.evaluation.metrics import load_metric
from mlm_pretrain.finetune.analysis import analyse
from mlm_pretrain.finetune.data import TextExample, check_known
from mlm_pretrain.finetune.loss import summed_loss
from mlm_pretrain.finetune.task import in_order
from mlm_pretrain.finetune.texts import Texts, written_chance
from mlm_pretrain.finetune.unused import OF_CLASSES

MOST_ANALYSED = 50  # labels whose probabilities are written one by one


class Classification(Texts):
    """One label for a text (or a pair): sentiment, topic, intent, entailment, paraphrase."""

    unused: ClassVar[Mapping[str, str]] = OF_CLASSES
    weights: list[float] | None = None  # by label, where some count more

    @property
    def metrics(self) -> tuple[str, ...]:
        return ("accuracy", "f1_macro", "matthews")

    def learn_labels(self, train: Sequence[TextExample]) -> None:
        self.labels = in_order({example.label for example in train}, self.config.label_names)
        if len(self.labels) < 2:
            raise InputError(
                f"{self.config.train}: every row has the label '{shorten(self.labels[0], 60)}'",
                "give rows of two labels or more",
            )
        self.places = {label: place for place, label in enumerate(self.labels)}

    def settle(self, train: Sequence[TextExample]) -> None:
        if self.config.class_weights == "balanced":
            self.weights = balanced_weights(self.labels, [example.label for example in train])

    def check_labels(self, examples: Sequence[TextExample], spec: str) -> None:
        check_known(self.labels, [(e.label, e.where) for e in examples], spec, self.config.train)

    def criterion(self, logits: Any, labels: Any) -> Any:
        return summed_loss(logits, labels, self.weights)

    def subset(self, train: list[TextExample], size: int, seed: int) -> list[TextExample]:
        """`size` examples with the labels in their shares of the file, each at least once."""
        if size < len(self.labels):
            raise InputError(
                f"max_train_examples: {size} examples cannot show {len(self.labels)} labels",
                f"ask for {len(self.labels)} or more",
            )
        generator = np.random.default_rng(seed)
        groups = [
            generator.permutation([i for i, e in enumerate(train) if e.label == label])
            for label in self.labels
        ]
        sizes = shares([len(group) for group in groups], size)
        chosen = [int(i) for group, n in zip(groups, sizes, strict=True) for i in group[:n]]
        return [train[index] for index in sorted(chosen)]

    def target(self, example: TextExample) -> np.ndarray:
        return np.array([self.places[example.label]], np.int32)

    def answer(self, logits_C: np.ndarray) -> dict[str, Any]:
        shifted_C = np.exp(logits_C - logits_C.max())
        chances_C = shifted_C / shifted_C.sum()
        best = int(chances_C.argmax())
        found = {
            "prediction": self.labels[best],
            "probability": written_chance(chances_C[best]),
        }
        if len(self.labels) > MOST_ANALYSED:
            return found
        named = zip(self.labels, chances_C, strict=True)
        return {**found, "probabilities": {name: written_chance(p) for name, p in named}}

    def score(self, rows: Sequence[dict[str, Any]]) -> dict[str, Any]:
        return label_scores([r["prediction"] for r in rows], [r["label"] for r in rows])

    def analyse(self, splits: Mapping[str, Sequence[dict[str, Any]]]) -> dict[str, Any]:
        return analyse(splits, self.labels) if len(self.labels) <= MOST_ANALYSED else {}


def balanced_weights(labels: Sequence[str], seen: Sequence[str]) -> list[float]:
    """How much a label of each class counts: inversely to its share, 1 in the mean over `seen`."""
    counts = Counter(seen)
    return [len(seen) / (len(labels) * counts[label]) for label in labels]


def label_scores(predictions: list[str], references: list[str]) -> dict[str, float]:
    """Accuracy, macro F1 and Matthews correlation of one label an item."""
    sides = {"predictions": predictions, "references": references}
    return {
        **load_metric("accuracy").compute(**sides),
        "f1_macro": load_metric("f1").compute(**sides)["f1"],
        **load_metric("matthews").compute(**sides),
    }


def shares(sizes: Sequence[int], total: int) -> list[int]:
    """`total` divided in proportion to `sizes`: at least 1 each, never more than there are.

    What rounding leaves goes to the largest remainders (Hamilton's method).
    """
    total = min(total, sum(sizes))
    exact = [size * total / sum(sizes) for size in sizes]
    given = [max(1, int(share)) for share in exact]
    while sum(given) != total:
        step = 1 if sum(given) < total else -1
        able = [i for i, n in enumerate(given) if (n < sizes[i] if step > 0 else n > 1)]
        given[max(able, key=lambda i: step * (exact[i] - given[i]))] += step
    return given
