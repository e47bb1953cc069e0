"""Next-token prediction (Radford et al. 2018, GPT).

Formula: minimise −Σ_t log p(x_t | x_<t) within each document.
Inputs: rows of ids (T), with the lengths of the segments packed into each.
Requirements: a decoder with a language-modelling head; any tokenizer with a padding token.
Relations: `masked` sees both sides of what it predicts, this one only the left.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from mlm_pretrain.config import StrictConfig
from mlm_pretrain.objectives.rows import layout, padded_length, row_ids, segment_lengths, stack_rows
from mlm_pretrain.objectives.token_loss import IGNORED
from mlm_pretrain.objectives.vocabulary import Vocabulary


class CausalConfig(StrictConfig):
    """Next-token prediction has nothing to choose."""


class CausalCollator:
    """Examples → a batch for next-token prediction.

    Returns a dict of tensors: `input_ids` (B, L); `labels` (B, L), equal to the ids where the token is
    to be predicted from its left and −100 elsewhere (unshifted, as Hugging Face models expect them);
    and the layout (see `rows.layout`). A segment's first token is never predicted, since nothing of
    its document stands to its left; nor is an end token where a document was merely cut.
    """

    def __init__(self, vocabulary: Vocabulary, config: CausalConfig, seed: int) -> None:
        self.vocabulary, self.config, self.seed = vocabulary, config, seed

    def __call__(self, examples: Sequence[Mapping[str, Any]]) -> dict[str, torch.Tensor]:
        rows = [row_ids(example) for example in examples]
        length = padded_length(rows)
        pairs = list(zip(rows, examples, strict=True))
        lengths = [segment_lengths(example, len(ids_T)) for ids_T, example in pairs]
        labels = [
            self._labels(ids_T, row_lengths, example)
            for (ids_T, example), row_lengths in zip(pairs, lengths, strict=True)
        ]
        arrays = {
            "input_ids": stack_rows(rows, length, self.vocabulary.pad_id),
            "labels": stack_rows(labels, length, IGNORED),
            **layout(lengths, length),
        }
        return {name: torch.from_numpy(array) for name, array in arrays.items()}

    def _labels(
        self, ids_T: NDArray[np.int64], lengths: NDArray[np.int64], example: Mapping[str, Any]
    ) -> NDArray[np.int64]:
        labels_T = ids_T.copy()
        ends = np.cumsum(lengths)
        labels_T[ends - lengths] = IGNORED
        final = example.get("segment_final")
        if final is not None:
            cuts = ends[~np.asarray(final, dtype=bool)] - 1
            labels_T[cuts[self.vocabulary.special_V[ids_T[cuts]]]] = IGNORED
        return labels_T


def predicted_positions(labels_BL: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Flat indices (P) of the positions that predict their right neighbour, and its ids (P)."""
    shifted_BL = torch.full_like(labels_BL, IGNORED)
    shifted_BL[:, :-1] = labels_BL[:, 1:]
    flat = shifted_BL.flatten()
    positions_P = torch.nonzero(flat != IGNORED).flatten()
    return positions_P, flat[positions_P]
