"""Heads look at their neighbour from the first step, in an otherwise ordinary model."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch

from mlm_pretrain.modeling.build import new_model
from mlm_pretrain.modeling.neighbour_attention import (
    DECODER_DISTANCES,
    ENCODER_DISTANCES,
    start_at_neighbours,
)
from mlm_pretrain.modeling.packing_proof import prove_packable

LENGTH = 24


def fresh(arch: str, tokenizer: Any, seed: int = 0) -> Any:
    head = "AutoModelForCausalLM" if arch.startswith(("gpt2", "llama")) else "AutoModelForMaskedLM"
    model = new_model(arch, head, tokenizer, 64, seed).eval()
    with torch.no_grad():  # as large as co-occurrences make them
        model.get_input_embeddings().weight.mul_(6)
    return model


def attention(model: Any, tokenizer: Any) -> list[torch.Tensor]:
    """(heads, L, L) of every layer, on random tokens."""
    generator = torch.Generator().manual_seed(4)
    ids = torch.randint(5, len(tokenizer), (8, LENGTH), generator=generator)
    model.set_attn_implementation("eager")
    with torch.no_grad():
        layers = model(ids, output_attentions=True).attentions
    return [layer.mean(0) for layer in layers]


@pytest.mark.parametrize(
    "arch", ["bert:2x256", "roberta:2x256", "electra:2x256", "distilbert:2x256"]
)
def test_heads_of_an_encoder_look_at_their_neighbour(arch: str, tokenizer: Any) -> None:
    model = fresh(arch, tokenizer)
    assert start_at_neighbours(model, is_causal=False, seed=0) == 2
    for heads in attention(model, tokenizer):
        for head, distance in zip(heads, ENCODER_DISTANCES, strict=False):
            inner = head.diagonal(distance)
            assert inner.mean() > 3 / LENGTH, distance  # three times an even share
            assert inner.mean() > 1.5 * head.diagonal(-distance).mean()


def test_heads_of_a_decoder_look_back(tokenizer: Any) -> None:
    model = fresh("gpt2:2x256", tokenizer)
    assert start_at_neighbours(model, is_causal=True, seed=0) == 2
    for heads in attention(model, tokenizer):
        for head, distance in zip(heads, DECODER_DISTANCES, strict=True):
            assert head[12:].diagonal(distance + 12).mean() > 3 / LENGTH, distance


@pytest.mark.parametrize("arch", ["modernbert:2x64", "llama:2x64"])
def test_models_without_learned_positions_are_left_alone(arch: str, tokenizer: Any) -> None:
    model, same = fresh(arch, tokenizer), fresh(arch, tokenizer)
    assert start_at_neighbours(model, arch.startswith("llama"), seed=0) == 0
    for before, after in zip(same.parameters(), model.parameters(), strict=True):
        assert torch.equal(before, after)


def test_a_model_whose_layers_are_narrower_than_its_positions_is_left_alone(
    tokenizer: Any, tmp_path: Path
) -> None:
    config = {
        "model_type": "mobilebert", "hidden_size": 64, "true_hidden_size": 32, "embedding_size": 32,
        "intra_bottleneck_size": 32, "intermediate_size": 64, "num_hidden_layers": 2,
        "num_attention_heads": 2, "max_position_embeddings": 64,
    }  # fmt: skip
    (tmp_path / "config.json").write_text(json.dumps(config))
    model, same = (fresh(str(tmp_path / "config.json"), tokenizer) for _ in range(2))
    assert start_at_neighbours(model, is_causal=False, seed=0) == 0
    for before, after in zip(same.parameters(), model.parameters(), strict=True):
        assert torch.equal(before, after)


def test_small_models_and_their_packing(tokenizer: Any) -> None:
    model = fresh("bert:2x64", tokenizer)
    assert start_at_neighbours(model, is_causal=False, seed=0) == 2
    prove_packable(model, range(5, 60), is_causal=False)


def test_the_seed_decides_and_the_generator_is_left_alone(tokenizer: Any) -> None:
    tables = []
    torch.manual_seed(2)
    expected = torch.rand(2)
    torch.manual_seed(2)
    for seed in (0, 0, 1):
        model = fresh("bert:2x64", tokenizer)
        start_at_neighbours(model, is_causal=False, seed=seed)
        tables.append(model.bert.embeddings.position_embeddings.weight)
    assert torch.equal(torch.rand(2), expected)
    assert torch.equal(tables[0], tables[1])
    assert not torch.equal(tables[0], tables[2])
