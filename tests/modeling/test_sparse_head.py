"""The sparse head gives the loss and the gradients of the dense one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode
from transformers import CohereConfig, CohereForCausalLM

from mlm_pretrain.evaluation.passes import summed_loss
from mlm_pretrain.modeling import vocabulary_loss
from mlm_pretrain.modeling.attention.choosing import require_packable
from mlm_pretrain.modeling.attention.inputs import packed_inputs
from mlm_pretrain.modeling.sparse_head import HeadPlan, plan_head, predict_only
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


def test_losses_and_gradients_are_those_of_the_dense_head(
    build_model: BuildModel, tokenizer: Any, name: str
) -> None:
    model = build_model(name)
    is_decoder = name.startswith(("gpt2", "llama", "mistral", "qwen2"))
    objective = OBJECTIVES["clm" if is_decoder else "mlm"]
    require_packable(model, "products8")
    batch = batch_for(objective, tokenizer)
    inputs = packed_inputs(model, batch, objective.is_causal)
    positions_P, targets_P = objective.predicted_positions(inputs.labels(batch["labels"]))
    dense_PV = model(**inputs.arguments).logits.flatten(0, 1)[positions_P]
    loss = token_loss(dense_PV, targets_P, 1)
    loss.backward()
    expected = gradients(model)
    found_plan = plan_head(model)
    assert found_plan.is_plain
    assert found_plan.trimming is not None
    for head in (HeadPlan(), found_plan._replace(is_plain=False), found_plan):
        total, count, outputs = summed_loss(model, batch, objective, head=head)
        torch.testing.assert_close(total, loss, atol=0, rtol=1e-5)
        assert count == len(targets_P)
        if not head.is_plain:
            torch.testing.assert_close(outputs.logits[0], dense_PV, atol=1e-5, rtol=1e-5)
        total.backward()
        found = gradients(model)
        assert found.keys() == expected.keys()
        largest = max(gradient.abs().max() for gradient in expected.values())
        assert largest > 1e-3
        for parameter, gradient in expected.items():
            size = gradient.abs().max().clamp(min=1e-3 * largest)
            torch.testing.assert_close(found[parameter] / size, gradient / size, atol=5e-5, rtol=0)


@pytest.mark.parametrize("chunk", [7, 40, 1_000])
@pytest.mark.parametrize("with_bias", [True, False])
def test_chunks_sum_to_the_whole(
    chunk: int, with_bias: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(vocabulary_loss, "_FEWEST_ROWS", chunk)
    monkeypatch.setattr(vocabulary_loss, "_CHUNK_SCORES", 1)
    generator = torch.Generator().manual_seed(0)
    hidden, weight = (torch.randn(n, 16, generator=generator) for n in (100, 50))
    bias = torch.randn(50, generator=generator) if with_bias else None
    targets = torch.randint(50, (100,), generator=generator)
    for weights in (None, torch.rand(100, generator=generator).round(decimals=1)):
        results = []
        for compute in (vocabulary_loss.chunked_cross_entropy, naive):
            leaves = [x.clone().requires_grad_() for x in (hidden, weight, bias) if x is not None]
            loss, nats = compute(*leaves, *([] if with_bias else [None]), targets, weights)
            assert not nats.requires_grad
            results.append([loss, nats, *torch.autograd.grad(loss * 0.37, leaves)])
        for found, expected in zip(*results, strict=True):
            torch.testing.assert_close(found, expected, atol=1e-5, rtol=1e-5)


def test_small_weights_do_not_vanish_in_fp16() -> None:
    """Weights of a step's thousands of tokens, with a loss that is scaled as mixed precision scales it."""
    generator = torch.Generator().manual_seed(0)
    hidden, weight = (torch.randn(n, 16, generator=generator) for n in (100, 5_000))
    targets = torch.randint(5_000, (100,), generator=generator)
    weights = torch.full((100,), 2e-5)
    weights[::3] /= 7
    gradients = []
    for kind in (torch.float16, torch.float32):
        leaves = [hidden.to(kind).requires_grad_(), weight.clone().requires_grad_()]
        loss, _ = vocabulary_loss.chunked_cross_entropy(*leaves, None, targets, weights)
        gradients.append([g.float() for g in torch.autograd.grad(loss * 65_536, leaves)])
    for found, expected in zip(*gradients, strict=True):
        assert (found - expected).norm() < 0.01 * expected.norm()


def naive(hidden: Any, weight: Any, bias: Any, targets: Any, weights: Any) -> Any:
    scores = torch.nn.functional.linear(hidden, weight, bias)
    nats = torch.nn.functional.cross_entropy(scores, targets, reduction="none")
    return (nats if weights is None else nats * weights).sum(), nats.detach()


class LargestTensor(TorchDispatchMode):
    """Names of the operations, and the numbers in the largest tensor that any of them made."""

    def __init__(self) -> None:
        super().__init__()
        self.largest, self.names = 0, list[str]()

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        self.names.append(func.__name__)
        made = func(*args, **(kwargs or {}))
        for tensor in made if isinstance(made, (tuple, list)) else (made,):
            if isinstance(tensor, torch.Tensor):
                self.largest = max(self.largest, tensor.numel())
        return made


def test_the_scores_of_all_tokens_never_exist(
    build_model: BuildModel, tokenizer: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(vocabulary_loss, "_FEWEST_ROWS", 8)
    monkeypatch.setattr(vocabulary_loss, "_CHUNK_SCORES", 1)
    model, objective = build_model("llama"), OBJECTIVES["clm"]
    require_packable(model, "products8")
    examples = [
        {"input_ids": np.arange(5, 45), "segment_lengths": [40], "epoch": 0, "example": number}
        for number in range(16)
    ]
    batch = objective.collator(read_vocabulary(tokenizer), objective.config(), 0)(examples)
    sizes = {}
    for name, head in (("scores", HeadPlan()), ("chunks", plan_head(model))):
        with LargestTensor() as seen:
            total, predicted, _ = summed_loss(model, batch, objective, head=head)
            total.backward()
        sizes[name] = seen.largest
    model.zero_grad()
    weights = model.get_output_embeddings().weight.numel()
    assert predicted == 16 * 39
    assert sizes["scores"] >= predicted * 2_000
    assert sizes["chunks"] == weights < predicted * 2_000 / 4


def test_evaluation_makes_no_gradients() -> None:
    leaves = [torch.ones(9, 4, requires_grad=True), torch.ones(50, 4, requires_grad=True)]
    with LargestTensor() as seen, torch.no_grad():
        vocabulary_loss.chunked_cross_entropy(*leaves, None, torch.zeros(9, dtype=torch.int64))
    products = [name for name in seen.names if "mm" in name]
    assert len(products) == 1


def test_no_prediction_is_no_loss_and_no_gradient() -> None:
    leaves = [torch.ones(0, 4, requires_grad=True), torch.ones(9, 4, requires_grad=True)]
    nothing = torch.zeros(0, dtype=torch.int64)
    loss, _ = vocabulary_loss.chunked_cross_entropy(*leaves, None, nothing)
    assert loss == 0
    assert torch.autograd.grad(loss, leaves[1])[0].abs().max() == 0


def test_scores_that_the_model_changes_afterwards_need_the_scores(tokenizer: Any) -> None:
    """A cap on the scores would be lost if the output layer computed the loss."""
    config = CohereConfig(
        vocab_size=100, hidden_size=64, num_hidden_layers=1, num_attention_heads=2,
        intermediate_size=64, logit_scale=0.5, pad_token_id=0, bos_token_id=1, eos_token_id=2,
    )  # fmt: skip
    assert not plan_head(CohereForCausalLM(config)).is_plain


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
