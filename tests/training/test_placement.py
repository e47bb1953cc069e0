"""How far the run is when a batch is dealt: in the places, the examples, and the masks made of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from torch.utils.data import DataLoader
from transformers import AutoTokenizer

from mlm_pretrain.objectives.masked import MaskedCollator, MaskedConfig
from mlm_pretrain.objectives.vocabulary import read_vocabulary
from mlm_pretrain.training.placement import (
    DealtBatches,
    Place,
    PlacedCollator,
    PlacedDataset,
    shuffled,
)

EPOCHS, SIZE, ROWS = 2, 9, 2  # five rounds an epoch, the last of one row
SHARES = [round(100 * (0.4 - 0.03 * n)) for n in range(10)]  # 100 tokens, of which 40 % … 13 %


def progress(epoch: int, number: int) -> float:
    return (epoch * 5 + number) / (EPOCHS * 5)


def dealt(process: int = 0, processes: int = 1) -> DealtBatches:
    rows = ROWS // processes
    return DealtBatches(shuffled(0, SIZE), SIZE, rows, processes, process, progress=progress)


def test_places_say_how_far_the_run_is() -> None:
    for process in (0, 1):  # the second has no row in the last round of an epoch
        batches = dealt(process, 2)
        for epoch in range(EPOCHS):
            batches.set_epoch(epoch)
            for number, places in enumerate(batches):
                assert {place.progress for place in places} == {progress(epoch, number)}
    assert [place.weightless for place in places] == [True]
    plain = DealtBatches(shuffled(0, SIZE), SIZE, ROWS)
    assert {place.progress for places in plain for place in places} == {0.0}


def test_examples_of_a_run_alone_carry_it() -> None:
    rows = PlacedDataset([{"input_ids": [5]}])
    assert rows[Place(3, 0, progress=0.25)]["progress"] == 0.25
    assert "progress" not in rows[0]


@pytest.mark.parametrize("workers", [0, 2])
def test_it_reaches_the_masks(workers: int, prepared: Path) -> None:
    vocabulary = read_vocabulary(AutoTokenizer.from_pretrained(prepared / "tokenizer"))
    collator = MaskedCollator(vocabulary, MaskedConfig(ratio=0.4, ratio_end=0.1), seed=0)
    batches = dealt()
    loader = DataLoader(
        PlacedDataset([{"input_ids": vocabulary.ordinary_ids[n : n + 100]} for n in range(SIZE)]),
        batch_sampler=batches,
        collate_fn=PlacedCollator(collator, 0, draws_from_places=True),
        num_workers=workers,
    )
    found: list[list[int]] = []
    for epoch in range(EPOCHS):
        batches.set_epoch(epoch)
        found += [(batch["labels"] >= 0).sum(1).tolist() for batch in loader]
    sizes = [2, 2, 2, 2, 1] * EPOCHS
    assert found == [[share] * rows for share, rows in zip(SHARES, sizes, strict=True)]


def test_a_foreign_collator_sees_its_own_columns_alone() -> None:
    seen: list[dict[str, Any]] = []

    def collate(examples: list[dict[str, Any]]) -> dict[str, torch.Tensor]:
        seen.extend(examples)
        return {"labels": torch.zeros(len(examples), 1, dtype=torch.int64)}

    rows = PlacedDataset([{"input_ids": [5]}] * SIZE)
    for places in dealt(1, 2):
        PlacedCollator(collate, 0, draws_from_places=False)(rows.__getitems__(places))
    assert seen == [{"input_ids": [5]}] * 5
