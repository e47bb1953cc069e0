"""The formula counts what PyTorch counts."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from mlm_pretrain.modeling.build import new_model
from mlm_pretrain.modeling.flops import matrix_rate, training_flops


@pytest.mark.parametrize(
    ("arch", "head"),
    [
        ("bert:3x64", "AutoModelForMaskedLM"),
        ("modernbert:3x64", "AutoModelForMaskedLM"),
        ("gpt2:3x64", "AutoModelForCausalLM"),
        ("llama:3x64", "AutoModelForCausalLM"),
    ],
)
def test_the_formula_is_what_a_step_multiplies(arch: str, head: str, tokenizer: Any) -> None:
    model: Any = new_model(arch, head, tokenizer, 64, seed=0)
    model.set_attn_implementation("eager")  # its products are counted, the fused kernel's are not
    ids = torch.randint(5, 2_000, (4, 64), generator=torch.Generator().manual_seed(0))
    with FlopCounterMode(display=False) as counter:
        model(input_ids=ids, attention_mask=torch.ones_like(ids)).logits.sum().backward()
    # Eager attention computes a causal half that is then masked.
    expected = training_flops(model, np.full(4, 64), 4 * 64, is_causal=False)
    assert counter.get_total_flops() == pytest.approx(expected, rel=0.01)
    half = training_flops(model, np.full(4, 64), 64, is_causal="Causal" in head)
    assert half < 0.8 * expected


def test_a_matrix_rate_is_some_gigaflops() -> None:
    assert 1e9 < matrix_rate(torch.float32, torch.device("cpu")) < 1e14
