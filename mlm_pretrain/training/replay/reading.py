"""The rows of two texts as one dataset, and in each batch which row is of which."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch

from mlm_pretrain.objectives.rows import row_ids
from mlm_pretrain.packing import PackedDataset

IS_REPLAY = "is_replay"  # of an example
SOURCES = "replay/rows"  # of a batch; a name with a stroke goes to no model


class JoinedRows:
    """The rows of the run's own data, and those of the other text behind them."""

    def __init__(self, own: Any, other: PackedDataset) -> None:
        self.own, self.other = own, other

    def __len__(self) -> int:
        return len(self.own) + len(self.other)

    def __getitem__(self, index: int) -> dict[str, Any]:
        rows, row = self.part(index)
        return {**rows[row], IS_REPLAY: rows is self.other}

    def part(self, index: int) -> tuple[Any, int]:
        """(the text that it is of, the number of the row there)."""
        own = len(self.own)
        return (self.own, index) if index < own else (self.other, index - own)


def sources_of(examples: Sequence[Mapping[str, Any]]) -> torch.Tensor:
    """(1 where it is replayed, tokens) of each example, int64 (B, 2)."""
    found = [[int(e[IS_REPLAY]), len(row_ids(e))] for e in examples]
    return torch.tensor(found, dtype=torch.int64).view(-1, 2)
