"""Compiled layers compute what plain ones do."""

from __future__ import annotations

import shutil
from typing import Any

import pytest
import torch

from mlm_pretrain.evaluation.batch_loss import summed_loss
from mlm_pretrain.modeling.attention.choosing import require_packable
from mlm_pretrain.modeling.build import new_model
from mlm_pretrain.modeling.compilation import compile_layers
from mlm_pretrain.modeling.sparse_head import HeadPlan
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
        results.append([_step(model, collator, lengths) for lengths in ([20, 9], [33])])
    for (loss, gradient), (loss_, gradient_) in zip(*results, strict=True):
        torch.testing.assert_close(loss, loss_, rtol=1e-5, atol=0)
        torch.testing.assert_close(gradient, gradient_, rtol=1e-4, atol=1e-6)


def _step(model: Any, collator: Any, lengths: list[int]) -> tuple[torch.Tensor, torch.Tensor]:
    ids = torch.arange(5, 5 + sum(lengths)).numpy()
    example = {"input_ids": ids, "segment_lengths": lengths, "epoch": 0, "example": 0}
    loss, _, _ = summed_loss(
        model, collator([example]), OBJECTIVES["mlm"], head=HeadPlan(is_plain=True)
    )
    model.zero_grad()
    loss.backward()
    return loss.detach(), model.get_input_embeddings().weight.grad.clone()
