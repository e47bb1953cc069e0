"""Which whole words, or spans of them, are masked, for all rows of a batch at once.

The rows lie one behind another in a line of N tokens. R: rows. W: words; a special token counts as a word of
size 0, so that no span goes beyond it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from mlm_pretrain.objectives.masked_config import MaskedConfig
from mlm_pretrain.objectives.vocabulary import Flags, Ids, Numbers, Vocabulary


def choose_words(
    ids_N: Ids,
    lengths_R: Sequence[int],
    vocabulary: Vocabulary,
    config: MaskedConfig,
    drawn_KN: Numbers,
) -> Flags:
    """The tokens (N) of words in random order, as many as are the share wanted of each row.

    Args:
        drawn_KN: numbers in [0, 1). A word's place in the order is the first one of its first token; the
            second, where spans are asked for, says the length of the span that starts at it.
    """
    words = _find_words(ids_N, lengths_R, vocabulary)
    order_W = _random_order(words, drawn_KN[0])
    reached_W = np.concatenate([[0], np.cumsum(words.sizes_W[order_W])])
    eligible_R = np.diff(reached_W[words.borders_R])
    wanted_R = np.maximum(1, np.rint(config.ratio * eligible_R)).astype(np.int64)
    if config.unit == "span":
        spans_W = _span_lengths(drawn_KN[1, words.firsts_W], config)
        chosen_W = _take_spans(words, order_W, wanted_R, spans_W)
    else:
        chosen_W = _take_words(words, order_W, reached_W, wanted_R)
    chosen_N: Flags = chosen_W[words.word_N] & words.ordinary_N
    return chosen_N


@dataclass(frozen=True)
class _Words:
    """The words of a line of rows.

    Attributes:
        word_N: the word of each token. ordinary_N: tokens that can be predicted.
        firsts_W: each word's first token. sizes_W: its ordinary tokens.
        borders_R: R + 1 numbers: each row's first word, and the number of all words.
    """

    word_N: Ids
    ordinary_N: Flags
    firsts_W: Ids
    sizes_W: Ids
    borders_R: Ids


def _find_words(ids_N: Ids, lengths_R: Sequence[int], vocabulary: Vocabulary) -> _Words:
    ordinary_N = ~vocabulary.special_V[ids_N]
    borders = np.concatenate([[0], np.cumsum(lengths_R)])
    begins_N = vocabulary.word_starts(ids_N)
    begins_N[borders[borders < len(ids_N)]] = True
    word_N, firsts_W = np.cumsum(begins_N) - 1, np.flatnonzero(begins_N)
    sizes_W = np.bincount(word_N, weights=ordinary_N).astype(np.int64)
    return _Words(word_N, ordinary_N, firsts_W, sizes_W, np.searchsorted(firsts_W, borders))


def _random_order(words: _Words, drawn_N: Numbers) -> Ids:
    """All words, row after row; within a row at random, those that cannot be chosen last."""
    row_W = np.repeat(np.arange(len(words.borders_R) - 1), np.diff(words.borders_R))
    place_W = np.where(words.sizes_W > 0, drawn_N[words.firsts_W], 1.5)
    return np.argsort(2 * row_W + place_W)


def _take_words(words: _Words, order_W: Ids, reached_W: Ids, wanted_R: Ids) -> Flags:
    """Of each row, words in its order as long as they fit into its wanted tokens; the first anyhow.

    All but the last few are found at once, which in long rows is most of the time of masking.
    `reached_W` (W + 1) are the tokens in all words before each place of the order.
    """
    starts_R, ends_R = words.borders_R[:-1], words.borders_R[1:]
    limit_R = reached_W[starts_R] + wanted_R
    next_R = np.searchsorted(reached_W, limit_R, side="right") - 1
    next_R = np.clip(next_R, starts_R + 1, ends_R)
    chosen_W = np.empty(len(order_W), dtype=bool)
    chosen_W[order_W] = np.arange(len(order_W)) < np.repeat(next_R, ends_R - starts_R)
    left_R = limit_R - reached_W[next_R]
    for row in np.flatnonzero(left_R > 0):
        _fill_up(chosen_W, words.sizes_W, order_W[next_R[row] : ends_R[row]], int(left_R[row]))
    return chosen_W


def _fill_up(chosen_W: Flags, sizes_W: Ids, candidates: Ids, left: int) -> None:
    """Choose those of the candidates, in order, that fit into the tokens left."""
    for word, size in zip(candidates, sizes_W[candidates], strict=True):
        if not left or not size:
            return
        if size <= left:
            chosen_W[word] = True
            left -= int(size)


def _span_lengths(drawn_W: Numbers, config: MaskedConfig) -> Ids:
    """Geometric lengths in words, from uniform numbers; none beyond the longest."""
    if not config.span_continue:
        return np.ones(len(drawn_W), dtype=np.int64)
    lengths_W = 1 + np.log1p(-drawn_W) // np.log(config.span_continue)
    return np.minimum(lengths_W, config.longest_span).astype(np.int64)


def _take_spans(words: _Words, order_W: Ids, wanted_R: Ids, spans_W: Ids) -> Flags:
    """Words, each with those that follow it in its span; as `_take_words` otherwise."""
    order, sizes, spans = order_W.tolist(), words.sizes_W.tolist(), spans_W.tolist()
    borders, chosen = words.borders_R.tolist(), [False] * len(sizes)
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
