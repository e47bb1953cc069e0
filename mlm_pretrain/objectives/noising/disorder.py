"""Token deletion, sentence permutation and rotation (Lewis et al. 2020, BART)."""

from __future__ import annotations

import numpy as np

from mlm_pretrain.objectives.noising.segment import rounded
from mlm_pretrain.objectives.sentences import sentence_starts
from mlm_pretrain.objectives.vocabulary import Ids, Vocabulary


def delete(text_T: Ids, share: float, rng: np.random.Generator) -> Ids:
    """The text without about `share` of its tokens; at least one stays."""
    gone = min(rounded(share * len(text_T), rng), len(text_T) - 1)
    return np.delete(text_T, rng.choice(len(text_T), gone, replace=False))


def permute_sentences(
    text_T: Ids, vocabulary: Vocabulary, language: str, rng: np.random.Generator
) -> Ids:
    """The text's sentences, and what is cut off at its ends, in a random order."""
    starts_S = sentence_starts(text_T, vocabulary, language)
    sentences = np.split(text_T, starts_S[1:])
    return np.concatenate([sentences[place] for place in rng.permutation(len(sentences))])


def rotate(text_T: Ids, rng: np.random.Generator) -> Ids:
    """The text from a random token on, and then what stood before it."""
    return np.roll(text_T, -int(rng.integers(len(text_T))))
