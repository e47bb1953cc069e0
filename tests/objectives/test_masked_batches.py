"""Batches: exact tensors, and masks that depend on (seed, epoch, example) alone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from torch.utils.data import DataLoader

from mlm_pretrain.objectives.masked import MaskedCollator, MaskedConfig, predicted_positions
from mlm_pretrain.objectives.vocabulary import Vocabulary, read_vocabulary
from mlm_pretrain.packing import PackedDataset

ALL_MASKED = MaskedConfig(ratio=0.99, mask_share=1.0, random_share=0.0)  # of fewer than 50 tokens
N = -100


def test_exact_batch_of_packed_rows(toy: Vocabulary) -> None:
    examples = [
        {"input_ids": [2, 5, 35, 3], "epoch": 0, "example": 0},
        {"input_ids": [2, 6, 3, 2, 7, 8, 3], "segment_lengths": [3, 4], "epoch": 0, "example": 1},
    ]
    batch = MaskedCollator(toy, ALL_MASKED, seed=0)(examples)
    assert {name: tensor.tolist() for name, tensor in batch.items()} == {
        "input_ids": [[2, 4, 4, 3, 0, 0, 0, 0], [2, 4, 3, 2, 4, 4, 3, 0]],
        "labels": [[N, 5, 35, N, N, N, N, N], [N, 6, N, N, 7, 8, N, N]],
        "segment_ids": [[1, 1, 1, 1, 0, 0, 0, 0], [1, 1, 1, 2, 2, 2, 2, 0]],
        "position_ids": [[0, 1, 2, 3, 0, 0, 0, 0], [0, 1, 2, 0, 1, 2, 3, 0]],
    }
    assert {tensor.dtype for tensor in batch.values()} == {torch.int64}
    positions, targets = predicted_positions(batch["labels"])
    assert positions.tolist() == [1, 2, 9, 12, 13]
    assert targets.tolist() == [5, 35, 6, 7, 8]


def test_exact_batch_of_unpacked_rows(toy: Vocabulary) -> None:
    padded = {"input_ids": [2, 6, 3, 0, 0], "attention_mask": [1, 1, 1, 0, 0]}
    batch = MaskedCollator(toy, ALL_MASKED, seed=0)([{"input_ids": [2, *range(5, 12), 3]}, padded])
    assert {name: tensor.tolist() for name, tensor in batch.items()} == {
        "input_ids": [[2, *[4] * 7, 3, *[0] * 7], [2, 4, 3, *[0] * 13]],
        "labels": [[N, *range(5, 12), N, *[N] * 7], [N, 6, N, *[N] * 13]],
        "attention_mask": [[1] * 9 + [0] * 7, [1] * 3 + [0] * 13],
    }


@pytest.fixture(scope="module")
def collator(tokenizers: dict[str, Any]) -> MaskedCollator:
    return MaskedCollator(read_vocabulary(tokenizers["wordpiece"]), MaskedConfig(), seed=5)


@pytest.fixture(scope="module")
def examples(prepared: Path) -> list[dict[str, Any]]:
    dataset = PackedDataset(prepared, "train")
    return [{**dataset[i], "epoch": 3, "example": i} for i in range(24)]


def rows_of(batch: dict[str, torch.Tensor], examples: list[Any]) -> list[tuple[Any, Any]]:
    """(ids seen, labels) of every row, without padding."""
    lengths = [len(example["input_ids"]) for example in examples]
    columns = zip(batch["input_ids"], batch["labels"], lengths, strict=True)
    return [(ids[:n].tolist(), labels[:n].tolist()) for ids, labels, n in columns]


def test_a_row_gets_one_mask_in_any_batch_and_order(
    collator: MaskedCollator, examples: list[Any]
) -> None:
    together = rows_of(collator(examples), examples)
    backwards = rows_of(collator(examples[::-1]), examples[::-1])[::-1]
    alone = [rows_of(collator([example]), [example])[0] for example in examples]
    assert together == backwards == alone


@pytest.mark.parametrize("change", ["epoch", "example", "seed"])
def test_another_epoch_place_or_seed_gives_another_mask(
    collator: MaskedCollator, examples: list[Any], change: str
) -> None:
    if change == "seed":
        other, moved = MaskedCollator(collator.vocabulary, collator.config, seed=6), examples
    else:
        other, moved = collator, [{**e, change: e[change] + 100} for e in examples]
    before = rows_of(collator(examples), examples)
    after = rows_of(other(moved), moved)
    same = sum(a[1] == b[1] for a, b in zip(before, after, strict=True))
    assert same == 0


def test_worker_processes_make_the_same_batches(
    collator: MaskedCollator, examples: list[Any]
) -> None:
    here = DataLoader(examples, batch_size=5, collate_fn=collator)
    there = DataLoader(examples, batch_size=5, collate_fn=collator, num_workers=2)
    for ours, theirs in zip(here, there, strict=True):
        assert ours.keys() == theirs.keys()
        assert all(torch.equal(ours[name], theirs[name]) for name in ours)


def test_without_a_place_the_content_decides(collator: MaskedCollator, examples: list[Any]) -> None:
    plain = [{k: v for k, v in e.items() if k not in ("epoch", "example")} for e in examples]
    together = rows_of(collator(plain), plain)
    alone = [rows_of(collator([example]), [example])[0] for example in plain]
    assert together == alone
    pattern = {tuple(label != N for label in labels[:16]) for _, labels in together}
    assert len(pattern) > len(plain) / 2  # rows that differ are masked at different places


def test_labels_hold_the_right_ids_where_predicted(
    collator: MaskedCollator, examples: list[Any]
) -> None:
    special = collator.vocabulary.special_V
    for (seen, labels), example in zip(
        rows_of(collator(examples), examples), examples, strict=True
    ):
        ids = example["input_ids"].tolist()
        ordinary = sum(not special[i] for i in ids)
        assert sum(label != N for label in labels) == max(1, round(0.3 * ordinary))
        for given, shown, label in zip(ids, seen, labels, strict=True):
            assert label in (N, given)
            assert shown == given or label == given
