"""Rows of so few tokens that a share of them is none: each still has something to predict."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from transformers import AutoTokenizer

from mlm_pretrain.objectives.masked import MaskedCollator, MaskedConfig
from mlm_pretrain.objectives.vocabulary import read_vocabulary
from mlm_pretrain.packing import PackedDataset, PrepareConfig, prepare


@pytest.mark.fault("nothing-masked")
@pytest.mark.parametrize("unit", ["token", "word", "span", "ngram"])
def test_no_batch_is_without_a_masked_token(
    unit: str, tokenizer_folders: dict[str, Path], tmp_path: Path
) -> None:
    """Of documents of a word each, in rows that hold one, at a ratio of a hundredth."""
    (tmp_path / "words.txt").write_text(
        "".join(f"{word}\n" for word in ["the", "of", "in", "to", "is"] * 9)
    )
    folder = tokenizer_folders["wordpiece"]
    config = PrepareConfig(max_length=8, shortest_segment=4, validation_share=0.0, processes=1)
    prepare([str(tmp_path / "words.txt")], folder, tmp_path / "data", config)
    rows = PackedDataset(tmp_path / "data", "train")
    vocabulary = read_vocabulary(AutoTokenizer.from_pretrained(folder))
    collator = MaskedCollator(vocabulary, MaskedConfig(ratio=0.01, unit=unit), seed=0)
    assert len(rows) > 15
    for epoch in range(10):
        for number in range(len(rows)):
            batch = collator([{**rows[number], "epoch": epoch, "example": number}])
            labels_L = np.array(batch["labels"][0])
            assert (labels_L >= 0).any()
