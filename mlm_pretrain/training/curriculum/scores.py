"""How hard each row is: float64 (R,), low where it is easy.

A measure is called with the rows and, where it compares them with others, a target's rows; it is a function
and a line in `MEASURES`. Start and end tokens count as the tokens that they are.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from mlm_pretrain.training.curriculum.rows import count_tokens, row_blocks, row_means


def length(data: Any, target: Any = None) -> np.ndarray:
    """Mean tokens of a row's segments: short texts are easy."""
    return np.concatenate([b.lengths_R / np.maximum(b.segments_R, 1) for b in row_blocks(data)])


def entropy(data: Any, target: Any = None) -> np.ndarray:
    """Nats a token under the data's own unigram model: frequent words are easy.

    Bengio et al. 2009 learn frequent words first; the word rarity of Platanios et al. 2019 is the sum, which
    grows with the length of a row.
    """
    return _mean_over_rows(data, unigram_nats(count_tokens(data)))


def diversity(data: Any, target: Any = None) -> np.ndarray:
    """Share of distinct tokens (type-token ratio): text that repeats itself is easy."""
    found = []
    for block in row_blocks(data):
        rows = len(block.lengths_R)
        row_T = np.repeat(np.arange(rows), block.lengths_R)
        width = int(block.ids_T.max(initial=0)) + 1
        distinct = np.unique(row_T * width + block.ids_T) // width
        found.append(np.bincount(distinct, minlength=rows) / np.maximum(block.lengths_R, 1))
    return np.concatenate(found)


def similarity(data: Any, target: Any) -> np.ndarray:
    """Nats a token under the target's unigram model less those under the data's: like the target is easy.

    The difference of cross-entropies of Moore and Lewis 2010.
    """
    own, wanted = count_tokens(data), count_tokens(target)
    size = max(len(own), len(wanted))
    nats = [unigram_nats(np.pad(counts, (0, size - len(counts)))) for counts in (wanted, own)]
    return _mean_over_rows(data, nats[0] - nats[1])


Measure = Callable[[Any, Any], np.ndarray]
MEASURES: dict[str, Measure] = {
    "length": length,
    "entropy": entropy,
    "diversity": diversity,
    "similarity": similarity,
}


def unigram_nats(counts_V: np.ndarray) -> np.ndarray:
    """−log p of every id, one added to each count, float64 (V,)."""
    return np.log(counts_V.sum() + len(counts_V)) - np.log(counts_V + 1.0)


def _mean_over_rows(data: Any, nats_V: np.ndarray) -> np.ndarray:
    return np.concatenate([row_means(block, nats_V[block.ids_T]) for block in row_blocks(data)])
