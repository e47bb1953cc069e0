"""Next-token prediction: exact labels and positions."""

from __future__ import annotations

import torch

from mlm_pretrain.objectives.causal import CausalCollator, CausalConfig, predicted_positions
from mlm_pretrain.objectives.vocabulary import Vocabulary

N = -100


def test_exact_batch(toy: Vocabulary) -> None:
    examples = [
        {
            "input_ids": [2, 5, 6, 3, 2, 7, 8, 3],
            "segment_lengths": [4, 4],
            "segment_final": [False, True],  # the first was cut: its end token ended nothing
        },
        {"input_ids": [9, 10, 11], "segment_lengths": [3], "segment_final": [False]},
    ]
    batch = CausalCollator(toy, CausalConfig(), seed=0)(examples)
    assert {name: tensor.tolist() for name, tensor in batch.items()} == {
        "input_ids": [[2, 5, 6, 3, 2, 7, 8, 3], [9, 10, 11, 0, 0, 0, 0, 0]],
        "labels": [[N, 5, 6, N, N, 7, 8, 3], [N, 10, 11, N, N, N, N, N]],
        "segment_ids": [[1, 1, 1, 1, 2, 2, 2, 2], [1, 1, 1, 0, 0, 0, 0, 0]],
        "position_ids": [[0, 1, 2, 3, 0, 1, 2, 3], [0, 1, 2, 0, 0, 0, 0, 0]],
    }
    positions, targets = predicted_positions(batch["labels"])
    assert positions.tolist() == [0, 1, 4, 5, 6, 8, 9]
    assert targets.tolist() == [5, 6, 7, 8, 3, 10, 11]


def test_rows_that_are_not_packed_are_predicted_to_their_end(toy: Vocabulary) -> None:
    batch = CausalCollator(toy, CausalConfig(), seed=0)(
        [{"input_ids": [2, 5, 3, 0], "attention_mask": [1, 1, 1, 0]}]
    )
    assert batch["labels"].tolist() == [[N, 5, 3, N, N, N, N, N]]
    assert batch["attention_mask"].tolist() == [[1, 1, 1, 0, 0, 0, 0, 0]]


def test_no_row_predicts_the_start_of_the_next() -> None:
    positions, targets = predicted_positions(torch.tensor([[5, 6], [7, 8]]))
    assert positions.tolist() == [0, 2]
    assert targets.tolist() == [6, 8]
