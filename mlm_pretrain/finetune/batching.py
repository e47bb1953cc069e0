"""Features of examples, padded to the longest of their batch.

B examples, L tokens, D tokens of a text that is written.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

IGNORED = -100  # a label that counts in no loss
NOWHERE = (-1, -1)  # the characters of a token that stands for none


@dataclass(frozen=True, slots=True, eq=False)
class Feature:
    """One row of model input: a whole example, or one window of it.

    `inputs` holds L numbers a name; `labels` one number (a class, or a quantity), C (yes or no of
    each label), L (tagging), two (the answer's first and last token) or D (a text to write).
    `allowed` (L) marks tokens an answer may touch. `places` holds, a token, what decoding needs: a
    word's index (tagging: L, −1 elsewhere) or its characters (answers: L × 2, past-the-end,
    `NOWHERE` outside the context); training needs none.

    Arrays of few bytes a number: 384 tokens take 3.5 KB (6.5 with places), as lists 80.
    """

    inputs: dict[str, np.ndarray]
    labels: np.ndarray
    example: int
    allowed: np.ndarray | None = None
    places: np.ndarray | None = None

    def __len__(self) -> int:
        return len(self.inputs["input_ids"])


def inputs_of(rows: Any, row: int, names: Sequence[str]) -> dict[str, np.ndarray]:
    """One row of a tokenizer's output: ids at 4 bytes a token, masks and types at 1."""
    return {
        name: np.array(rows[name][row], np.int32 if name == "input_ids" else np.int8)
        for name in names
        if name in rows
    }


def rows_within(
    tokenise: Callable[[Sequence[Any], dict[str, Any]], Any], items: Sequence[Any], max_length: int
) -> tuple[Any, int]:
    """What `tokenise(items, limits)` gives, the rows above `max_length` cut, and how many these are."""
    rows = tokenise(items, {})
    long = [i for i, ids in enumerate(rows["input_ids"]) if len(ids) > max_length]
    if long:
        limits = {"truncation": True, "max_length": max_length}
        for name, values in tokenise([items[i] for i in long], limits).items():
            for place, value in zip(long, values, strict=True):
                rows[name][place] = value
    return rows, len(long)


@dataclass(frozen=True, slots=True)
class Collator:
    """Features to tensors: inputs (B, L), labels as the task has them, `allowed` (B, L).

    With `decoder_inputs`, which makes them of the labels (B, D), also `decoder_input_ids` (B, D).
    L is the longest of the batch, rounded up to a multiple of `multiple` as far as `max_length`.
    """

    pad_token_id: int
    label_per_token: bool
    decoder_inputs: Callable[[Any], Any] | None = None
    multiple: int = 1
    max_length: int = 0

    def __call__(self, features: Sequence[Feature]) -> dict[str, Any]:
        longest = max(len(feature) for feature in features)
        length = max(longest, min(-(-longest // self.multiple) * self.multiple, self.max_length))
        batch = {
            name: _padded([f.inputs[name] for f in features], length, fill, np.int64)
            for name, fill in self._fills(features[0])
        }
        width = length if self.label_per_token else max(len(f.labels) for f in features)
        kind = np.float32 if features[0].labels.dtype.kind == "f" else np.int64
        batch["labels"] = _padded([f.labels for f in features], width, IGNORED, kind)
        if self.decoder_inputs is not None:
            batch["decoder_input_ids"] = self.decoder_inputs(batch["labels"])
        allowed = [f.allowed for f in features if f.allowed is not None]
        if allowed:
            batch["allowed"] = _padded(allowed, length, False, np.bool_)
        return batch

    def _fills(self, feature: Feature) -> list[tuple[str, int]]:
        return [(name, self.pad_token_id if name == "input_ids" else 0) for name in feature.inputs]


def _padded(rows: Sequence[np.ndarray], width: int, fill: int, kind: Any) -> Any:
    """A tensor (B, width) of rows, each filled up at its end."""
    import torch

    block = np.full((len(rows), width), fill, kind)
    for line, row in zip(block, rows, strict=True):
        line[: len(row)] = row
    return torch.from_numpy(block)


def by_length(features: Sequence[Feature], batch_size: int) -> list[list[int]]:
    """Indices in batches of similar length, the longest first: less padding, faults early."""
    order = sorted(range(len(features)), key=lambda index: -len(features[index]))
    return [order[i : i + batch_size] for i in range(0, len(order), batch_size)]
