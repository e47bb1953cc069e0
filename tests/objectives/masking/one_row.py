"""A single row, masked."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlm_pretrain.objectives.masking.config import MaskedConfig
from mlm_pretrain.objectives.masking.rows import mask_rows
from mlm_pretrain.objectives.token_loss import IGNORED
from mlm_pretrain.objectives.vocabulary import Vocabulary


def masked(
    ids_T: NDArray[np.int64], vocabulary: Vocabulary, config: MaskedConfig, rng: Any
) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """(what the model sees, which tokens are predicted)."""
    [seen_T], [labels_T] = mask_rows([ids_T], vocabulary, config, [rng])
    chosen_T = labels_T != IGNORED
    assert np.array_equal(labels_T[chosen_T], ids_T[chosen_T])
    return seen_T, chosen_T


def choose_tokens(
    ids_T: NDArray[np.int64], vocabulary: Vocabulary, config: MaskedConfig, rng: Any
) -> NDArray[np.bool_]:
    """Which tokens are predicted."""
    return masked(ids_T, vocabulary, config, rng)[1]


def row_of_words(rng: Any, first: int, last: int) -> tuple[NDArray[np.int64], int]:
    """(a row of 40 words between `first` and `last`, the pieces of the longest word)."""
    words = [[rng.integers(5, 35), *[35] * rng.integers(0, 4)] for _ in range(40)]
    ids = [first, *(piece for word in words for piece in word), last]
    return np.array(ids), max(map(len, words))
