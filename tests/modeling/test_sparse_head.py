"""The sparse head gives the scores and the gradients of the dense one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch

from mlm_pretrain.modeling.packed_attention import packed_inputs
from mlm_pretrain.modeling.sparse_head import predict_only
from mlm_pretrain.objectives import OBJECTIVES
from mlm_pretrain.objectives.token_loss import token_loss
from mlm_pretrain.objectives.vocabulary import read_vocabulary

BuildModel = Callable[[str], Any]
LENGTHS = [[12, 20], [40], [5, 3, 9]]


def batch_for(objective: Any, tokenizer: Any) -> dict[str, torch.Tensor]:
    generator = torch.Generator().manual_seed(2)
    examples = [
        {
            "input_ids": torch.randint(5, 2_000, (sum(row),), generator=generator).numpy(),
            "segment_lengths": row, "epoch": 0, "example": place,
        }
        for place, row in enumerate(LENGTHS)
    ]  # fmt: skip
    collator = objective.collator(read_vocabulary(tokenizer), objective.config(), 0)
    return collator(examples)


def gradients(model: Any) -> dict[str, torch.Tensor]:
    found = {name: p.grad.clone() for name, p in model.named_parameters() if p.grad is not None}
    model.zero_grad()
    return found


def test_scores_and_gradients_are_those_of_the_dense_head(
    build_model: BuildModel, tokenizer: Any, name: str
) -> None:
    model = build_model(name)
    is_decoder = name.startswith(("gpt2", "llama", "mistral", "qwen2"))
    objective = OBJECTIVES["clm" if is_decoder else "mlm"]
    batch = batch_for(objective, tokenizer)
    positions_P, targets_P = objective.predicted_positions(batch.pop("labels"))
    inputs = packed_inputs(model, batch, objective.is_causal)
    dense_PV = model(**inputs).logits.flatten(0, 1)[positions_P]
    token_loss(dense_PV, targets_P, len(targets_P)).backward()
    expected = gradients(model)
    with predict_only(model, positions_P):
        sparse_1PV = model(**inputs).logits
    assert sparse_1PV.shape == (1, len(positions_P), 2_000)
    torch.testing.assert_close(sparse_1PV[0], dense_PV, atol=1e-5, rtol=1e-5)
    token_loss(sparse_1PV[0], targets_P, len(targets_P)).backward()
    found = gradients(model)
    assert found.keys() == expected.keys()
    for parameter, gradient in expected.items():
        torch.testing.assert_close(found[parameter], gradient, atol=1e-6, rtol=1e-4)
    assert max(gradient.abs().max() for gradient in expected.values()) > 1e-3


def test_the_model_is_dense_again_afterwards(build_model: BuildModel) -> None:
    model, ids_BL = build_model("bert"), torch.arange(5, 21).view(2, 8)
    with pytest.raises(RuntimeError, match="in between"), predict_only(model, torch.tensor([3])):
        assert model(input_ids=ids_BL).logits.shape == (1, 1, 2_000)
        raise RuntimeError("in between")
    assert model(input_ids=ids_BL).logits.shape == (2, 8, 2_000)


def test_models_that_return_tuples_are_served_too(build_model: BuildModel) -> None:
    base, ids_BL = build_model("bert").base_model, torch.arange(5, 21).view(2, 8)
    hidden_BLH = base(input_ids=ids_BL).last_hidden_state
    with predict_only(build_model("bert"), torch.tensor([9, 3])):
        outputs = base(input_ids=ids_BL, return_dict=False)
    assert isinstance(outputs, tuple)
    assert torch.equal(outputs[0][0], hidden_BLH.flatten(0, 1)[[9, 3]])
