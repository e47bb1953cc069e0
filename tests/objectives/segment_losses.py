"""Objectives that tell a class of each segment (see `segment_classes`), compared with each segment alone."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from mlm_pretrain.evaluation.passes import ModelPasses
from mlm_pretrain.modeling.attention.choosing import require_packable
from mlm_pretrain.modeling.build import new_model
from mlm_pretrain.modeling.sparse_head import HeadPlan, plan_head
from mlm_pretrain.objectives import Objective
from mlm_pretrain.objectives.token_loss import IGNORED
from mlm_pretrain.objectives.vocabulary import read_vocabulary
from mlm_pretrain.training.heads import attach_heads

Batch = dict[str, torch.Tensor]


def large_weights(arch: str, objective: Objective, tokenizer: Any, config: Any) -> Any:
    """A model with its heads, in which what leaks would show."""
    model: Any = new_model(arch, objective.auto_class, tokenizer, 128, seed=0).eval()
    attach_heads(model, objective, read_vocabulary(tokenizer), config, seed=0)
    with torch.no_grad():
        for weight in model.parameters():
            weight *= 2
    return model


def require_those_of_each_segment(
    model: Any, objective: Objective, config: Any, batch: Batch, method: str
) -> None:
    """Sums, loss and gradients of a packed batch, with dense scores and with sparse ones."""
    counts, weights = objective.count(objective, batch), objective.weights(config)
    types = ["token_type_ids"] if getattr(model.config, "type_vocab_size", 0) > 1 else []
    inputs = [name for name in ["input_ids", *types] if name in batch]
    expected = naive(model, batch, objective.terms[1], inputs)
    require_packable(model, method)
    for head in (HeadPlan(), plan_head(model)):
        found = objective.loss(objective, ModelPasses(model, head), batch, counts, config)
        assert set(found.sums) == set(expected)
        for name, total in expected.items():
            assert found.sums[name].item() == pytest.approx(total, rel=1e-5)
        whole = sum(weights[name] * expected[name] / counts[name] for name in expected)
        assert found.loss.item() == pytest.approx(whole, rel=1e-5)
        gradients = torch.autograd.grad(found.loss, list(model.pretraining_heads.parameters()))
        assert all(gradient.abs().max() > 0 for gradient in gradients)


def naive(model: Any, batch: Batch, name: str, inputs: list[str]) -> dict[str, float]:
    """Sums of both terms, segment after segment, by the plain model with dense scores."""
    sums = {"masked": 0.0, name: 0.0}
    layout = batch["segment_ids"] if "segment_ids" in batch else batch["attention_mask"]
    for row, numbers in enumerate(layout):
        for number in range(1, int(numbers.max()) + 1):
            its = numbers == number
            given = {key: batch[key][row, its][None] for key in inputs}
            logits, state = model(**given).logits[0], model.base_model(**given)[0][0, 0]
            labels, label = batch["labels"][row, its], batch[f"{name}_labels"][row, its][0]
            nats = torch.nn.functional.cross_entropy(logits, labels, reduction="sum")
            sums["masked"] += nats.item()
            if label != IGNORED:
                scores = model.pretraining_heads[name](state)
                sums[name] += torch.nn.functional.cross_entropy(scores, label).item()
    return sums
