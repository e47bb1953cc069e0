"""A packed row gives what each of its segments gives alone."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from transformers import BertConfig

from mlm_pretrain.errors import InputError
from mlm_pretrain.modeling.attention.choosing import method_of, require_packable
from mlm_pretrain.modeling.attention.inputs import packed_inputs
from mlm_pretrain.modeling.attention.masks import block_mask
from mlm_pretrain.modeling.attention.speed import PREFERRED, method_for
from mlm_pretrain.modeling.build import new_model
from mlm_pretrain.objectives.rows import layout

ROWS = [[20, 7, 30], [40, 5]]  # lengths of the segments; the second row ends in padding
LENGTH = 64
LONGEST_SEGMENT = 40  # as the models have positions
METHODS = ("products8", "products32", "fused", "masks")
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


def packed_logits(
    model: Any, name: str, method: str, batch: dict[str, torch.Tensor]
) -> torch.Tensor:
    """Scores (B, L, V), zero in the padding where tokens lie in a line."""
    require_packable(model, method)
    assert method_of(model) == method
    inputs = packed_inputs(model, batch, name in DECODERS)
    return inputs.in_rows(model(**inputs.arguments).logits, batch["input_ids"].shape)


def alone(model: Any, ids_T: torch.Tensor) -> torch.Tensor:
    """Scores (T, V) of one segment, as anyone would ask for them."""
    model.set_attn_implementation("sdpa")
    return model(input_ids=ids_T[None], attention_mask=torch.ones_like(ids_T[None])).logits[0]


@pytest.mark.parametrize("method", METHODS)
@torch.no_grad()
def test_packed_logits_equal_each_segment_alone(
    build_model: BuildModel, name: str, method: str
) -> None:
    model, ids_BL = build_model(name), random_ids()
    batch = batch_of(ids_BL)
    logits = packed_logits(model, name, method, batch)
    # The same rows taken as one segment each: what this test is there to tell apart.
    joined = {**batch, "segment_ids": (batch["segment_ids"] > 0).long()}
    joined["position_ids"] = torch.arange(LENGTH).clamp(max=LONGEST_SEGMENT - 1).expand(2, -1)
    leaking = packed_logits(model, name, method, joined)
    for row, place in segments():
        expected = alone(model, ids_BL[row, place])
        torch.testing.assert_close(logits[row, place], expected, atol=1e-5, rtol=0)
        if place.start > 0 or name not in DECODERS:
            assert (leaking[row, place] - expected).abs().max() > 1e-2
    assert torch.isfinite(logits).all()  # the padding's too


@pytest.mark.parametrize("method", METHODS)
def test_packed_gradients_equal_those_of_each_segment_alone(
    build_model: BuildModel, name: str, method: str
) -> None:
    model, ids_BL = build_model(name), random_ids()
    generator = torch.Generator().manual_seed(3)
    weights_BLV = torch.randn(2, LENGTH, 2_000, generator=generator)
    batch = batch_of(ids_BL)
    inside_BL1 = (batch["segment_ids"] > 0)[..., None]
    logits = packed_logits(model, name, method, batch)
    (logits * weights_BLV * inside_BL1).sum().backward()
    found = gradients(model)
    for row, place in segments():
        (alone(model, ids_BL[row, place]) * weights_BLV[row, place]).sum().backward()
    expected = gradients(model)
    assert found.keys() == expected.keys()
    largest = max(gradient.abs().max() for gradient in expected.values())
    for parameter, gradient in expected.items():
        size = (
            gradient.abs().max().clamp(min=1e-3 * largest)
        )  # a key's bias has none, but for rounding
        torch.testing.assert_close(found[parameter] / size, gradient / size, atol=1e-4, rtol=0)


def gradients(model: Any) -> dict[str, torch.Tensor]:
    found = {name: p.grad.clone() for name, p in model.named_parameters() if p.grad is not None}
    model.zero_grad()
    return found


@pytest.mark.parametrize("method", ["products8", "masks"])
@torch.no_grad()
def test_segments_do_not_see_each_other(build_model: BuildModel, name: str, method: str) -> None:
    model, ids_BL = build_model(name), random_ids()
    before = packed_logits(model, name, method, batch_of(ids_BL))
    for row, place in segments():
        changed_BL = ids_BL.clone()
        middle = (place.start + place.stop) // 2
        changed_BL[row, middle] = (changed_BL[row, middle] - 4) % 1_990 + 5
        moved = packed_logits(model, name, method, batch_of(changed_BL)) - before
        moved = moved.abs().amax(-1)
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


@pytest.mark.parametrize("is_packed", [True, False])
@pytest.mark.parametrize("method", ["products8", "masks"])
def test_vectors_may_be_read_in_place_of_ids(
    build_model: BuildModel, name: str, method: str, is_packed: bool
) -> None:
    model, batch = build_model(name), batch_of(random_ids())
    if not is_packed:
        short = batch["input_ids"][:, :LONGEST_SEGMENT]
        batch = {"input_ids": short, "attention_mask": torch.ones_like(short)}
    vectors = model.get_input_embeddings()(batch["input_ids"])
    with torch.no_grad():
        expected = packed_logits(model, name, method, batch)
        others = torch.zeros_like(batch["input_ids"])
        given = {**batch, "input_ids": others, "inputs_embeds": vectors}
        assert torch.allclose(packed_logits(model, name, method, given), expected, atol=1e-6)


def test_unpacked_batches_pass_unchanged_where_there_are_masks(build_model: BuildModel) -> None:
    batch = {"input_ids": torch.ones(1, 8), "attention_mask": torch.ones(1, 8)}
    require_packable(build_model("bert"), "masks")
    assert packed_inputs(build_model("bert"), batch, False).arguments == batch


@torch.no_grad()
def test_padded_rows_are_lined_up_too(build_model: BuildModel, name: str) -> None:
    model, ids_BL = build_model(name), random_ids()[:, :LONGEST_SEGMENT]
    mask_BL = torch.ones_like(ids_BL)
    mask_BL[1, 25:] = 0
    batch = {"input_ids": ids_BL, "attention_mask": mask_BL}
    require_packable(model, "products8")
    inputs = packed_inputs(model, batch, name in DECODERS)
    assert inputs.arguments["input_ids"].shape == (1, LONGEST_SEGMENT + 25)
    expected_T = torch.cat([ids_BL[0], ids_BL[1, :25]])
    if name in DECODERS:  # nothing of a row's own stands before its first token
        expected_T[[0, LONGEST_SEGMENT]] = -100
    assert torch.equal(inputs.labels(ids_BL)[0], expected_T)
    logits = inputs.in_rows(model(**inputs.arguments).logits, ids_BL.shape)
    expected = alone(model, ids_BL[1, :25])
    torch.testing.assert_close(logits[1, :25], expected, atol=1e-5, rtol=0)


@torch.no_grad()
def test_a_packed_model_stays_usable_without_packing(build_model: BuildModel, name: str) -> None:
    model, ids_BL = build_model(name), random_ids()[:, :LONGEST_SEGMENT]
    mask_BL = torch.ones_like(ids_BL)
    mask_BL[1, 25:] = 0
    expected = alone(model, ids_BL[1, :25])
    require_packable(model, "products8")
    logits = model(input_ids=ids_BL, attention_mask=mask_BL).logits
    torch.testing.assert_close(logits[1, :25], expected, atol=1e-5, rtol=0)


def test_attention_that_ignores_masks_is_switched(build_model: BuildModel, capsys: Any) -> None:
    model = build_model("bert")
    model.set_attn_implementation("eager")
    require_packable(model, "masks")
    assert model.config._attn_implementation == "sdpa"
    assert "'eager'" in capsys.readouterr().err


def test_methods_agree_in_bf16(build_model: BuildModel) -> None:
    """Within what bf16 itself loses against fp32."""
    model, batch = build_model("modernbert-windows"), batch_of(random_ids())
    with torch.no_grad():
        exact = packed_logits(model, "modernbert-windows", "masks", batch)
        with torch.autocast("cpu", dtype=torch.bfloat16):
            found = {m: packed_logits(model, "modernbert-windows", m, batch) for m in METHODS}
    inside = batch["segment_ids"] > 0
    lost = {m: (exact - x.float())[inside].norm() / exact[inside].norm() for m, x in found.items()}
    assert 0 < lost["masks"] < 0.05
    assert max(lost.values()) < 1.5 * lost["masks"]


def test_the_measured_choice_is_one_of_the_methods(capsys: Any) -> None:
    config = BertConfig(hidden_size=128, num_attention_heads=2, attention_probs_dropout_prob=0.0)
    chosen = method_for(config, np.full(200, 20), torch.float32)
    assert chosen in METHODS
    assert f"attention: {chosen} (products8 " in capsys.readouterr().err
    dropping = BertConfig(hidden_size=128, num_attention_heads=2)
    before = torch.get_rng_state()
    assert method_for(dropping, np.full(200, 20), torch.float32).startswith("products")
    assert "fused" not in capsys.readouterr().err  # which does not drop
    assert torch.equal(torch.get_rng_state(), before)
    few = method_for(config, np.array([20]), torch.float32)
    assert (few, capsys.readouterr().err) == (PREFERRED, "")


def test_models_that_cannot_separate_segments_are_refused(tokenizer: Any) -> None:
    llama = new_model("llama:2x64", "AutoModelForCausalLM", tokenizer, 64, seed=0)
    llama.config.layer_types = ["full_attention", "linear_attention"]
    with pytest.raises(InputError, match="layers of 'linear_attention'"):
        require_packable(llama)
