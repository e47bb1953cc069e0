"""Rows without labels: what a fine-tuned model says of them is written down, and nothing is scored.

The test files of public benchmarks come so, with no label or with −1, and so does whatever a model was
fine-tuned for.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

from mlm_pretrain.errors import InputError
from mlm_pretrain.finetune.data import TaggedExample, TextExample
from mlm_pretrain.finetune.fields import text_of, texts_of
from mlm_pretrain.finetune.sources import Row, read_rows

SPLIT = "unlabelled"
_LABELS = ("label", "tags")  # of a row of predictions


def read_unlabelled(kind: str, task: Any, spec: str) -> list[Any]:
    """Examples of a file whose labels are not read, for a `task` that has learned its labels.

    Each has some label of the task, so that it can be encoded as all others are.

    Raises:
        InputError: for a kind of task that predicts nothing of single rows, and for rows without
            text, or without the second text that training has.
    """
    if kind not in _READERS:
        raise InputError(
            f"unlabelled: not for {kind}", f"tasks that have it: {', '.join(sorted(_READERS))}"
        )
    return [_READERS[kind](task, row) for row in read_rows(spec, "test")]


def without_labels(predictions: Mapping[str, Sequence[dict[str, Any]]]) -> dict[str, list[Any]]:
    """Rows of predictions by split, those of unlabelled rows without a truth."""
    return {
        split: [
            {k: v for k, v in row.items() if split != SPLIT or k not in _LABELS} for row in rows
        ]
        for split, rows in predictions.items()
    }


def _text(task: Any, row: Row, label: Any) -> TextExample:
    config = task.config
    text = text_of(row, config.text_field, "text_field")
    if not task.paired and config.text_pair_field in row.values:
        problem = f"{row.where}: a pair of texts here, but not in {config.train}"
        raise InputError(problem, "set text_pair_field")
    pair = text_of(row, config.text_pair_field, "text_pair_field") if task.paired else None
    return TextExample(text, pair, label, row.where)


def _classified(task: Any, row: Row) -> TextExample:
    return _text(task, row, task.labels[0])


def _sentence(task: Any, row: Row) -> TaggedExample:
    is_columns = bool(row.lines)  # CoNLL columns have places, not names
    tokens = texts_of(row, "tokens" if is_columns else task.config.tokens_field, "tokens_field")
    if not tokens:
        raise InputError(f"{row.where}: no tokens", "remove the row")
    return TaggedExample(tokens, [task.blank] * len(tokens), row.where, row.lines)


_Reader: TypeAlias = Callable[[Any, Row], Any]
_READERS: dict[str, _Reader] = {
    "sentiment": _classified,
    "cloze": _classified,
    "multilabel": lambda task, row: _text(task, row, ()),
    "regression": lambda task, row: _text(task, row, 0.0),
    "ner": _sentence,
}
