"""Rows of texts, for tests of objectives that take a segment as a text."""

from __future__ import annotations

from typing import Any

import numpy as np

LENGTHS = [[12, 20], [40], [5, 3, 9], [30], [7, 25], [16, 16], [33], [21, 4]]


def examples(tokenizer: Any, lengths: list[list[int]] = LENGTHS) -> list[dict[str, Any]]:
    """Rows of [CLS] … [SEP] texts."""
    rng = np.random.default_rng(2)
    start, end = tokenizer.cls_token_id, tokenizer.sep_token_id
    rows = [[[start, *rng.integers(10, 1_000, n - 2), end] for n in row] for row in lengths]
    return [
        {
            "input_ids": np.concatenate(row), "segment_lengths": [len(text) for text in row],
            "epoch": 0, "example": place,
        }
        for place, row in enumerate(rows)
    ]  # fmt: skip
