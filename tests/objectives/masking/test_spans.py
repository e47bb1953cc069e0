"""Spans and n-grams: their lengths, where they end, and the words they take."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from one_row import choose_tokens

from mlm_pretrain.objectives.masking.config import MaskedConfig
from mlm_pretrain.objectives.masking.spans import span_lengths
from mlm_pretrain.objectives.vocabulary import Vocabulary

LENGTHENED = ["span", "ngram"]


class Scripted:
    """Draws that put some words first, in this order, and give every span one length."""

    def __init__(self, order: list[int], length_number: float) -> None:
        self.order, self.length_number = order, length_number

    def random(self, shape: tuple[int, int]) -> NDArray[np.float64]:
        drawn = np.full(shape, 0.9)
        drawn[0, self.order] = np.arange(len(self.order)) / 100
        drawn[1] = self.length_number
        return drawn


# Two segments of ten words: positions 1-10 and 13-22 of the row, and so the numbers of the words.
TWO_SEGMENTS = np.array([2, *range(5, 15), 3, 2, *range(15, 25), 3])


@pytest.mark.parametrize(
    ("order", "drawn", "longest", "expected"),
    [
        ([9, 16], 10, 10, [9, 10, 16, 17, 18, 19]),  # the first span ends with its segment
        ([22, 1], 10, 10, [22, 1, 2, 3, 4, 5]),  # and the last with the row
        ([3, 16], 10, 3, [3, 4, 5, 16, 17, 18]),
        ([3, 4, 16], 4, 10, [3, 4, 5, 6, 7, 16]),  # words chosen before count once
    ],
)
@pytest.mark.parametrize("unit", LENGTHENED)
def test_spans_respect_segments_and_the_longest_span(
    toy: Vocabulary, unit: str, order: list[int], drawn: int, longest: int, expected: list[int]
) -> None:
    limits = {"longest_span": longest, "longest_ngram": longest}
    config = MaskedConfig(ratio=0.3, unit=unit, span_continue=0.9, **limits)
    numbers = {
        "span": 1 - 0.9 ** (drawn - 0.5),
        "ngram": harmonic(min(drawn, longest)) / harmonic(longest) - 1e-9,
    }
    chosen_T = choose_tokens(TWO_SEGMENTS, toy, config, Scripted(order, numbers[unit]))
    assert np.flatnonzero(chosen_T).tolist() == sorted(expected)


def harmonic(number: int) -> float:
    return sum(1 / n for n in range(1, number + 1))


def test_spans_hang_together_more_than_words(toy: Vocabulary) -> None:
    ids_T = np.array([2, *[5] * 1_000, 3])

    def runs(**settings: object) -> int:
        config = MaskedConfig(ratio=0.1, **settings)
        chosen_T = choose_tokens(ids_T, toy, config, np.random.default_rng(0))
        assert chosen_T.sum() == 100
        return int((np.diff(chosen_T.astype(int)) == 1).sum())

    assert runs(unit="span", span_continue=0.0) > 80 > 40 > runs(unit="span", span_continue=0.8)
    assert runs(unit="ngram", longest_ngram=1) > 80 > 65 > runs(unit="ngram", longest_ngram=3)


@pytest.mark.parametrize(
    ("settings", "shares"),
    [
        ({"unit": "ngram"}, [6 / 11, 3 / 11, 2 / 11]),
        ({"unit": "ngram", "longest_ngram": 5}, [1 / n / harmonic(5) for n in range(1, 6)]),
        ({"unit": "ngram", "longest_ngram": 1}, [1.0]),
        ({"unit": "span", "longest_span": 4}, [0.2, 0.8 * 0.2, 0.8**2 * 0.2, 0.8**3]),
        ({"unit": "span", "span_continue": 0.0}, [1.0]),
    ],
)
def test_lengths_are_drawn_as_described(settings: dict[str, object], shares: list[float]) -> None:
    count = 100_000
    drawn_W = np.random.default_rng(0).random(count)
    lengths_W = span_lengths(drawn_W, MaskedConfig(**settings))
    found = np.bincount(lengths_W, minlength=len(shares) + 1)
    assert found[0] == 0
    assert len(found) == len(shares) + 1
    for share, times in zip(shares, found[1:], strict=True):
        assert abs(times - count * share) <= 4 * (count * share * (1 - share)) ** 0.5


def test_the_ends_of_the_numbers_drawn_give_the_shortest_and_the_longest() -> None:
    ends = np.array([0.0, np.nextafter(1, 0)])
    assert span_lengths(ends, MaskedConfig(unit="ngram", longest_ngram=7)).tolist() == [1, 7]
    assert span_lengths(ends, MaskedConfig(unit="span", longest_span=7)).tolist() == [1, 7]


@pytest.mark.parametrize("unit", LENGTHENED)
def test_spans_are_taken_as_one_by_one(toy: Vocabulary, unit: str) -> None:
    """Written down anew, for rows of words of one to five pieces with special tokens among them."""
    for seed in range(200):
        rng = np.random.default_rng(seed)
        units = [[2] if rng.random() < 0.15 else [5, *[35] * rng.integers(0, 5)] for _ in range(40)]
        units.append([5])
        ids_T = np.concatenate(units)
        config = MaskedConfig(ratio=rng.uniform(0.02, 0.9), unit=unit)
        found = choose_tokens(ids_T, toy, config, np.random.default_rng(seed))
        drawn = np.random.default_rng(seed).random((2, len(ids_T)))
        assert np.flatnonzero(found).tolist() == one_by_one(units, drawn, config)


def one_by_one(
    units: list[list[int]], drawn: NDArray[np.float64], config: MaskedConfig
) -> list[int]:
    firsts = np.cumsum([0, *map(len, units[:-1])])
    ordinary = {n for n, pieces in enumerate(units) if pieces != [2]}
    wanted = left = max(1, round(config.ratio * sum(len(units[n]) for n in ordinary)))
    taken: set[int] = set()
    for start in sorted(ordinary, key=lambda n: drawn[0, firsts[n]]):
        for word in range(start, start + length_of(drawn[1, firsts[start]], config)):
            if word not in ordinary or left <= 0:
                break
            if word not in taken and (len(units[word]) <= left or left == wanted):
                taken.add(word)
                left -= len(units[word])
    return sorted(firsts[word] + place for word in taken for place in range(len(units[word])))


def length_of(number: float, config: MaskedConfig) -> int:
    length = 1
    if config.unit == "span":  # goes on with a chance of 0.8
        while length < config.longest_span and number >= 1 - 0.8**length:
            length += 1
        return length
    while number * harmonic(config.longest_ngram) >= harmonic(length):
        length += 1
    return length
