"""Features of examples, padded to the longest of their batch.

B examples, L tokens.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

IGNORED = -100  # a label that counts in no loss


@dataclass(frozen=True, slots=True)
class Feature:
    """One row of model input: a whole example, or one window of it.

    `inputs` holds L numbers a name; `labels` one number (classification), L (tagging) or two (the
    answer's first and last token). `allowed` marks tokens an answer may touch. `places` holds, a
    token, what decoding needs: a word's index (tagging, −1 elsewhere) or (start, end) characters.
    """

    inputs: dict[str, list[int]]
    labels: list[int]
    example: int
    allowed: list[bool] | None = None
    places: Any = None

    def __len__(self) -> int:
        return len(self.inputs["input_ids"])


@dataclass(frozen=True, slots=True)
class Collator:
    """Features to tensors: inputs (B, L), labels as the task has them, `allowed` (B, L)."""

    pad_token_id: int
    label_per_token: bool

    def __call__(self, features: Sequence[Feature]) -> dict[str, Any]:
        import torch

        length = max(len(feature) for feature in features)
        batch = {
            name: torch.tensor([_pad(f.inputs[name], length, fill) for f in features])
            for name, fill in self._fills(features[0])
        }
        width = length if self.label_per_token else len(features[0].labels)
        batch["labels"] = torch.tensor([_pad(f.labels, width, IGNORED) for f in features])
        if features[0].allowed is not None:
            allowed = [_pad(f.allowed or [], length, False) for f in features]
            batch["allowed"] = torch.tensor(allowed)
        return batch

    def _fills(self, feature: Feature) -> list[tuple[str, int]]:
        return [(name, self.pad_token_id if name == "input_ids" else 0) for name in feature.inputs]


def _pad(values: list[Any], length: int, fill: Any) -> list[Any]:
    return values + [fill] * (length - len(values))


def by_length(features: Sequence[Feature], batch_size: int) -> list[list[int]]:
    """Indices in batches of similar length, the longest first: less padding, faults early."""
    order = sorted(range(len(features)), key=lambda index: -len(features[index]))
    return [order[i : i + batch_size] for i in range(0, len(order), batch_size)]
