"""Compiled layers compute what plain ones do."""

from __future__ import annotations

import shutil
from typing import Any

import pytest
import torch

from mlm_pretrain.evaluation.passes import summed_loss
from mlm_pretrain.modeling.attention.choosing import require_packable
from mlm_pretrain.modeling.build import new_model
from mlm_pretrain.modeling.compilation import compile_layers
from mlm_pretrain.modeling.sparse_head import plan_head
from mlm_pretrain.objectives import OBJECTIVES
from mlm_pretrain.objectives.vocabulary import read_vocabulary


@pytest.mark.skipif(shutil.which("g++") is None, reason="compiling needs a C++ compiler")
def test_compiled_equals_eager(tokenizer: Any) -> None:
    objective = OBJECTIVES["mlm"]
    collator = objective.collator(read_vocabulary(tokenizer), objective.config(), 0)
    results = []
    for is_compiled in (False, True):
        model: Any = new_model("modernbert:2x64", objective.auto_class, tokenizer, 64, seed=0)
        require_packable(model, "products8")
        names = list(model.state_dict())
        if is_compiled:
            assert compile_layers(model) == 2
        assert list(model.state_dict()) == names
        batches = [[20, 9], [24]], [[33], [10, 5]], [[20], [24]]
        results.append([_step(model, _batch(collator, rows)) for rows in batches])
    for (loss, gradient), (loss_, gradient_) in zip(*results, strict=True):
        torch.testing.assert_close(loss, loss_, rtol=1e-5, atol=0)
        torch.testing.assert_close(gradient, gradient_, rtol=1e-4, atol=1e-6)


@pytest.mark.skipif(shutil.which("g++") is None, reason="compiling needs a C++ compiler")
def test_batches_of_one_shape_stay_of_one_shape(tokenizer: Any) -> None:
    """However much of their rows is padding, and however many tokens are predicted."""
    objective = OBJECTIVES["mlm"]
    collator = objective.collator(read_vocabulary(tokenizer), objective.config(), 0)
    model: Any = new_model("modernbert:2x64", objective.auto_class, tokenizer, 64, seed=0)
    require_packable(model, "products8")
    compile_layers(model)
    plan = plan_head(model)
    seen: list[tuple[torch.Size, torch.Size]] = []
    line: list[torch.Size] = []
    model.model.final_norm.register_forward_pre_hook(lambda _m, given: line.append(given[0].shape))
    model.head.register_forward_pre_hook(
        lambda _m, given: seen.append((line.pop(), given[0].shape))
    )
    batches = [_batch(collator, rows) for rows in ([[64], [64]], [[60, 4], [58]], [[64], [9]])]
    predicted = [int((batch["labels"] != -100).sum()) for batch in batches]
    for batch in batches:
        summed_loss(model, batch, objective, head=plan)
    assert len(set(predicted)) > 1
    evened = [number + number % 2 for number in predicted]  # 128 tokens, in shares of a 64th
    assert seen == [(torch.Size((1, 128, 64)), torch.Size((1, n, 64))) for n in evened]


def _batch(collator: Any, rows: list[list[int]]) -> dict[str, torch.Tensor]:
    """A row for each list of segments' lengths."""
    examples = [
        {
            "input_ids": torch.arange(5, 5 + sum(lengths)).numpy(), "segment_lengths": lengths,
            "epoch": 0, "example": number,
        }
        for number, lengths in enumerate(rows)
    ]  # fmt: skip
    found: dict[str, torch.Tensor] = collator(examples)
    return found


def _step(model: Any, batch: dict[str, torch.Tensor]) -> tuple[torch.Tensor, torch.Tensor]:
    loss, _, _ = summed_loss(model, batch, OBJECTIVES["mlm"], head=plan_head(model))
    model.zero_grad()
    loss.backward()
    return loss.detach(), model.get_input_embeddings().weight.grad.clone()
