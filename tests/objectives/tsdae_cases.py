"""Rows of texts, small encoders with their heads, and losses, for the tests of texts written from vectors."""

from __future__ import annotations

from typing import Any

import torch
from rows_of_texts import examples

from mlm_pretrain.evaluation.passes import ModelPasses
from mlm_pretrain.modeling.build import new_model
from mlm_pretrain.modeling.sparse_head import HeadPlan
from mlm_pretrain.objectives import OBJECTIVES
from mlm_pretrain.objectives.tsdae import TsdaeCollator, TsdaeConfig
from mlm_pretrain.objectives.vocabulary import read_vocabulary
from mlm_pretrain.training.heads import attach_heads

OBJECTIVE = OBJECTIVES["tsdae"]
PAD, UNKNOWN, START, END, MASK = range(5)  # of the toy vocabulary; its words follow


def collated(tokenizer: Any, config: TsdaeConfig, rows: Any = None) -> Any:
    collator = TsdaeCollator(read_vocabulary(tokenizer), config, 3)
    return collator(examples(tokenizer) if rows is None else rows)


def network(arch: str, tokenizer: Any, config: TsdaeConfig) -> Any:
    """A model with its heads and plain attention, in which what leaks would show."""
    model: Any = new_model(f"{arch}:3x64", OBJECTIVE.auto_class, tokenizer, 64, seed=0)
    changes = {"modernbert": {"local_attention": 16}, "electra": {"embedding_size": 48}}
    for name, value in changes.get(
        arch, {}
    ).items():  # short windows; vectors not as wide as states
        setattr(model.config, name, value)
        model = type(model)(model.config)
    attach_heads(model, OBJECTIVE, read_vocabulary(tokenizer), config, seed=0)
    with torch.no_grad():
        for name, weight in model.named_parameters():
            if weight.dim() == 2 and "embed" not in name:
                weight *= 4
        model.pretraining_heads["vector"].bias.normal_(std=0.02)
    return model.eval()


def found_loss(model: Any, batch: Any, config: TsdaeConfig, head: HeadPlan | None = None) -> Any:
    counts = OBJECTIVE.count(OBJECTIVE, batch)
    passes = ModelPasses(model, head or HeadPlan())
    return OBJECTIVE.loss(OBJECTIVE, passes, batch, counts, config)


def texts(batch: Any, prefix: str = "") -> list[dict[str, torch.Tensor]]:
    """Ids and labels of each segment, in the rows' order."""
    names, found = ("input_ids", "labels"), []
    for row, numbers in enumerate(batch[f"{prefix}segment_ids"]):
        for number in range(1, int(numbers.max()) + 1):
            found.append({name: batch[prefix + name][row, numbers == number] for name in names})
    return found
