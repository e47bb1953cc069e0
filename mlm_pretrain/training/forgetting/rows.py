"""The rows that are measured: some of a text, evenly spread over it, the same each time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from mlm_pretrain.evaluation.texts import EvaluationRows


class SomeRows(Sequence[Any]):
    """`count` rows of `rows`, from the first to the last."""

    def __init__(self, rows: Any, count: int) -> None:
        self.rows = rows
        self.numbers = np.linspace(0, len(rows) - 1, min(count, len(rows))).round().astype(int)

    def __len__(self) -> int:
        return len(self.numbers)

    def __getitem__(self, index: Any) -> Any:
        return self.rows[int(self.numbers[index])]


def some_of(rows: EvaluationRows, count: int) -> EvaluationRows:
    """Some rows of a text, whose masks follow from their numbers among these."""
    chosen = SomeRows(rows.rows, count)
    share = len(chosen) / max(len(rows), 1)
    return replace(rows, rows=chosen, text_bytes=round(rows.text_bytes * share))
