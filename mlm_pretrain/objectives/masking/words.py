"""Which whole words are masked, for all rows of a batch at once.

R: rows. W: words; a special token counts as a word of size 0, so that no span goes beyond it.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from mlm_pretrain.objectives.masking.config import MaskedConfig
from mlm_pretrain.objectives.masking.line import Line, draw_keys
from mlm_pretrain.objectives.masking.spans import span_lengths, take_spans
from mlm_pretrain.objectives.vocabulary import Flags, Ids, Numbers, Vocabulary


def choose_words(line: Line, wanted_R: Ids, vocabulary: Vocabulary, config: MaskedConfig) -> Flags:
    """The tokens (N) of words in random order, as many as are wanted of each row (R).

    The numbers drawn for a word, for its place in the order and its span's length, are its first token's.
    """
    words = _find_words(line, vocabulary)
    order_W = _random_order(words, _word_keys(words, line))
    if config.unit == "word":
        chosen_W = _take_words(words, order_W, wanted_R)
    else:
        spans_W = span_lengths(line.drawn_KN[1, words.firsts_W], config)
        chosen_W = take_spans(words.sizes_W, words.borders_R, order_W, wanted_R, spans_W)
    chosen_N: Flags = chosen_W[words.word_N] & line.ordinary_N
    return chosen_N


@dataclass(frozen=True)
class _Words:
    """The words of a line of rows.

    Attributes:
        word_N: the word of each token.
        firsts_W: each word's first token. sizes_W: its ordinary tokens.
        borders_R: R + 1 numbers: each row's first word, and the number of all words.
    """

    word_N: Ids
    firsts_W: Ids
    sizes_W: Ids
    borders_R: Ids


def _find_words(line: Line, vocabulary: Vocabulary) -> _Words:
    begins_N = vocabulary.word_starts(line.ids_N)
    begins_N[line.borders_R[line.borders_R < len(line.ids_N)]] = True
    word_N, firsts_W = np.cumsum(begins_N) - 1, np.flatnonzero(begins_N)
    sizes_W = np.bincount(word_N, weights=line.ordinary_N).astype(np.int64)
    return _Words(word_N, firsts_W, sizes_W, np.searchsorted(firsts_W, line.borders_R))


def _word_keys(words: _Words, line: Line) -> Numbers:
    """What orders the words (W); those that cannot be chosen come last."""
    weights_W = None
    if line.weights_N is not None:
        totals_W = np.bincount(words.word_N, weights=line.weights_N * line.ordinary_N)
        weights_W = np.where(words.sizes_W > 0, totals_W, 1.0) / np.maximum(words.sizes_W, 1)
    keys_W = draw_keys(line.drawn_KN[0, words.firsts_W], weights_W)
    return np.where(words.sizes_W > 0, keys_W, np.inf)


def _random_order(words: _Words, keys_W: Numbers) -> Ids:
    """All words (W), row after row; within a row by their keys."""
    pairs = pairwise(words.borders_R.tolist())
    places = [keys_W[first:end].argsort() for first, end in pairs]
    return np.concatenate(places) + np.repeat(words.borders_R[:-1], np.diff(words.borders_R))


def _take_words(words: _Words, order_W: Ids, wanted_R: Ids) -> Flags:
    """Of each row, words in its order as long as they fit into its wanted tokens; the first anyhow.

    All but the last few are found at once, which in long rows is most of the time of masking.
    """
    reached_W = np.concatenate([[0], np.cumsum(words.sizes_W[order_W])])  # tokens before each place
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
