"""Entity precision, recall and F1, where a malformed tag is an error.

seqeval itself only warns about malformed tags and scores them all the same.
"""

from __future__ import annotations

import warnings
from typing import Any

import datasets
from seqeval.metrics.sequence_labeling import accuracy_score, precision_recall_fscore_support

from mlm_pretrain.errors import InputError
from mlm_pretrain.evaluation.metrics.base import TEXT, LocalMetric, describe
from mlm_pretrain.evaluation.metrics.tag_schemes import as_iobes_letters, malformed


class Seqeval(LocalMetric):
    """`{"precision", "recall", "f1", "accuracy", "per_type": {type: {…, "support"}}}`.

    An entity counts when its type and both ends are right (the CoNLL-2003 rule; micro average).
    `accuracy` is over tags. `scheme` is "iob2", "iob1", "iobes" or "bilou".

    Raises:
        InputError: naming the first sentence and tag that break the scheme, or a length mismatch.
    """

    def _info(self) -> Any:
        return describe(__doc__ or "", (datasets.Sequence(TEXT), datasets.Sequence(TEXT)))

    def _compute(
        self, predictions: list[list[str]], references: list[list[str]], scheme: str = "iob2"
    ) -> dict[str, Any]:
        for name, sentences in (("predictions", predictions), ("references", references)):
            _refuse_malformed(name, sentences, scheme)
        for index, (found, true) in enumerate(zip(predictions, references, strict=True)):
            if len(found) != len(true):
                problem = f"sentence {index}: {len(found)} predicted tags, {len(true)} references"
                raise InputError(problem)
        return _score(
            [as_iobes_letters(tags, scheme) for tags in references],
            [as_iobes_letters(tags, scheme) for tags in predictions],
        )


def _refuse_malformed(name: str, sentences: list[list[str]], scheme: str) -> None:
    for index, tags in enumerate(sentences):
        fault = malformed(tags, scheme)
        if fault:
            position, reason = fault
            raise InputError(f"{name}: sentence {index}, tag {position}: {reason}")


def _score(true: list[list[str]], found: list[list[str]]) -> dict[str, Any]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # types without a single prediction: counted as 0
        precision, recall, f1, _ = precision_recall_fscore_support(
            true, found, average="micro", zero_division=0
        )
        columns = precision_recall_fscore_support(true, found, average=None, zero_division=0)
    names = sorted({tag[2:] for tags in [*true, *found] for tag in tags if tag != "O"})
    fields = ("precision", "recall", "f1", "support")
    rows = zip(*columns, strict=True)
    per_type = {
        name: {field: float(value) for field, value in zip(fields, row, strict=True)}
        for name, row in zip(names, rows, strict=True)
    }
    return {
        "precision": float(precision),
        "recall": float(recall),
        "f1": float(f1),
        "accuracy": float(accuracy_score(true, found)),
        "per_type": per_type,
    }
