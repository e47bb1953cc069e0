"""Masked-token prediction (Devlin et al. 2019, BERT; span form: Joshi et al. 2020, SpanBERT).

Formula: choose a set M of positions; corrupt them to x'; minimise −Σ_{i∈M} log p(x_i | x').
Inputs: rows of ids (T), with the lengths of the segments packed into each.
Requirements: a tokenizer with a mask token; a model with a masked-LM head.
Relations: `causal` predicts every next token instead; a ratio near 30 % learns faster than 15 % at a
small size (Wettig et al. 2023, "Should you mask 15 %?").
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field, model_validator

from mlm_pretrain.config import StrictConfig
from mlm_pretrain.errors import InputError
from mlm_pretrain.objectives.randomness import EVALUATION_EPOCH, row_generator
from mlm_pretrain.objectives.rows import layout, padded_length, row_ids, segment_lengths, stack_rows
from mlm_pretrain.objectives.token_loss import IGNORED
from mlm_pretrain.objectives.vocabulary import Vocabulary


class MaskedConfig(StrictConfig):
    """Which tokens are predicted, and what the model sees in their place.

    Attributes:
        ratio: share of a row's ordinary tokens to predict.
        unit: mask single tokens, whole words, or spans of whole words.
        mask_share: of the chosen, this share becomes the mask token …
        random_share: … this share a random ordinary token; the rest stays as it is.
        span_continue: spans have geometric length; chance that one goes on by another word.
        longest_span: longest span in words.
    """

    ratio: float = Field(0.3, gt=0, lt=1)
    unit: Literal["token", "word", "span"] = "token"
    mask_share: float = Field(0.8, ge=0, le=1)
    random_share: float = Field(0.1, ge=0, le=1)
    span_continue: float = Field(0.8, ge=0, lt=1)
    longest_span: int = Field(10, ge=1)

    @model_validator(mode="after")
    def _shares_fit(self) -> MaskedConfig:
        if self.mask_share + self.random_share > 1 + 1e-9:
            raise ValueError("mask_share + random_share must not exceed 1")
        return self


def choose_tokens(
    ids_T: NDArray[np.int64], vocabulary: Vocabulary, config: MaskedConfig, rng: np.random.Generator
) -> NDArray[np.bool_]:
    """Which of a row's tokens to predict (T): never a special one, always at least one if any can.

    The number is exact for single tokens and, since words are taken whole, within one word of it
    otherwise: batches then differ little in size, which keeps speed and gradient noise even.
    """
    ordinary_T = ~vocabulary.special_V[ids_T]
    eligible = int(ordinary_T.sum())
    chosen_T = np.zeros(len(ids_T), dtype=bool)
    if eligible == 0:
        return chosen_T
    wanted = max(1, round(config.ratio * eligible))
    if config.unit == "token":
        positions = np.flatnonzero(ordinary_T)
        chosen_T[rng.permutation(positions)[:wanted]] = True
        return chosen_T
    word_T = np.cumsum(vocabulary.word_starts(ids_T)) - 1
    sizes_W = np.bincount(word_T, weights=ordinary_T).astype(np.int64)
    chosen_W = _choose_words(sizes_W, wanted, config, rng)
    return chosen_W[word_T] & ordinary_T


def _choose_words(
    sizes_W: NDArray[np.int64], wanted: int, config: MaskedConfig, rng: np.random.Generator
) -> NDArray[np.bool_]:
    """Whole words, in random order, until `wanted` tokens are chosen; specials have size 0."""
    order = rng.permutation(np.flatnonzero(sizes_W))
    if config.unit == "word":
        return _take_words(sizes_W, order, wanted)
    chosen_W = np.zeros(len(sizes_W), dtype=bool)
    left = wanted
    for start in order:
        for word in range(start, start + _span_words(config, rng)):
            if left <= 0:
                return chosen_W
            if word >= len(sizes_W) or sizes_W[word] == 0:
                break  # a span ends at its segment's end
            if not chosen_W[word] and (sizes_W[word] <= left or left == wanted):
                chosen_W[word] = True
                left -= sizes_W[word]
    return chosen_W


def _take_words(
    sizes_W: NDArray[np.int64], order: NDArray[np.int64], wanted: int
) -> NDArray[np.bool_]:
    """Words in `order` as long as they fit into `wanted` tokens; the first whatever its size.

    All but the last few are found at once, which in long rows is most of the time of masking.
    """
    chosen_W = np.zeros(len(sizes_W), dtype=bool)
    reached = np.cumsum(sizes_W[order])
    fitting = max(1, int(np.searchsorted(reached, wanted, side="right")))
    chosen_W[order[:fitting]] = True
    left = wanted - int(reached[fitting - 1])
    for word in order[fitting:]:
        if left <= 0:
            break
        if sizes_W[word] <= left:
            chosen_W[word] = True
            left -= sizes_W[word]
    return chosen_W


def _span_words(config: MaskedConfig, rng: np.random.Generator) -> int:
    return min(int(rng.geometric(1 - config.span_continue)), config.longest_span)


def corrupt(
    ids_T: NDArray[np.int64],
    chosen_T: NDArray[np.bool_],
    vocabulary: Vocabulary,
    config: MaskedConfig,
    rng: np.random.Generator,
) -> NDArray[np.int64]:
    """What the model sees (T): chosen tokens masked, replaced by ordinary ones, or left."""
    seen_T = ids_T.copy()
    fate_T = rng.random(len(ids_T))
    seen_T[chosen_T & (fate_T < config.mask_share)] = vocabulary.mask_id
    replaced_T = chosen_T & (fate_T >= config.mask_share)
    replaced_T &= fate_T < config.mask_share + config.random_share
    drawn = rng.integers(len(vocabulary.ordinary_ids), size=int(replaced_T.sum()))
    seen_T[replaced_T] = vocabulary.ordinary_ids[drawn]
    return seen_T


class MaskedCollator:
    """Examples → a batch with masks drawn from (seed, epoch, example).

    Each example needs `input_ids` (T) and may have `attention_mask`, `segment_lengths`, and its place
    (`epoch`, `example`); without a place the mask is keyed on the ids themselves, in a fixed epoch.

    Returns a dict of tensors: `input_ids` and `labels` (B, L), where labels hold the right id at
    predicted positions and −100 elsewhere, and the layout (see `rows.layout`).
    """

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
        pairs = [self._mask(ids_T, example) for ids_T, example in zip(rows, examples, strict=True)]
        seen, labels = zip(*pairs, strict=True)
        lengths = [
            segment_lengths(example, len(ids_T))
            for ids_T, example in zip(rows, examples, strict=True)
        ]
        arrays = {
            "input_ids": stack_rows(seen, length, self.vocabulary.pad_id),
            "labels": stack_rows(labels, length, IGNORED),
            **layout(lengths, length),
        }
        return {name: torch.from_numpy(array) for name, array in arrays.items()}

    def _mask(
        self, ids_T: NDArray[np.int64], example: Mapping[str, Any]
    ) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        rng = row_generator(self.seed, *place_of(example, ids_T))
        chosen_T = choose_tokens(ids_T, self.vocabulary, self.config, rng)
        seen_T = corrupt(ids_T, chosen_T, self.vocabulary, self.config, rng)
        return seen_T, np.where(chosen_T, ids_T, IGNORED)


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
