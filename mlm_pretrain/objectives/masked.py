"""Masked-token prediction (Devlin et al. 2019, BERT; span form: Joshi et al. 2020, SpanBERT).

Formula: choose a set M of positions; corrupt them to x'; minimise −Σ_{i∈M} log p(x_i | x').
Inputs: rows of ids (T), with the lengths of the segments packed into each.
Requirements: a tokenizer with a mask token; a model with a masked-LM head.
Relations: `causal` predicts every next token instead; a ratio near 30 % learns faster than 15 % at a
small size (Wettig et al. 2023, "Should you mask 15 %?").
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from mlm_pretrain.errors import InputError
from mlm_pretrain.objectives.masking.amount import ratio_at
from mlm_pretrain.objectives.masking.config import MaskedConfig
from mlm_pretrain.objectives.masking.rows import mask_rows
from mlm_pretrain.objectives.randomness import EVALUATION_EPOCH, row_generators
from mlm_pretrain.objectives.rows import layout, padded_length, row_ids, segment_lengths, stack_rows
from mlm_pretrain.objectives.token_loss import IGNORED
from mlm_pretrain.objectives.vocabulary import Vocabulary


class MaskedCollator:
    """Examples → a batch with masks drawn from (seed, epoch, example, progress).

    Each example needs `input_ids` (T) and may have `attention_mask`, `segment_lengths`, and its place
    (`epoch`, `example`, in training also `progress`, the share of the run done); without a place the mask
    is keyed on the ids themselves, in a fixed epoch, that of evaluation.

    Returns a dict of tensors: `input_ids` and `labels` (B, L), where labels hold the right id at
    predicted positions and −100 elsewhere, and the layout (see `rows.layout`).

    Attributes:
        weights_V: how many tickets each id has when tokens are chosen (see `masking.adaptive`); None: one
            each. May be set anew between batches; worker processes keep what they started with. Evaluation,
            whose masks are fixed, has no use for it.
    """

    weights_V: NDArray[np.float64] | None = None

    def __init__(self, vocabulary: Vocabulary, config: MaskedConfig, seed: int) -> None:
        if vocabulary.mask_id is None:
            raise InputError(
                "the tokenizer has no mask token, which masked-token prediction needs",
                "use a tokenizer that has one, or --objective clm",
            )
        self.vocabulary, self.config, self.seed = vocabulary, config, seed

    def __call__(self, examples: Sequence[Mapping[str, Any]]) -> dict[str, torch.Tensor]:
        rows = [row_ids(example) for example in examples]
        length = padded_length(rows)
        pairs = list(zip(examples, rows, strict=True))
        seen, labels = self._masked(pairs)
        lengths = [segment_lengths(example, len(ids_T)) for example, ids_T in pairs]
        arrays = {
            "input_ids": stack_rows(seen, length, self.vocabulary.pad_id),
            "labels": stack_rows(labels, length, IGNORED),
            **layout(lengths, length),
        }
        return {name: torch.from_numpy(array) for name, array in arrays.items()}

    def _masked(
        self, pairs: Sequence[tuple[Mapping[str, Any], NDArray[np.int64]]]
    ) -> tuple[list[NDArray[np.int64]], list[NDArray[np.int64]]]:
        places = [place_of(*pair) for pair in pairs]
        ratios_R = None
        if self.config.ratio_end is not None:
            ratios_R = np.array([ratio_at(self.config, e.get("progress")) for e, _ in pairs])
        is_training = places[0][0] != EVALUATION_EPOCH
        return mask_rows(
            [ids_T for _, ids_T in pairs], self.vocabulary, self.config,
            row_generators(self.seed, places), ratios_R, self.weights_V if is_training else None,
        )  # fmt: skip


def place_of(example: Mapping[str, Any], ids_T: NDArray[np.int64]) -> tuple[int, int]:
    """(epoch, example) of a row; keyed on its content where no sampler has placed it."""
    if "example" in example:
        return int(example["epoch"]), int(example["example"])
    import xxhash

    return EVALUATION_EPOCH, xxhash.xxh3_64_intdigest(ids_T.tobytes())


def predicted_positions(labels_BL: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Flat indices (P) of the predicted positions in B·L, and the right ids (P) there."""
    flat = labels_BL.flatten()
    positions_P = torch.nonzero(flat != IGNORED).flatten()
    return positions_P, flat[positions_P]
