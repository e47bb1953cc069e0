"""What a run keeps: the weights of which epoch, their predictions, and vectors that it never read."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
import transformers
from safetensors.torch import load_file
from test_run import config_of, predictions_in
from tiny_problems import opinions

from mlm_pretrain.finetune import FinetuneConfig, finetune


def test_the_last_epoch_alone_is_scored_and_kept(write: Any, bert: str, tmp_path: Path) -> None:
    """The same training, of which nobody asks in between."""
    best = config_of(write, bert, opinions, 40, epochs=3, batch_size=10, test=None)
    last = best.model_copy(update={"keep": "last", "out": str(tmp_path / "last")})
    found = [finetune("sentiment", config) for config in (best, last)]
    assert [epoch["epoch"] for epoch in found[0]["history"]] == [1, 2, 3]
    assert found[1]["history"] == found[0]["history"][-1:]
    assert found[1]["best_epoch"] == 3 and found[1]["steps"] == 12
    kept = found[1]["metrics"]["validation"]
    assert kept["loss"] == pytest.approx(found[0]["history"][-1]["loss"], abs=1e-7)
    with pytest.raises(ValueError, match="patience needs the score of every epoch"):
        FinetuneConfig(**{**last.model_dump(), "patience": 2})


def test_predictions_are_those_of_the_weights_that_are_kept(write: Any, bert: str) -> None:
    """The best epoch's validation scores are not computed again, and still are of what was saved."""
    # So fast that it falls again, and in fp32, as the pipeline computes.
    fast = {"learning_rate": 5e-2, "epochs": 4, "batch_size": 10, "precision": "fp32"}
    config = config_of(write, bert, opinions, 40, **fast)
    result = finetune("sentiment", config)
    assert result["best_epoch"] < 4
    classify = transformers.pipeline("text-classification", model=config.out, device="cpu")
    rows = predictions_in(config, "validation")
    for row, found in zip(rows, classify([row["text"] for row in rows]), strict=True):
        assert found["score"] == pytest.approx(row["probability"], abs=1e-4)
        assert found["label"] == row["prediction"]


def test_tokens_that_training_never_reads_keep_their_vectors(
    write: Any, bert: str, modernbert: str
) -> None:
    for model in (bert, modernbert):
        config = config_of(write, model, opinions, 20, epochs=1)
        finetune("sentiment", config, overwrite=True)
        tables = []
        for folder in (model, config.out):
            weights = load_file(Path(folder) / "model.safetensors")
            tables += [v for n, v in weights.items() if "word" in n or "tok_embeddings" in n]
        tokenizer = transformers.AutoTokenizer.from_pretrained(model)
        texts = [json.loads(line)["text"] for line in Path(config.train).read_text().splitlines()]
        padding = tokenizer.pad_token_id
        read = sorted({padding, *(i for ids in tokenizer(texts)["input_ids"] for i in ids)})
        others = torch.ones(len(tables[0]), dtype=torch.bool).index_fill(
            0, torch.tensor(read), False
        )
        assert others.any() and torch.equal(tables[1][others], tables[0][others])
        assert not torch.equal(tables[1][read], tables[0][read])
