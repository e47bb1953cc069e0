"""Padding and layout of rows; draws that depend on a place; the loss."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from mlm_pretrain.objectives.randomness import (
    EVALUATION_EPOCH,
    epoch_permutation,
    row_generator,
    row_generators,
)
from mlm_pretrain.objectives.rows import layout, padded_length, row_ids, stack_rows
from mlm_pretrain.objectives.token_loss import token_loss


@pytest.mark.parametrize(("longest", "padded"), [(1, 8), (8, 8), (9, 16), (64, 64)])
def test_rows_are_padded_to_a_multiple_of_eight(longest: int, padded: int) -> None:
    assert padded_length([np.zeros(1), np.zeros(longest)]) == padded


def test_rows_are_filled_up() -> None:
    stacked = stack_rows([np.array([7]), np.array([8, 9])], 3, -1)
    assert stacked.tolist() == [[7, -1, -1], [8, 9, -1]]
    assert stacked.dtype == np.int64


def test_padding_on_either_side_is_taken_off() -> None:
    example = {"input_ids": [0, 5, 6, 0], "attention_mask": [0, 1, 1, 0]}
    assert row_ids(example).tolist() == [5, 6]
    assert row_ids({"input_ids": [0, 5]}).tolist() == [0, 5]


def test_layout_names_segments_only_where_a_row_has_several() -> None:
    single = layout([np.array([2]), np.array([3])], 4)
    assert {k: v.tolist() for k, v in single.items()} == {
        "attention_mask": [[1, 1, 0, 0], [1, 1, 1, 0]]
    }
    packed = layout([np.array([1, 2]), np.array([3])], 4)
    assert {k: v.tolist() for k, v in packed.items()} == {
        "segment_ids": [[1, 2, 2, 0], [1, 1, 1, 0]],
        "position_ids": [[0, 0, 1, 0], [0, 1, 2, 0]],
    }


def test_draws_repeat_at_a_place_and_differ_between_places() -> None:
    places = [(s, e, x) for s in (0, 1, -1, 2**40) for e in (0, 1, 2) for x in (0, 1, 2**64 - 1)]
    places.append((0, EVALUATION_EPOCH, 0))
    drawn = {place: tuple(row_generator(*place).random(4)) for place in places}
    assert len(set(drawn.values())) == len(places)
    assert all(tuple(row_generator(*place).random(4)) == drawn[place] for place in places)


def test_streams_of_neighbours_do_not_overlap() -> None:
    """A counter that starts where the neighbour's soon arrives would repeat its draws."""
    long = set(row_generator(3, 0, 0).integers(0, 2**63, size=50_000).tolist())
    for place in [(0, 1), (1, 0), (1, 1)]:
        assert long.isdisjoint(row_generator(3, *place).integers(0, 2**63, size=1_000).tolist())


def test_a_generator_set_anew_draws_as_one_made_anew() -> None:
    """Also where the row before has left half of a 64-bit number behind."""
    places = [(0, 5), (2, 2**64 - 1), (EVALUATION_EPOCH, 0), (0, 5)]
    for (epoch, example), rng in zip(places, row_generators(-3, places), strict=True):
        counter = np.array([0, 0, epoch, example], dtype=np.uint64)
        key = np.array([2**64 - 3, 0x6D6C6D], dtype=np.uint64)
        fresh = np.random.Generator(np.random.Philox(counter=counter, key=key))
        for draws in (rng, fresh):
            draws.integers(0, 7, size=3, dtype=np.int32)
        assert rng.permutation(9).tolist() == fresh.permutation(9).tolist()
        assert rng.random(3).tolist() == fresh.random(3).tolist()


def test_epochs_are_ordered_differently_and_wholly() -> None:
    orders = [epoch_permutation(seed, epoch, 100).tolist() for seed in (0, 1) for epoch in (0, 1)]
    assert all(sorted(order) == list(range(100)) for order in orders)
    assert len({tuple(order) for order in orders}) == 4
    assert epoch_permutation(1, 1, 100).tolist() == orders[-1]


def test_loss_is_a_sum_divided_once() -> None:
    logits = torch.log(torch.tensor([[0.5, 0.25, 0.25], [0.1, 0.1, 0.8]]))
    loss = token_loss(logits, torch.tensor([1, 2]), 4)
    assert loss.item() == pytest.approx(-(math.log(0.25) + math.log(0.8)) / 4)
    parts = [token_loss(logits[i : i + 1], torch.tensor([i + 1]), 4).item() for i in (0, 1)]
    assert sum(parts) == pytest.approx(loss.item())
    assert token_loss(logits.bfloat16(), torch.tensor([1, 2]), 4).dtype == torch.float32
