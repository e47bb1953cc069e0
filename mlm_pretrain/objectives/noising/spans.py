"""Spans at random places of a text (Raffel et al. 2020, T5). K: spans."""

from __future__ import annotations

import numpy as np

from mlm_pretrain.objectives.noising.config import SpanNoise
from mlm_pretrain.objectives.noising.segment import rounded
from mlm_pretrain.objectives.vocabulary import Flags, Ids


def random_spans(length: int, noise: SpanNoise, most: int, rng: np.random.Generator) -> Flags:
    """Which tokens (T) of a text lie in spans: one span at least, `most` at most, no two of them adjoining.

    There are fewer spans than tokens between them, so that the list of the spans, with a token before each
    and one behind the last, is no longer than the text.

    Args:
        length: T, at least 2.
    """
    hidden = int(np.clip(rounded(noise.ratio * length, rng), 1, length - 1))
    kept = length - hidden
    spans = int(
        np.clip(rounded(hidden / noise.mean_span, rng), 1, max(1, min(hidden, kept - 1, most)))
    )
    hidden_K = random_parts(hidden, spans, rng)
    between = random_parts(kept + 2, spans + 1, rng)
    between[[0, -1]] -= 1  # a span may begin the text or end it
    sizes = np.zeros(2 * spans + 1, dtype=np.int64)
    sizes[0::2], sizes[1::2] = between, hidden_K
    return np.repeat(np.arange(2 * spans + 1) % 2 == 1, sizes)


def random_parts(total: int, parts: int, rng: np.random.Generator) -> Ids:
    """Whole numbers of at least 1 that add up to `total`, each way of it being equally likely."""
    cuts = np.sort(rng.choice(total - 1, parts - 1, replace=False)) + 1
    return np.diff(cuts, prepend=0, append=total)
