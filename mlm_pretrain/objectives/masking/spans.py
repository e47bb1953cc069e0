"""Spans and n-grams: words that are masked together with those that follow them.

Spans have geometric length (Joshi et al. 2020, SpanBERT); n-grams have n words with a chance as 1/n (Lan et
al. 2020, ALBERT, section 3.1). W: words of a line of rows; R: rows.
"""

from __future__ import annotations

import numpy as np

from mlm_pretrain.objectives.masking.config import MaskedConfig
from mlm_pretrain.objectives.vocabulary import Flags, Ids, Numbers


def span_lengths(drawn_W: Numbers, config: MaskedConfig) -> Ids:
    """Lengths in words (W) of the spans, or n-grams, that start at each word, from numbers in [0, 1)."""
    if config.unit == "ngram":
        return _ngram_lengths(drawn_W, config.longest_ngram)
    if not config.span_continue:
        return np.ones(len(drawn_W), dtype=np.int64)
    lengths_W = 1 + np.log1p(-drawn_W) // np.log(config.span_continue)
    return np.minimum(lengths_W, config.longest_span).astype(np.int64)


def _ngram_lengths(drawn_W: Numbers, longest: int) -> Ids:
    below = np.cumsum(1 / np.arange(1, longest + 1))
    return 1 + np.searchsorted(below / below[-1], drawn_W, side="right")


def take_spans(sizes_W: Ids, borders_R: Ids, order_W: Ids, wanted_R: Ids, spans_W: Ids) -> Flags:
    """Words (W) in each row's order, each with those of its span, as they fit; the first anyhow.

    Args:
        sizes_W: ordinary tokens in each word; at a word of none, a special token, spans end.
        borders_R: R + 1 numbers: each row's first word, and the number of all words.
        spans_W: length in words of the span that starts at each word.
    """
    order, sizes, spans = order_W.tolist(), sizes_W.tolist(), spans_W.tolist()
    borders, chosen = borders_R.tolist(), [False] * len(sizes)
    for begin, end, wanted in zip(borders[:-1], borders[1:], wanted_R.tolist(), strict=True):
        left = wanted
        for start in order[begin:end]:
            if left <= 0 or not sizes[start]:
                break
            for word in range(start, min(start + spans[start], end)):
                if left <= 0 or not sizes[word]:
                    break  # enough, or the end of the span's segment
                if not chosen[word] and (sizes[word] <= left or left == wanted):
                    chosen[word] = True
                    left -= sizes[word]
    return np.array(chosen, dtype=bool)
