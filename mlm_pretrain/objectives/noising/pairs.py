"""From a segment to the pair that a model reads and writes."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from mlm_pretrain.objectives.noising.config import BartNoise, MixtureNoise, SpanNoise
from mlm_pretrain.objectives.noising.disorder import delete, permute_sentences, rotate
from mlm_pretrain.objectives.noising.infilling import infill
from mlm_pretrain.objectives.noising.mixture import mixed_spans
from mlm_pretrain.objectives.noising.segment import split_ends
from mlm_pretrain.objectives.noising.sentinels import with_sentinels
from mlm_pretrain.objectives.noising.spans import random_spans
from mlm_pretrain.objectives.vocabulary import Ids, Vocabulary

Noise = BartNoise | SpanNoise | MixtureNoise
_SHORTEST = 2  # tokens of text: of one alone nothing would be left


class Pair(NamedTuple):
    """`source_S` is read, `target_D` written."""

    source_S: Ids
    target_D: Ids


def noised(
    ids_L: Ids, vocabulary: Vocabulary, noise: Noise, rng: np.random.Generator
) -> Pair | None:
    """The pair of a segment, neither part longer than it; None where it is too short for one.

    Special tokens at its ends stay at the ends of the source. The target is the whole segment, or of spans
    their list with the segment's end tokens behind it.
    """
    start, text_T, end = split_ends(ids_L, vocabulary)
    if len(text_T) < _SHORTEST:
        return None
    if isinstance(noise, BartNoise):
        shown_T = _disturbed(text_T, vocabulary, noise, rng)
        return Pair(np.concatenate([start, shown_T, end]), ids_L)
    most = len(vocabulary.sentinel_ids) - 1
    if isinstance(noise, MixtureNoise):
        hidden_T = mixed_spans(len(text_T), noise, most, rng)
    else:
        hidden_T = random_spans(len(text_T), noise, most, rng)
    shown_T, target = with_sentinels(text_T, hidden_T, vocabulary.sentinel_ids)
    return Pair(np.concatenate([start, shown_T, end]), np.concatenate([target, end]))


def _disturbed(
    text_T: Ids, vocabulary: Vocabulary, noise: BartNoise, rng: np.random.Generator
) -> Ids:
    """Sentences are found first, while they are whole, and masks come last, so that none gets lost."""
    permutes, rotates = rng.random(2) < (noise.permutation, noise.rotation)
    if permutes:
        text_T = permute_sentences(text_T, vocabulary, noise.language, rng)
    if rotates:
        text_T = rotate(text_T, rng)
    if noise.deletion:
        text_T = delete(text_T, noise.deletion, rng)
    if noise.ratio and vocabulary.mask_id is not None:
        text_T = infill(text_T, vocabulary.mask_id, noise.ratio, noise.mean_span, rng)
    return text_T
