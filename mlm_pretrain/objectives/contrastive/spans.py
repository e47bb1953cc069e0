"""Two spans of one text (Giorgi et al. 2021, DeCLUTR).

Formula: lengths are l = l_min + p · (l_max − l_min), with p from Beta(4, 2) for the anchor, which is
    mostly long, and from Beta(2, 4) for its positive. The anchor lies anywhere; the positive begins
    between l_positive tokens before the anchor and its end, so that the two overlap, touch, or contain
    each other.
Relations: DeCLUTR counts lengths in tokens (32 to 512) of documents of 2,048 and more. Packed segments
    may be short, so lengths are shares of the text here.
"""

from __future__ import annotations

import math

import numpy as np

from mlm_pretrain.objectives.contrastive.augmentations import only
from mlm_pretrain.objectives.contrastive.config import SpanConfig
from mlm_pretrain.objectives.vocabulary import Flags, Ids

_ANCHOR, _POSITIVE = (4.0, 2.0), (2.0, 4.0)  # of the beta distributions


def two_spans(
    ids_T: Ids, control_V: Flags, config: SpanConfig, rng: np.random.Generator
) -> tuple[Ids, Ids]:
    """(anchor, positive), each with the text's control tokens."""
    places_P = np.flatnonzero(~control_V[ids_T])
    if not len(places_P):
        return ids_T, ids_T
    anchor, positive = drawn_spans(len(places_P), config, rng)
    first, second = (only(ids_T, places_P, places_P[slice(*span)]) for span in (anchor, positive))
    return first, second


def drawn_spans(
    tokens: int, config: SpanConfig, rng: np.random.Generator
) -> tuple[tuple[int, int], tuple[int, int]]:
    """(start, end) of the anchor and of the positive among `tokens`."""
    length = _length(tokens, config, rng.beta(*_ANCHOR))
    start = int(rng.integers(tokens - length + 1))
    other = _length(tokens, config, rng.beta(*_POSITIVE))
    earliest, latest = max(0, start - other), min(tokens - other, start + length)
    begin = int(rng.integers(earliest, latest + 1))
    return (start, start + length), (begin, begin + other)


def _length(tokens: int, config: SpanConfig, share: float) -> int:
    shortest, longest = (max(1, math.ceil(s * tokens)) for s in (config.shortest, config.longest))
    return shortest + int(share * (longest - shortest + 1))
