"""The unigram language model (Kudo, 2018) as in SentencePiece, with a trainer of our own.

The trainer of the tokenizers library gives another vocabulary in every process, even on one thread.
This one follows the same plan: begin with every frequent substring, estimate piece probabilities by
expectation maximisation, drop the pieces that the likelihood misses least, repeat until the size is
reached. Text is brought to Unicode form NFKC and runs of white space become one space.
"""

from __future__ import annotations

import heapq
import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import xxhash
from tokenizers import Tokenizer, models, normalizers

from tokenizer_training.algorithm import Algorithm, Learned, TooFewPiecesError, require_size
from tokenizer_training.alphabet import (
    FEWER_CHARACTERS,
    choose_alphabet,
    count_characters,
    count_strangers,
    cut_at_strangers,
)
from tokenizer_training.config import TokenizerConfig
from tokenizer_training.lattice import (
    Group,
    build_lattices,
    expected_counts,
    forward,
    group_by_length,
    hash_spans,
    log_scale,
    scale,
)
from tokenizer_training.metaspace import add_metaspace, decoder, frame
from tokenizer_training.specials import ROBERTA

_MAX_PIECE_CHARACTERS = 16
# Longer words are cut: their products of probabilities would leave the range of a float.
_MAX_WORD_CHARACTERS = 32
# The most frequent words hold nearly all of a text; the array of their spans must fit in memory.
_MAX_DISTINCT_WORDS = 300_000
_SEEDS_PER_ENTRY = 20
_KEPT_PER_ROUND = 0.75
_STEPS_PER_ROUND = 2
_SCORE_DECIMALS = 6


@dataclass(frozen=True, slots=True)
class Pieces:
    """Candidate pieces: text, probability (P,), and whether each may be dropped (P,)."""

    texts: list[str]
    probabilities: np.ndarray
    droppable: np.ndarray

    def take(self, kept: np.ndarray) -> Pieces:
        """The pieces at the positions `kept`."""
        texts = [self.texts[index] for index in kept]
        return Pieces(texts, self.probabilities[kept], self.droppable[kept])


def pipeline(config: TokenizerConfig) -> Tokenizer:
    """Normaliser, pre-tokeniser and decoder around an empty model."""
    del config  # upper case and accents are always kept
    tokenizer = Tokenizer(models.Unigram())
    add_metaspace(tokenizer, normalizers.NFKC())
    tokenizer.decoder = decoder(byte_fallback=False)
    return tokenizer


def learn(words: dict[str, int], vocab_size: int, config: TokenizerConfig) -> Learned:
    """A unigram model of exactly `vocab_size` entries: special tokens, pieces by probability.

    Raises:
        InputError: when the size cannot hold the special tokens and the characters.
        TooFewPiecesError: when the words yield fewer entries.
    """
    found, specials = count_characters(words), len(ROBERTA.ordered)
    chosen = choose_alphabet(found, config, vocab_size - specials)
    alphabet = chosen.characters
    contents = f"{specials} special tokens, {len(alphabet)} characters"
    require_size(vocab_size, specials + len(alphabet), contents, FEWER_CHARACTERS)
    known = cut_at_strangers(words, alphabet)
    kept, too_rare = _bound(known)
    texts, counts = list(kept), np.array(list(kept.values()), dtype=np.float64)
    seeds = _seed(texts, counts, alphabet, vocab_size, config.min_frequency)
    if specials + len(seeds.texts) < vocab_size:
        raise TooFewPiecesError(specials + len(seeds.texts), chosen.limited)
    pieces = _shrink(seeds, texts, counts, vocab_size - specials)
    model = models.Unigram(_scored(pieces), unk_id=ROBERTA.id_of(ROBERTA.unk), byte_fallback=False)
    strangers = count_strangers(found, alphabet)
    counts_left_out = {"characters_outside_alphabet": strangers, "words_too_rare": too_rare}
    return Learned(model, {"alphabet": len(alphabet), **counts_left_out})


def _bound(words: Mapping[str, int]) -> tuple[dict[str, int], int]:
    """The most frequent words, cut to a bounded length, sorted; and occurrences of the others."""
    order = heapq.nsmallest(_MAX_DISTINCT_WORDS, words.items(), key=_rank)
    cut: Counter[str] = Counter()
    for word, count in order:
        for start in range(0, len(word), _MAX_WORD_CHARACTERS):
            cut[word[start : start + _MAX_WORD_CHARACTERS]] += count
    return dict(sorted(cut.items())), sum(words.values()) - sum(count for _, count in order)


def _rank(item: tuple[str, int]) -> tuple[int, int, str]:
    """The most frequent first; equally frequent ones by a hash, since by the alphabet its end would go."""
    word, count = item
    return -count, xxhash.xxh3_64_intdigest(word.encode()), word


def _seed(
    texts: Sequence[str],
    counts: np.ndarray,
    alphabet: Sequence[str],
    vocab_size: int,
    min_frequency: int,
) -> Pieces:
    """Characters, and the substrings that cover most text, at most `_SEEDS_PER_ENTRY` an entry."""
    groups = group_by_length(texts)
    singles = count_characters(dict(zip(texts, counts.tolist(), strict=True)))
    found: list[tuple[float, str]] = []
    for length in range(2, _MAX_PIECE_CHARACTERS + 1):
        found += _frequent(groups, texts, counts, length, min_frequency)
    best = heapq.nsmallest(
        vocab_size * _SEEDS_PER_ENTRY, found, key=lambda item: (-item[0] * len(item[1]), item[1])
    )
    # A character that never occurs alone after cutting still needs a probability above 0.
    weights = [max(singles[c], 1.0) for c in alphabet] + [frequency for frequency, _ in best]
    probabilities = np.array(weights) / sum(weights)
    droppable = np.array([False] * len(alphabet) + [True] * len(best))
    return Pieces([*alphabet, *(text for _, text in best)], probabilities, droppable)


def _frequent(
    groups: Sequence[Group],
    texts: Sequence[str],
    counts: np.ndarray,
    length: int,
    min_frequency: int,
) -> list[tuple[float, str]]:
    """(occurrences, text) of the substrings of one length that are frequent enough."""
    parts = [(group, hash_spans(group, length)) for group in groups if group.length >= length]
    if not parts:
        return []
    hashes = np.concatenate([spans.ravel() for _, spans in parts])
    rows = np.concatenate([np.repeat(group.rows, spans.shape[1]) for group, spans in parts])
    starts = np.concatenate([np.tile(np.arange(s.shape[1]), len(s)) for _, s in parts])
    _, first, inverse = np.unique(hashes, return_index=True, return_inverse=True)
    frequency = np.bincount(inverse.ravel(), counts[rows])
    chosen = np.flatnonzero(frequency >= min_frequency)
    return [
        (float(frequency[index]), texts[rows[place]][starts[place] : starts[place] + length])
        for index, place in zip(chosen, first[chosen], strict=True)
    ]


def _shrink(pieces: Pieces, texts: Sequence[str], counts: np.ndarray, size: int) -> Pieces:
    """Estimate, drop a quarter, repeat, until `size` pieces are left; estimate once more."""
    groups = group_by_length(texts)
    pieces, expected = _estimate(pieces, groups, counts)
    while len(pieces.texts) > size:
        left = max(size, int(len(pieces.texts) * _KEPT_PER_ROUND))
        loss = np.where(pieces.droppable, _losses(pieces, expected), np.inf)
        order = np.lexsort((np.arange(len(loss)), -loss))
        pieces, expected = _estimate(pieces.take(np.sort(order[:left])), groups, counts)
    return pieces


def _estimate(
    pieces: Pieces, groups: Sequence[Group], counts: np.ndarray
) -> tuple[Pieces, np.ndarray]:
    """Expectation maximisation: the pieces with new probabilities, and their expected counts."""
    lattices = build_lattices(groups, *_index(pieces.texts), none=len(pieces.texts))
    lengths = np.array([len(text) for text in pieces.texts])
    probabilities = pieces.probabilities / pieces.probabilities.sum()
    for _ in range(_STEPS_PER_ROUND):
        expected = expected_counts(lattices, counts, scale(probabilities, lengths))
        weights = _discount(expected)
        probabilities = weights / weights.sum()
    return Pieces(pieces.texts, probabilities, pieces.droppable), expected


def _discount(expected: np.ndarray) -> np.ndarray:
    """Close to exp(digamma(expected)), the Bayesian estimate that SentencePiece uses.

    It is written with arithmetic alone (exp(digamma(x)) is near x - 1/2), so that it gives the same
    bits on every processor, and it stays above 0.
    """
    return np.maximum(np.maximum(expected - 0.5, expected * 0.1), 1e-4)


def _index(texts: Sequence[str]) -> tuple[dict[int, np.ndarray], dict[int, np.ndarray]]:
    """Per length: sorted hashes of the pieces and their ids."""
    hashes, ids = {}, {}
    for group in group_by_length(texts):
        value = hash_spans(group, group.length).ravel()
        order = np.argsort(value, kind="stable")
        hashes[group.length], ids[group.length] = value[order], group.rows[order]
    return hashes, ids


def _losses(pieces: Pieces, expected: np.ndarray) -> np.ndarray:
    """Log-likelihood (P,) lost without each piece: its text would be made of the other pieces."""
    lengths = np.array([len(text) for text in pieces.texts])
    scaled = scale(pieces.probabilities, lengths)
    alternative = np.zeros(len(lengths))
    tables = _index(pieces.texts)
    for lattice in build_lattices(group_by_length(pieces.texts), *tables, none=len(lengths)):
        if lattice.length > 1:
            total = forward(lattice, scaled, whole_words=False)[-1]
            alternative[lattice.rows] = np.log(total) - log_scale(lattice.length)
    # Rounded, so that another processor's last bit of a logarithm does not reorder equal losses.
    return np.round(expected * (np.log(pieces.probabilities) - alternative), 6)


def _scored(pieces: Pieces) -> list[tuple[str, float]]:
    """Entries with natural log probabilities, special tokens first, then the most probable."""
    scores = [round(math.log(value), _SCORE_DECIMALS) for value in pieces.probabilities]
    ranked = sorted(zip(pieces.texts, scores, strict=True), key=lambda item: (-item[1], item[0]))
    return [*((token, 0.0) for token in ROBERTA.ordered), *ranked]


ALGORITHM = Algorithm(
    name="unigram",
    specials=ROBERTA,
    chunks=str.split,
    pipeline=pipeline,
    learn=learn,
    frame=frame,
    model_inputs=("input_ids", "attention_mask"),
)
