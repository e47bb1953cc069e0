"""All rows in blocks, as arrays: what a measure reads."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from mlm_pretrain.packing import PackedDataset, RowBlock

_ROWS = 4096


def row_blocks(data: Any, rows: int = _ROWS) -> Iterator[RowBlock]:
    """The rows of `data` in order: prepared ones by slices, those of other map-style datasets one by one."""
    if isinstance(data, PackedDataset):
        yield from data.row_blocks(rows)
        return
    for first in range(0, len(data), rows):
        examples = [data[i] for i in range(first, min(first + rows, len(data)))]
        ids = [np.asarray(example["input_ids"]) for example in examples]
        segments = [len(example.get("segment_lengths", (0,))) for example in examples]
        yield RowBlock(np.concatenate(ids), np.array([len(i) for i in ids]), np.array(segments))


def count_tokens(data: Any) -> np.ndarray:
    """How often each id occurs, int64 (V,)."""
    counts_V = np.zeros(getattr(data, "vocab_size", 0), dtype=np.int64)
    for block in row_blocks(data):
        found_V = np.bincount(block.ids_T, minlength=len(counts_V))
        found_V[: len(counts_V)] += counts_V
        counts_V = found_V
    return counts_V


def row_means(block: RowBlock, values_T: np.ndarray) -> np.ndarray:
    """The mean over each row's tokens, float64 (R,)."""
    rows = len(block.lengths_R)
    row_T = np.repeat(np.arange(rows), block.lengths_R)
    sums_R = np.bincount(row_T, weights=values_T, minlength=rows)
    return sums_R / np.maximum(block.lengths_R, 1)
