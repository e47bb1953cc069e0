"""Expectations over all segmentations, against listing them."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
import pytest

from tokenizer_training.algorithms.unigram import Pieces, _estimate, _index, _losses
from tokenizer_training.lattice import build_lattices, expected_counts, group_by_length, scale

PIECES = ["a", "b", "c", "ab", "ba", "aba", "bc"]
PROBABILITIES = np.array([0.2, 0.1, 0.05, 0.3, 0.15, 0.1, 0.1])
WORDS = {"a": 3.0, "abab": 2.0, "ababc": 5.0, "cab": 1.0}


def segmentations(word: str) -> Iterator[tuple[str, ...]]:
    if not word:
        yield ()
    for piece in PIECES:
        if word.startswith(piece):
            yield from ((piece, *rest) for rest in segmentations(word[len(piece) :]))


def probability(pieces: tuple[str, ...]) -> float:
    return math.prod(PROBABILITIES[PIECES.index(piece)] for piece in pieces)


def test_expected_counts_equal_the_sum_over_all_segmentations() -> None:
    expected = dict.fromkeys(PIECES, 0.0)
    for word, count in WORDS.items():
        ways = list(segmentations(word))
        total = sum(map(probability, ways))
        for way in ways:
            for piece in way:
                expected[piece] += count * probability(way) / total
    lattices = build_lattices(group_by_length(list(WORDS)), *_index(PIECES), none=len(PIECES))
    scaled = scale(PROBABILITIES, np.array([len(piece) for piece in PIECES]))
    found = expected_counts(lattices, np.array(list(WORDS.values())), scaled)
    assert found == pytest.approx(list(expected.values()), rel=1e-12)


def test_a_pieces_loss_is_its_count_times_what_its_other_segmentations_lack() -> None:
    pieces = Pieces(PIECES, PROBABILITIES, np.array([len(p) > 1 for p in PIECES]))
    losses = _losses(pieces, np.full(len(PIECES), 2.0))
    others = {"ab": 0.02, "aba": 0.2 * 0.15 + 0.3 * 0.2 + 0.2 * 0.1 * 0.2}
    for piece, other in others.items():
        index = PIECES.index(piece)
        wanted = 2.0 * math.log(PROBABILITIES[index] / other)
        assert losses[index] == pytest.approx(wanted, abs=1e-6)


def test_estimation_never_underflows_on_long_rare_words() -> None:
    words = ["abc" * 10 + "zz", "z"]
    alphabet = ["a", "b", "c", "z"]
    pieces = Pieces(alphabet, np.array([1e-13, 1e-13, 1e-13, 1.0]), np.zeros(4, dtype=bool))
    found, expected = _estimate(pieces, group_by_length(words), np.array([1.0, 1e9]))
    assert np.isfinite(found.probabilities).all()
    assert expected == pytest.approx([10, 10, 10, 2 + 1e9])
