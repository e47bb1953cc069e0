"""Where a model's layers are, and the weights of its matrices, whatever the architecture calls them."""

from __future__ import annotations

from collections.abc import Set
from typing import Any

import torch


def layers_of(model: Any) -> torch.nn.ModuleList | None:
    """The list of layers of a model's base, which is the one with most weights; None where there is none."""
    lists = [m for m in model.base_model.modules() if isinstance(m, torch.nn.ModuleList)]
    return max(lists, key=lambda found: sum(p.numel() for p in found.parameters()), default=None)


def writes_what_it_reads(model: Any) -> bool:
    """Whether the model is an encoder with a decoder, which takes two texts."""
    return bool(getattr(model.config, "is_encoder_decoder", False))


def token_table(model: Any) -> torch.Tensor:
    """The token vectors (V, H) that a model reads: another model's where its own are a difference to them."""
    embedding = model.get_input_embeddings()
    weight: torch.Tensor = getattr(embedding, "base", embedding).weight
    return weight


def embedding_tables(model: torch.nn.Module) -> set[int]:
    """`id`s of the weights of all embeddings: tokens', positions', kinds of segment."""
    return {id(m.weight) for m in model.modules() if isinstance(m, torch.nn.Embedding)}


def matrix_weights(module: torch.nn.Module, without: Set[int] = frozenset()) -> int:
    """Numbers in the matrices of `module`, but for those whose `id` is in `without`."""
    return sum(p.numel() for p in module.parameters() if p.dim() == 2 and id(p) not in without)
