"""Batches of like length, in an order that says nothing of it."""

from __future__ import annotations

import random
import statistics

import pytest
import torch

from mlm_pretrain.finetune.length_order import LengthOrder

ROWS = 8


def epochs(lengths: list[int], count: int, seed: int = 0) -> list[list[list[int]]]:
    """Of each epoch the batches, as a loader cuts them."""
    sampler = LengthOrder(lengths, ROWS, torch.Generator().manual_seed(seed))
    drawn = [list(sampler) for _ in range(count)]
    return [[order[i : i + ROWS] for i in range(0, len(order), ROWS)] for order in drawn]


@pytest.mark.parametrize("count", [1, 5, 8, 31, 500, 4_003])
def test_each_example_comes_once_an_epoch_and_the_longest_at_once(count: int) -> None:
    lengths = [random.Random(count + i).randint(3, 128) for i in range(count)]
    for batches in epochs(lengths, 3):
        assert sorted(i for batch in batches for i in batch) == list(range(count))
        assert all(len(batch) == ROWS for batch in batches[:-1])
        whole = [batch for batch in batches if len(batch) == ROWS]
        if whole:
            most = max(lengths[i] for batch in whole for i in batch)
            assert most in [lengths[i] for i in batches[0]]


def test_little_is_padded_no_epoch_repeats_another_and_none_ends_with_short_ones() -> None:
    lengths = [random.Random(i).randint(3, 128) for i in range(1_600)]
    drawn = epochs(lengths, 20)
    padded = [max(lengths[i] for i in b) * ROWS for batches in drawn for b in batches]
    assert sum(padded) < 1.1 * 20 * sum(lengths)  # in a random order 1.7
    assert len({frozenset(b) for batches in drawn for b in batches}) > 0.99 * 20 * 200
    firsts, lasts = zip(*((batches[1:101], batches[101:]) for batches in drawn), strict=True)
    means = [
        statistics.mean(lengths[i] for batches in part for b in batches for i in b)
        for part in (firsts, lasts)
    ]
    assert means[1] == pytest.approx(means[0], rel=0.05)
    ends = [lengths[batches[-1][0]] for batches in drawn]
    assert statistics.mean(ends) > 40  # sorted in their pools they would be below 10


def test_the_seed_fixes_it_and_texts_that_are_cut_do_not_all_come_first() -> None:
    lengths = [64] * 200 + [random.Random(i).randint(3, 63) for i in range(200)]
    assert epochs(lengths, 2) == epochs(lengths, 2)
    assert epochs(lengths, 1) != epochs(lengths, 1, seed=1)
    (batches,) = epochs(lengths, 1)
    assert any(max(lengths[i] for i in b) < 64 for b in batches[1:10])
