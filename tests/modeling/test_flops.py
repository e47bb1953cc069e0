"""The formulas count what PyTorch counts."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from mlm_pretrain.modeling.build import new_model
from mlm_pretrain.modeling.flops import PassSize, matrix_rate, pairs_flops, pass_flops

TOKENS = 4 * 64


def eager(arch: str, head: str, tokenizer: Any) -> Any:
    """Its products are counted, the fused kernel's are not."""
    model: Any = new_model(arch, head, tokenizer, 64, seed=0)
    model.set_attn_implementation("eager")
    return model


def drawn_ids(rows: int, length: int) -> torch.Tensor:
    return torch.randint(5, 900, (rows, length), generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize(
    ("arch", "head"),
    [
        ("bert:3x64", "AutoModelForMaskedLM"),
        ("modernbert:3x64", "AutoModelForMaskedLM"),
        ("modernbert:3x64", "AutoModelForTokenClassification"),
        ("gpt2:3x64", "AutoModelForCausalLM"),
        ("llama:3x64", "AutoModelForCausalLM"),
    ],
)
def test_the_formula_is_what_a_step_multiplies(arch: str, head: str, tokenizer: Any) -> None:
    model, ids = eager(arch, head, tokenizer), drawn_ids(4, 64)
    with FlopCounterMode(display=False) as counter:
        model(input_ids=ids, attention_mask=torch.ones_like(ids)).logits.sum().backward()
    # Eager attention computes a causal half that is then masked.
    expected = pass_flops(model, PassSize(np.full(4, 64), scored=TOKENS))
    assert counter.get_total_flops() == pytest.approx(expected, rel=0.01)
    half = pass_flops(model, PassSize(np.full(4, 64), "Causal" in head, scored=TOKENS // 4))
    assert half < (0.8 if "LM" in head else 1.0) * expected


def test_a_pass_that_learns_nothing_costs_a_third(tokenizer: Any) -> None:
    model, ids = eager("bert:3x64", "AutoModelForMaskedLM", tokenizer), drawn_ids(4, 64)
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        model.base_model(input_ids=ids, attention_mask=torch.ones_like(ids))
    size = PassSize(np.full(4, 64), learns=False)
    assert counter.get_total_flops() == pytest.approx(pass_flops(model, size), rel=0.01)


def test_segments_that_look_to_the_left_have_half_the_pairs(tokenizer: Any) -> None:
    model = eager("modernbert:3x64", "AutoModelForMaskedLM", tokenizer)
    lengths_N = np.array([64, 10, 30])
    one_by_one = sum(
        pass_flops(model, PassSize(lengths_N[[place]], way))
        for place, way in enumerate((False, True, True))
    )
    mixed = PassSize(lengths_N, np.array([False, True, True]))
    assert pass_flops(model, mixed) == pytest.approx(one_by_one)
    assert one_by_one < pass_flops(model, PassSize(lengths_N))


@pytest.mark.parametrize("family", ["bart", "t5"])
def test_an_encoder_with_a_decoder_is_counted_for_both_sides(family: str, tokenizer: Any) -> None:
    model = eager(f"{family}:3x64", "AutoModelForSeq2SeqLM", tokenizer)
    read, written = drawn_ids(4, 64), drawn_ids(4, 24)
    with FlopCounterMode(display=False) as counter:
        model(input_ids=read, labels=written, use_cache=False).loss.backward()
    expected = pairs_flops(model, np.full(4, 64), np.full(4, 24))
    masked = 2 * 6 * 64 * 3 * 4 * 24**2 / 2  # the half that the decoder does not look at
    assert counter.get_total_flops() == pytest.approx(expected + masked, rel=0.01)
    alone = pairs_flops(model, np.full(4, 64), np.full(4, 24), learns=False)
    assert alone == pytest.approx(expected / 3)


def test_a_matrix_rate_is_some_gigaflops() -> None:
    assert 1e9 < matrix_rate(torch.float32, torch.device("cpu")) < 1e14
