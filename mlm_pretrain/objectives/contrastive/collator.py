"""Examples → rows that hold two views of each of their texts, side by side."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch

from mlm_pretrain.objectives.contrastive.augmentations import augmented, control_tokens
from mlm_pretrain.objectives.contrastive.config import ContrastiveConfig
from mlm_pretrain.objectives.contrastive.spans import two_spans
from mlm_pretrain.objectives.masked import place_of
from mlm_pretrain.objectives.randomness import row_generators
from mlm_pretrain.objectives.rows import (
    packed_layout,
    padded_length,
    row_ids,
    segment_lengths,
    stack_rows,
)
from mlm_pretrain.objectives.sentences import sentence_texts
from mlm_pretrain.objectives.token_loss import IGNORED
from mlm_pretrain.objectives.vocabulary import Ids, Vocabulary

FEWEST_TOKENS = 5  # of a sentence: less tells nothing apart
_VIEW_STREAM = 0x76_69_65_77  # sets these draws apart from those of masks


class ContrastiveCollator:
    """Examples → a batch of texts, two views of each drawn from (seed, epoch, example).

    Each segment packed into a row is one text. Returns a dict of tensors of (B, 2 · L): the first views
    of a row's texts lie in its first half, the second views, in the same order, in its second.
    `input_ids`; `segment_ids`, which count on through both halves, and `position_ids`, as in any packed
    row; `labels`, the id itself at ordinary tokens and −100 elsewhere. So one forward pass serves both
    views.
    """

    def __init__(self, vocabulary: Vocabulary, config: ContrastiveConfig, seed: int) -> None:
        self.vocabulary, self.config, self.seed = vocabulary, config, seed
        self.control_V = control_tokens(vocabulary)

    def __call__(self, examples: Sequence[Mapping[str, Any]]) -> dict[str, torch.Tensor]:
        rows = [row_ids(example) for example in examples]
        pairs = list(zip(examples, rows, strict=True))
        generators = row_generators(self.seed ^ _VIEW_STREAM, [place_of(*pair) for pair in pairs])
        views = [
            [self._views(text_T, rng) for text_T in self._texts(*pair)]
            for pair, rng in zip(pairs, generators, strict=True)
        ]
        halves = [[[pair[n] for pair in row] for row in views] for n in (0, 1)]
        length = padded_length([np.concatenate(row) for half in halves for row in half])
        first, second = (self._half(half, length) for half in halves)
        texts_B = first["segment_ids"].max(1, keepdims=True)
        second["segment_ids"] += texts_B * (second["segment_ids"] > 0)
        return {n: torch.from_numpy(np.concatenate([first[n], second[n]], 1)) for n in first}

    def _texts(self, example: Mapping[str, Any], ids_T: Ids) -> list[Ids]:
        segments = texts_of(example, ids_T)
        if self.config.texts == "segments":
            return segments
        how = (self.vocabulary, self.config.language, FEWEST_TOKENS)
        return [text_T for segment_T in segments for text_T in sentence_texts(segment_T, *how)]

    def _views(self, ids_T: Ids, rng: np.random.Generator) -> tuple[Ids, Ids]:
        config = self.config
        if config.positives == "dropout":
            return ids_T, ids_T
        if config.positives == "spans":
            return two_spans(ids_T, self.control_V, config.spans, rng)
        tables = (self.control_V, self.vocabulary.ordinary_ids, config.augmentation, rng)
        return augmented(ids_T, *tables), augmented(ids_T, *tables)

    def _half(self, rows: Sequence[Sequence[Ids]], length: int) -> dict[str, Ids]:
        """One view of the texts of each row, (B, L)."""
        ids = [np.concatenate(row) for row in rows]
        lengths = [np.array([len(text_T) for text_T in row]) for row in rows]
        labels = [np.where(self.control_V[ids_T], IGNORED, ids_T) for ids_T in ids]
        return {
            "input_ids": stack_rows(ids, length, self.vocabulary.pad_id),
            "labels": stack_rows(labels, length, IGNORED),
            **packed_layout(lengths, length),
        }


def texts_of(example: Mapping[str, Any], ids_T: Ids) -> list[Ids]:
    """The segments of a row."""
    return np.split(ids_T, np.cumsum(segment_lengths(example, len(ids_T)))[:-1])
