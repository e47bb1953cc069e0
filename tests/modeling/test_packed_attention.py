"""A packed row gives what each of its segments gives alone."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

from mlm_pretrain.errors import InputError
from mlm_pretrain.modeling.build import new_model
from mlm_pretrain.modeling.packed_attention import block_mask, packed_inputs, require_packable
from mlm_pretrain.objectives.rows import layout

ROWS = [[20, 7, 30], [40, 5]]  # lengths of the segments; the second row ends in padding
LENGTH = 64
BuildModel = Callable[[str], Any]
DECODERS = ("gpt2", "llama", "mistral-windows", "qwen2-windows")


def batch_of(ids_BL: torch.Tensor) -> dict[str, torch.Tensor]:
    arrays = layout([np.array(row) for row in ROWS], LENGTH)
    return {"input_ids": ids_BL, **{k: torch.from_numpy(v) for k, v in arrays.items()}}


def random_ids() -> torch.Tensor:
    ids_BL = torch.randint(5, 2_000, (2, LENGTH), generator=torch.Generator().manual_seed(1))
    for ids_L, lengths in zip(ids_BL, ROWS, strict=True):
        ids_L[sum(lengths) :] = 0
    return ids_BL


def segments() -> list[tuple[int, slice]]:
    """(row, positions) of every segment."""
    found = []
    for row, lengths in enumerate(ROWS):
        ends = np.cumsum(lengths).tolist()
        found += [(row, slice(e - n, e)) for e, n in zip(ends, lengths, strict=True)]
    return found


@torch.no_grad()
def packed_logits(model: Any, name: str, batch: dict[str, torch.Tensor]) -> torch.Tensor:
    return model(**packed_inputs(model, batch, name in DECODERS)).logits


@torch.no_grad()
def test_packed_logits_equal_each_segment_alone(build_model: BuildModel, name: str) -> None:
    model, ids_BL = build_model(name), random_ids()
    batch = batch_of(ids_BL)
    logits = packed_logits(model, name, batch)
    # The same rows taken as one segment each: what this test is there to tell apart.
    joined = {**batch, "segment_ids": (batch["segment_ids"] > 0).long()}
    leaking = packed_logits(model, name, joined)
    for row, place in segments():
        ids_1T = ids_BL[row : row + 1, place]
        alone = model(input_ids=ids_1T, attention_mask=torch.ones_like(ids_1T)).logits[0]
        torch.testing.assert_close(logits[row, place], alone, atol=1e-5, rtol=0)
        if place.start > 0 or name not in DECODERS:
            assert (leaking[row, place] - alone).abs().max() > 1e-2
    assert torch.isfinite(logits).all()  # the padding's too


def test_segments_do_not_see_each_other(build_model: BuildModel, name: str) -> None:
    model, ids_BL = build_model(name), random_ids()
    before = packed_logits(model, name, batch_of(ids_BL))
    for row, place in segments():
        changed_BL = ids_BL.clone()
        middle = (place.start + place.stop) // 2
        changed_BL[row, middle] = (changed_BL[row, middle] - 4) % 1_990 + 5
        moved = (packed_logits(model, name, batch_of(changed_BL)) - before).abs().amax(-1)
        inside = torch.zeros(2, LENGTH, dtype=torch.bool)
        inside[row, place] = True
        assert moved[~inside].max() <= 1e-6
        assert moved[row, middle] > 1e-3
        assert moved[row, place.stop - 1 if middle + 1 == place.stop else middle + 1] > 1e-5
        if name in DECODERS:
            assert moved[row, place.start : middle].max() <= 1e-6
        else:
            assert moved[row, middle - 1] > 1e-5


def test_exact_block_masks() -> None:
    segment_ids = torch.tensor([[1, 1, 1, 2, 0]])
    full = [[1, 1, 1, 0, 0], [1, 1, 1, 0, 0], [1, 1, 1, 0, 0], [0, 0, 0, 1, 0], [0, 0, 0, 0, 1]]
    causal = [[1, 0, 0, 0, 0], [1, 1, 0, 0, 0], [1, 1, 1, 0, 0], [0, 0, 0, 1, 0], [0, 0, 0, 0, 1]]
    near = [[1, 1, 0, 0, 0], [1, 1, 1, 0, 0], [0, 1, 1, 0, 0], [0, 0, 0, 1, 0], [0, 0, 0, 0, 1]]
    causal_near = [[*row[:2], row[2], *row[3:]] for row in causal]
    causal_near[2] = [0, 1, 1, 0, 0]
    for is_causal, window, expected in [
        (False, None, full), (True, None, causal), (False, 1, near), (True, 2, causal_near),
    ]:  # fmt: skip
        mask = block_mask(segment_ids, is_causal, window)
        assert mask.dtype == torch.bool
        assert mask[0, 0].int().tolist() == expected


def test_unpacked_batches_pass_unchanged(build_model: BuildModel) -> None:
    batch = {"input_ids": torch.ones(1, 8), "attention_mask": torch.ones(1, 8)}
    assert packed_inputs(build_model("bert"), batch, False) == batch


def test_eager_attention_is_switched(build_model: BuildModel, capsys: Any) -> None:
    model, ids_BL = build_model("bert"), random_ids()
    expected = packed_logits(model, "bert", batch_of(ids_BL))
    model.set_attn_implementation("eager")
    require_packable(model)
    assert model.config._attn_implementation == "sdpa"
    assert torch.equal(packed_logits(model, "bert", batch_of(ids_BL)), expected)
    assert "'eager'" in capsys.readouterr().err


def test_models_that_cannot_separate_segments_are_refused(tokenizer: Any) -> None:
    from transformers import AutoModelForMaskedLM, DebertaV2Config

    sizes = {"hidden_size": 64, "num_hidden_layers": 1, "num_attention_heads": 1}
    model = AutoModelForMaskedLM.from_config(
        DebertaV2Config(vocab_size=100, intermediate_size=64, **sizes)
    )
    with pytest.raises(InputError, match="packed rows need 'sdpa' attention, which DebertaV2"):
        require_packable(model)
    llama = new_model("llama:2x64", "AutoModelForCausalLM", tokenizer, 64, seed=0)
    llama.config.layer_types = ["full_attention", "linear_attention"]
    with pytest.raises(InputError, match="layers of 'linear_attention'"):
        require_packable(llama)
