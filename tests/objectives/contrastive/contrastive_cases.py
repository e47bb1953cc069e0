"""Rows of texts, small encoders and their passes, for the tests of contrastive learning."""

from __future__ import annotations

from typing import Any

import torch
from rows_of_texts import examples

from mlm_pretrain.evaluation.passes import ModelPasses
from mlm_pretrain.modeling.attention.choosing import require_packable
from mlm_pretrain.modeling.build import new_model
from mlm_pretrain.modeling.sparse_head import HeadPlan
from mlm_pretrain.objectives import OBJECTIVES
from mlm_pretrain.objectives.contrastive.collator import ContrastiveCollator
from mlm_pretrain.objectives.contrastive.config import ContrastiveConfig
from mlm_pretrain.objectives.vocabulary import read_vocabulary
from mlm_pretrain.training.heads import attach_heads

OBJECTIVE = OBJECTIVES["contrastive"]


def network(
    tokenizer: Any,
    config: ContrastiveConfig,
    arch: str = "bert",
    method: str = "products8",
    **given: Any,
) -> Any:
    """A model with its heads, ready to train on packed rows."""
    model: Any = new_model(f"{arch}:2x64", OBJECTIVE.auto_class, tokenizer, 64, seed=0, **given)
    attach_heads(model, OBJECTIVE, read_vocabulary(tokenizer), config, 0)
    require_packable(model, method)
    return model


def collated(tokenizer: Any, config: ContrastiveConfig, rows: Any = None) -> Any:
    collator = ContrastiveCollator(read_vocabulary(tokenizer), config, 3)
    return collator(examples(tokenizer) if rows is None else rows)


def passes_of(model: Any) -> ModelPasses:
    return ModelPasses(model, HeadPlan())


def gradients(model: Any) -> dict[str, torch.Tensor]:
    return {n: p.grad.clone() for n, p in model.named_parameters() if p.grad is not None}
