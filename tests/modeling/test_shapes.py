"""Batches that are filled up so that shapes repeat: the same losses and gradients from fewer shapes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from mlm_pretrain.evaluation.passes import summed_loss
from mlm_pretrain.finetune.batching import Collator, Feature
from mlm_pretrain.modeling import shapes
from mlm_pretrain.modeling.attention import products
from mlm_pretrain.modeling.attention.choosing import require_packable
from mlm_pretrain.modeling.build import new_model
from mlm_pretrain.modeling.sparse_head import HeadPlan, plan_head
from mlm_pretrain.objectives import OBJECTIVES
from mlm_pretrain.objectives.vocabulary import read_vocabulary

OBJECTIVE = OBJECTIVES["mlm"]


def batches_of(tokenizer: Any, count: int) -> list[dict[str, torch.Tensor]]:
    """Rows of 64 of two or three segments, hardly ever of the same number of tokens."""
    collator = OBJECTIVE.collator(read_vocabulary(tokenizer), OBJECTIVE.config(), 0)
    draw = np.random.default_rng(0)
    found = []
    for number in range(count):
        rows = [draw.integers(12, 22, size=2 + row % 2).tolist() for row in range(16)]
        examples = [
            {
                "input_ids": np.arange(5, 5 + sum(lengths)), "segment_lengths": lengths,
                "epoch": 0, "example": 100 * number + row,
            }
            for row, lengths in enumerate(rows)
        ]  # fmt: skip
        found.append(collator(examples))
    return found


def packed_model(tokenizer: Any, arch: str) -> Any:
    model: Any = new_model(f"{arch}:2x64", OBJECTIVE.auto_class, tokenizer, 64, seed=0)
    require_packable(model, "products8")
    return model


def step(
    model: Any, batch: dict[str, torch.Tensor], plan: HeadPlan
) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
    model.zero_grad()
    loss, _, _ = summed_loss(model, batch, OBJECTIVE, head=plan)
    loss.backward()
    named = model.named_parameters()
    return loss.detach(), {n: p.grad.clone() for n, p in named if p.grad is not None}


@pytest.mark.parametrize("arch", ["bert", "modernbert"])
def test_filled_up_batches_give_the_same_loss_and_gradients(
    arch: str, tokenizer: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    model, (batch,) = packed_model(tokenizer, arch), batches_of(tokenizer, 1)
    loss, gradients = step(model, batch, plan_head(model))
    # In fp32, where equal is equal.
    for module in (shapes, products):
        monkeypatch.setattr(module, "compiles_by_shape", lambda *_: True)
    loss_, gradients_ = step(model, batch, plan_head(model, torch.bfloat16))
    torch.testing.assert_close(loss_, loss, rtol=1e-5, atol=0)
    largest = max(float(gradient.abs().max()) for gradient in gradients.values())
    for name, gradient in gradients.items():
        torch.testing.assert_close(gradients_[name], gradient, rtol=1e-3, atol=1e-6 * largest)


class Shapes(TorchDispatchMode):
    """Which products were computed, by what their speed depends on."""

    def __init__(self) -> None:
        super().__init__()
        self.found: set[Any] = set()

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if func.overloadpacket.__name__ in ("mm", "addmm", "bmm", "baddbmm"):
            self.found.add((func, *(x.shape for x in args if isinstance(x, torch.Tensor))))
        return func(*args, **(kwargs or {}))


def test_in_bf16_batches_share_their_shapes(tokenizer: Any) -> None:
    model = packed_model(tokenizer, "modernbert")
    counts = []
    for plan in (plan_head(model), plan_head(model, torch.bfloat16)):
        with Shapes() as seen, torch.autocast("cpu", torch.bfloat16):
            for batch in batches_of(tokenizer, 16):
                step(model, batch, plan)
        counts.append(len(seen.found))
    assert 2 * counts[1] < counts[0]


def test_rows_are_rounded_up_as_far_as_the_model_reads() -> None:
    rows = [
        Feature({"input_ids": np.arange(n), "attention_mask": np.ones(n)}, np.arange(n), 0)
        for n in (3, 9)
    ]
    for multiple, max_length, length in ((1, 64, 9), (8, 64, 16), (8, 12, 12), (8, 9, 9)):
        batch = Collator(0, True, multiple=multiple, max_length=max_length)(rows)
        assert batch["input_ids"].shape == (2, length)
        assert batch["attention_mask"].sum() == 12
        assert (batch["labels"] != -100).sum() == 12
