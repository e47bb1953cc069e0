"""A fresh model starts from the rows it will train on."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from transformers import AutoTokenizer, DebertaV2Config, DebertaV2ForMaskedLM

from mlm_pretrain.modeling.build import new_model
from mlm_pretrain.packing import PackedDataset
from mlm_pretrain.training.continued_start import start_frequencies
from mlm_pretrain.training.informed_start import (
    SCORE_SPREAD,
    informed_start,
    start_embeddings,
)
from mlm_pretrain.training.pretrain import PretrainConfig, pretrain


@pytest.fixture(scope="module")
def tokenizer(prepared: Path) -> Any:
    return AutoTokenizer.from_pretrained(prepared / "tokenizer")


def test_blocks_hold_every_token_and_its_segment(prepared: Path) -> None:
    rows = PackedDataset(prepared, "train")
    ids, segments = zip(*rows.blocks(rows.tokens, rows.tokens), strict=True)
    np.testing.assert_array_equal(ids[0], np.concatenate([row["input_ids"] for row in rows]))
    lengths = np.concatenate([row["segment_lengths"] for row in rows])
    np.testing.assert_array_equal(np.bincount(segments[0]), lengths)
    size = rows.tokens // 8
    several = list(rows.blocks(4 * size, size))
    assert len(several) == 4
    assert sum(len(block) for block, _ in several) == pytest.approx(4 * size, rel=0.1)
    # No block of a size that does not divide the total is counted twice.
    uneven = list(rows.blocks(rows.tokens, rows.tokens * 2 // 3))
    assert sum(len(block) for block, _ in uneven) == pytest.approx(rows.tokens, rel=0.01)


@pytest.mark.parametrize("arch", ["modernbert:2x64", "bert:2x64", "distilbert:2x64"])
def test_known_tokens_get_rows_and_special_ones_keep_theirs(
    prepared: Path, tokenizer: Any, arch: str
) -> None:
    model = new_model(arch, "AutoModelForMaskedLM", tokenizer, 64, seed=0)
    weight = model.get_input_embeddings().weight
    before = weight.detach().clone()
    start_embeddings(model, PackedDataset(prepared, "train"), tokenizer, seed=0)
    changed = (weight != before).any(1)
    assert changed.sum() > 100
    assert not changed[tokenizer.all_special_ids].any()
    assert weight[changed].std().item() == pytest.approx(SCORE_SPREAD / 8, rel=1e-3)
    assert model.get_output_embeddings().weight is weight


def test_an_output_layer_of_its_own_gets_the_same_rows(prepared: Path, tokenizer: Any) -> None:
    model = new_model("llama:2x64", "AutoModelForCausalLM", tokenizer, 64, seed=0)
    head = torch.nn.Linear(64, len(tokenizer), bias=False)
    model.set_output_embeddings(head)
    before = model.get_input_embeddings().weight.detach().clone()
    start_embeddings(model, PackedDataset(prepared, "train"), tokenizer, seed=0)
    weight = model.get_input_embeddings().weight
    changed = (weight != before).any(1)
    assert torch.equal(head.weight[changed], weight[changed])


def test_a_run_uses_them_unless_told_otherwise(
    prepared: Path, tokenizer: Any, tmp_path: Path
) -> None:
    """One step at a rate of nearly nothing leaves the start visible in the saved model."""
    fresh = new_model("bert:2x64", "AutoModelForMaskedLM", tokenizer, 64, seed=5)
    plain = fresh.get_input_embeddings().weight.detach().clone()
    rows = PackedDataset(prepared, "train")
    assert informed_start(fresh, rows, tokenizer, is_causal=False, seed=5) > 0
    positions = fresh.bert.embeddings.position_embeddings.weight
    assert positions.std() > 3 * 0.02  # waves, no longer noise of 0.02
    for choice, expected in (
        ("random", plain),
        ("informed", fresh.get_input_embeddings().weight),
    ):
        config = PretrainConfig(
            data=str(prepared), out=str(tmp_path / choice), arch="bert:2x64", steps=1, seed=5,
            learning_rate=1e-9, batch_size=8, precision="fp32", start=choice,
        )  # fmt: skip
        pretrain(config)
        saved = type(fresh).from_pretrained(tmp_path / choice / "model")
        torch.testing.assert_close(saved.get_input_embeddings().weight, expected, rtol=0, atol=1e-6)


def test_the_frequencies_stand_where_a_head_has_a_number_for_each_token(
    prepared: Path, tokenizer: Any
) -> None:
    """Which is not always the bias of what the library calls the output layer."""
    sizes = {"hidden_size": 64, "num_hidden_layers": 1, "num_attention_heads": 1}
    model: Any = DebertaV2ForMaskedLM(
        DebertaV2Config(vocab_size=len(tokenizer), intermediate_size=64, legacy=False, **sizes)
    )
    head, rows = model.lm_predictions.lm_head, PackedDataset(prepared, "train")
    assert start_frequencies(model, rows, []) == 0 and not head.bias.any()
    model.lacked = tuple(name for name, _ in model.named_parameters() if "deberta." not in name)
    assert start_frequencies(model, rows, tokenizer.all_special_ids) == 1
    ids = np.concatenate([row["input_ids"] for row in rows])
    counts = torch.bincount(torch.from_numpy(ids.astype(np.int64)), minlength=len(tokenizer))
    end, bias = tokenizer.sep_token_id, head.bias.detach().clone()
    often = counts.argsort(descending=True)
    often = often[~torch.isin(often, torch.tensor(tokenizer.all_special_ids))]
    assert bias.argmax() == often[0] and bias[end] == bias.min()
    start_frequencies(model, rows, [])  # as where text is continued, to its end
    moved = head.bias[end] - bias[end] - (head.bias[often[0]] - bias[often[0]])
    assert moved.item() == pytest.approx(np.log(1 + counts[end].item()), rel=1e-4)
